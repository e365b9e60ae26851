//! `cargo xtask matrix`: builds the matrix in sight and runs it.
//!
//! Like the demo it is a program of its own, behind a feature of this package. The
//! options are read here first and passed on one by one.

#[path = "bin/matrix/options.rs"]
mod options;

use std::io;
use std::path::absolute;

pub(crate) use options::Options;

use crate::shell::Shell;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let call = "run --package xtask --features matrix --bin polyloop-matrix --";
    arguments(options)
        .map_err(|error| format!("the current directory: {error}"))?
        .into_iter()
        .fold(Shell::cargo(call), Shell::arg)
        .run()
}

/// The options as they are typed; but the program runs in the root of the
/// repository, so paths are made to mean there what they mean here.
fn arguments(options: &Options) -> io::Result<Vec<String>> {
    let mut arguments = Vec::new();
    for (name, values) in [("--only", &options.only), ("--loop", &options.loops)] {
        for value in values {
            arguments.extend([name.to_owned(), value.clone()]);
        }
    }
    for (name, wanted) in [("--reasons", options.reasons), ("--counts", options.counts)] {
        if wanted {
            arguments.push(name.to_owned());
        }
    }
    for (name, path) in [("--json", &options.json), ("--html", &options.html)] {
        if let Some(path) = path {
            let path = absolute(path)?.to_string_lossy().into_owned();
            arguments.extend([name.to_owned(), path]);
        }
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
        let program = ["matrix".to_owned()];
        Program::parse_from(program.iter().chain(arguments)).options
    }

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
        assert_eq!(parse(&arguments(&given).unwrap()), given);
        assert!(arguments(&Options::default()).unwrap().is_empty());
    }

    #[test]
    fn a_relative_path_means_the_same_from_the_root() {
        let given = Options {
            json: Some("matrix.json".into()),
            ..Options::default()
        };
        let passed = parse(&arguments(&given).unwrap()).json.unwrap();
        assert_eq!(passed, std::env::current_dir().unwrap().join("matrix.json"));
    }
}
