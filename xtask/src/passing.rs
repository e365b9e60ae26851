//! [`Passed`]: options that a subcommand has read, on their way to the program that does
//! the work.

use std::path::{Path, absolute};

/// Options as they are typed, one by one.
#[derive(Default)]
pub(crate) struct Passed(Vec<String>);

impl Passed {
    /// Arguments without a name.
    pub(crate) fn arguments(mut self, arguments: &[String]) -> Self {
        self.0.extend_from_slice(arguments);
        self
    }

    /// An option that has a value, as often as it was given.
    pub(crate) fn values(mut self, name: &str, values: &[String]) -> Self {
        for value in values {
            self.0.extend([name.to_owned(), value.clone()]);
        }
        self
    }

    /// An option that is there or not.
    pub(crate) fn switch(mut self, name: &str, wanted: bool) -> Self {
        self.0.extend(wanted.then(|| name.to_owned()));
        self
    }

    /// An option whose value is a path. The program runs in the root of the repository,
    /// so the path is made to mean there what it means here.
    pub(crate) fn path(mut self, name: &str, path: Option<&Path>) -> Result<Self, String> {
        if let Some(path) = path {
            let path = absolute(path)
                .map_err(|error| format!("{name} {}: {error}", path.display()))?
                .to_string_lossy()
                .into_owned();
            self.0.extend([name.to_owned(), path]);
        }
        Ok(self)
    }

    pub(crate) fn into_arguments(self) -> Vec<String> {
        self.0
    }
}

/// What a program makes of the options that were passed on to it.
#[cfg(test)]
pub(crate) fn parsed<O: clap::Args>(arguments: &[String]) -> O {
    #[derive(clap::Parser)]
    struct Program<O: clap::Args> {
        #[command(flatten)]
        options: O,
    }

    let program = ["program".to_owned()];
    <Program<O> as clap::Parser>::parse_from(program.iter().chain(arguments)).options
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Passed;

    #[test]
    fn options_are_typed_as_they_were_given() {
        let passed = Passed::default()
            .arguments(&["ping".to_owned()])
            .values("--loop", &["smol".to_owned(), "tokio".to_owned()])
            .switch("--quick", true)
            .switch("--peers", false)
            .into_arguments();
        assert_eq!(
            passed,
            ["ping", "--loop", "smol", "--loop", "tokio", "--quick"]
        );
    }

    #[test]
    fn a_relative_path_means_the_same_from_the_root() {
        let passed = Passed::default()
            .path("--json", Some(Path::new("run.json")))
            .and_then(|passed| passed.path("--svg", None))
            .unwrap()
            .into_arguments();
        let here = std::env::current_dir().unwrap().join("run.json");
        assert_eq!(passed, ["--json", here.to_str().unwrap()]);
        let error = Passed::default().path("--json", Some(Path::new("")));
        assert!(error.is_err_and(|error| error.contains("--json")));
    }
}
