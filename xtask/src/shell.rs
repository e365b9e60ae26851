//! [`Shell`]: a command that is shown, as it can be typed again, before it runs.

use std::env;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// A call of cargo from the root of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    environment: Vec<(&'static str, String)>,
    arguments: Vec<String>,
}

impl Shell {
    /// `cargo` with these arguments, which are separated by blanks.
    pub(crate) fn cargo(arguments: &str) -> Self {
        Self {
            environment: Vec::new(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Adds one argument as it is.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments as they are.
    pub(crate) fn args(mut self, arguments: Vec<String>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Shows the command and runs it; its output goes where this program's goes.
    pub(crate) fn run(&self) -> Result<(), String> {
        self.show();
        let status = self
            .command()
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("`{self}` did not start: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{self}` ended with {status}"))
        }
    }

    /// Shows the command, runs it and gives what it wrote to standard output.
    pub(crate) fn read(&self) -> Result<String, String> {
        self.show();
        let output = self
            .command()
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("`{self}` did not start: {error}"))?;
        if output.status.success() {
            String::from_utf8(output.stdout).map_err(|error| format!("`{self}`: {error}"))
        } else {
            Err(format!("`{self}` ended with {}", output.status))
        }
    }

    fn show(&self) {
        println!("$ {self}");
        // The command writes to the same place, past our buffer.
        let _ = io::stdout().flush();
    }

    fn command(&self) -> Command {
        // The cargo that runs this program, so that `cargo +toolchain xtask` holds.
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(root());
        command
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// As it can be typed into a shell.
impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}='{value}' ")?;
        }
        f.write_str("cargo")?;
        for argument in &self.arguments {
            if argument.is_empty() || argument.contains([' ', '{', '\'', '"', '$', '*']) {
                write!(f, " '{}'", argument.replace('\'', r"'\''"))?;
            } else {
                write!(f, " {argument}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Shell;

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let shell = Shell::cargo("tree -e  normal")
            .env("RUSTDOCFLAGS", "-D warnings")
            .arg("{p}");
        assert_eq!(
            shell.to_string(),
            "RUSTDOCFLAGS='-D warnings' cargo tree -e normal '{p}'"
        );
    }
}
