//! `cargo xtask sim-demo`: builds the simulated demo in sight and runs it.
//!
//! Like the demo it is a program of its own, behind a feature of this package. The
//! options are read here first and passed on one by one.

#[path = "bin/sim_demo/options.rs"]
mod options;

use std::io;
use std::path::absolute;

pub(crate) use options::Options;

use crate::shell::Shell;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let call = "run --package xtask --features sim-demo --bin polyloop-sim-demo --";
    arguments(options)
        .map_err(|error| format!("the current directory: {error}"))?
        .into_iter()
        .fold(Shell::cargo(call), Shell::arg)
        .run()
}

/// The options as they are typed; but the program runs in the root of the
/// repository, so the path is made to mean there what it means here.
fn arguments(options: &Options) -> io::Result<Vec<String>> {
    let mut arguments = vec!["--seed".to_owned(), options.seed.to_string()];
    if let Some(path) = &options.out {
        let path = absolute(path)?.to_string_lossy().into_owned();
        arguments.extend(["--out".to_owned(), path]);
    }
    if options.events {
        arguments.push("--events".to_owned());
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Options, arguments};

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[String]) -> Options {
        let program = ["sim-demo".to_owned()];
        Program::parse_from(program.iter().chain(arguments)).options
    }

    #[test]
    fn what_is_passed_on_is_what_was_given() {
        let given = Options {
            seed: 42,
            out: Some("/a b/run.html".into()),
            events: true,
        };
        assert_eq!(parse(&arguments(&given).unwrap()), given);
        let none = parse(&[]);
        assert_eq!(parse(&arguments(&none).unwrap()), none);
    }

    #[test]
    fn a_relative_path_means_the_same_from_the_root() {
        let given = parse(&["--out".to_owned(), "run.html".to_owned()]);
        let passed = parse(&arguments(&given).unwrap()).out.unwrap();
        assert_eq!(passed, std::env::current_dir().unwrap().join("run.html"));
    }
}
