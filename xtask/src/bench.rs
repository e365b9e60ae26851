//! `cargo xtask bench`: builds the bench in sight and runs it.
//!
//! It is a package of its own, with programs of its own. The options are read here
//! first, so that a wrong one costs no build, and passed on one by one.

#[path = "../../bench/src/options.rs"]
mod options;

use std::io;
use std::path::absolute;

pub(crate) use options::Options;

use crate::shell::Shell;

/// The profile in the workspace's manifest.
const PROFILE: &str = "--profile bench-release --package polyloop-bench";

pub(crate) fn run(options: &Options) -> Result<(), String> {
    // All programs first: running one builds that one only.
    Shell::cargo(&format!("build {PROFILE} --bins")).run()?;
    if options.peers {
        // By itself, so that what it switches on in the runtimes stays out of the rest.
        let features = "--features peers --bin polyloop-bench-peers";
        Shell::cargo(&format!("build {PROFILE} {features}")).run()?;
    }
    let call = format!("run {PROFILE} --bin polyloop-bench --");
    arguments(options)
        .map_err(|error| format!("the current directory: {error}"))?
        .into_iter()
        .fold(Shell::cargo(&call), Shell::arg)
        .run()
}

/// The options as they are typed; but the program runs in the root of the
/// repository, so paths are made to mean there what they mean here.
fn arguments(options: &Options) -> io::Result<Vec<String>> {
    let mut arguments = options.filters.clone();
    for name in &options.loops {
        arguments.extend(["--loop".to_owned(), name.clone()]);
    }
    for (name, wanted) in [
        ("--quick", options.quick),
        ("--smoke", options.smoke),
        ("--peers", options.peers),
        ("--python", options.python),
    ] {
        if wanted {
            arguments.push(name.to_owned());
        }
    }
    for (name, path) in [
        ("--json", &options.json),
        ("--markdown", &options.markdown),
        ("--svg", &options.svg),
    ] {
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
        let program = ["bench".to_owned()];
        Program::parse_from(program.iter().chain(arguments)).options
    }

    #[test]
    fn what_is_passed_on_is_what_was_given() {
        let given = Options {
            filters: vec!["ping".to_owned(), "churn".to_owned()],
            loops: vec!["smol".to_owned(), "tokio-ct".to_owned()],
            quick: true,
            smoke: false,
            json: Some("/a b/bench.json".into()),
            markdown: Some("/bench.md".into()),
            svg: Some("/charts".into()),
            peers: true,
            python: true,
        };
        assert_eq!(parse(&arguments(&given).unwrap()), given);
        assert!(arguments(&Options::default()).unwrap().is_empty());
    }

    #[test]
    fn a_relative_path_means_the_same_from_the_root() {
        let given = Options {
            svg: Some("charts".into()),
            ..Options::default()
        };
        let passed = parse(&arguments(&given).unwrap()).svg.unwrap();
        assert_eq!(passed, std::env::current_dir().unwrap().join("charts"));
    }
}
