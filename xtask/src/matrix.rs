//! `cargo xtask matrix`: builds the matrix in sight and runs it.
//!
//! Like the demo it is a program of its own, behind a feature of this package. The
//! options are read here first and passed on one by one.

#[path = "bin/matrix/options.rs"]
mod options;

pub(crate) use options::Options;

use crate::passing::Passed;
use crate::shell::Shell;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let call = "run --package xtask --features matrix --bin polyloop-matrix --";
    Shell::cargo(call).args(arguments(options)?).run()
}

/// The options as they are typed.
fn arguments(options: &Options) -> Result<Vec<String>, String> {
    let passed = Passed::default()
        .values("--only", &options.only)
        .values("--loop", &options.loops)
        .switch("--reasons", options.reasons)
        .switch("--counts", options.counts)
        .path("--json", options.json.as_deref())?
        .path("--html", options.html.as_deref())?;
    Ok(passed.into_arguments())
}

#[cfg(test)]
mod tests {
    use super::{Options, arguments};
    use crate::passing::parsed;

    #[test]
    fn what_is_passed_on_is_what_was_given() {
        let given = Options {
            only: vec!["LOOP-14".to_owned(), "TRAN".to_owned()],
            loops: vec!["smol".to_owned(), "tokio-ct".to_owned()],
            reasons: true,
            counts: true,
            json: Some("/a b/matrix.json".into()),
            html: Some("/matrix.html".into()),
        };
        assert_eq!(parsed::<Options>(&arguments(&given).unwrap()), given);
        assert!(arguments(&Options::default()).unwrap().is_empty());
    }
}
