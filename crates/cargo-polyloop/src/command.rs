//! What can be typed.

use clap::{Parser, Subcommand};

use crate::{features, new, seeds, test};

/// As cargo calls it: `cargo-polyloop polyloop …`.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
pub(crate) enum Invocation {
    /// For libraries that test with `#[polyloop::test]`.
    #[command(version)]
    Polyloop {
        #[command(subcommand)]
        command: Command,
    },
}

/// What is to be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Begins a library: a protocol, server and client, tests on every loop, a simulation.
    New(new::Options),
    /// Runs the tests, and shows them as a matrix of tests and loops.
    Test(test::Options),
    /// Hunts over many seeds on all processors, and keeps those under which a test fails.
    Seeds(seeds::Options),
    /// Builds every set of the features that switch loops: none may take a loop away.
    Features(features::Options),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Invocation;

    #[test]
    fn the_options_agree_with_each_other() {
        Invocation::command().debug_assert();
    }

    #[test]
    fn an_unknown_option_is_an_error_that_names_it() {
        let wrong = Invocation::try_parse_from(["cargo-polyloop", "polyloop", "test", "--htlm"]);
        let error = wrong.err().expect("it is unknown").to_string();
        assert!(error.contains("--htlm"), "{error}");
        assert!(error.contains("--html"), "{error}");
    }
}
