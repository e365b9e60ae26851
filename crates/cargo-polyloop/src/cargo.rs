//! Calls of cargo.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// The cargo that runs this program, so that `cargo +toolchain polyloop` holds.
pub(crate) fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// What a call writes to standard output, and whether it succeeded; what it writes to
/// standard error goes where ours goes.
pub(crate) fn read(arguments: &[String]) -> Result<(bool, String), String> {
    finish(arguments, Stdio::inherit()).map(|(succeeded, output, _)| (succeeded, output))
}

/// The same, with what it writes to standard error.
pub(crate) fn read_all(arguments: &[String]) -> Result<(bool, String, String), String> {
    finish(arguments, Stdio::piped())
}

fn finish(arguments: &[String], error: Stdio) -> Result<(bool, String, String), String> {
    let output = Command::new(program())
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(error)
        .output()
        .map_err(|error| format!("`{}` did not start: {error}", shown(arguments)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    ))
}

/// A call of cargo as it can be typed.
pub(crate) fn shown(arguments: &[String]) -> String {
    let mut text = "cargo".to_owned();
    for argument in arguments {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:./,@+".contains(c);
        if !argument.is_empty() && argument.chars().all(plain) {
            text = format!("{text} {argument}");
        } else {
            text = format!("{text} '{}'", argument.replace('\'', r"'\''"));
        }
    }
    text
}

/// `["a", "b"]` of `"a b"`.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{shown, words};

    #[test]
    fn a_call_is_shown_as_it_can_be_typed() {
        let mut call = words("test --test a");
        call.push("it's $HOME".to_owned());
        assert_eq!(shown(&call), r"cargo test --test a 'it'\''s $HOME'");
    }
}
