//! `cargo xtask bench`: builds the bench in sight and runs it.
//!
//! It is a package of its own, with programs of its own. The options are read here
//! first, so that a wrong one costs no build, and passed on one by one.

#[path = "../../bench/src/options.rs"]
mod options;

pub(crate) use options::Options;
use options::{SUITES, selects};

use crate::passing::Passed;
use crate::shell::Shell;

/// The profile in the workspace's manifest.
const PROFILE: &str = "--profile bench-release --package";

pub(crate) fn run(options: &Options) -> Result<(), String> {
    // All programs first: running one builds that one only.
    Shell::cargo(&format!("build {PROFILE} polyloop-bench --bins")).run()?;
    let selected = |simulated: bool| {
        let wanted = |suite: &str| {
            let filters = &options.filters;
            filters.is_empty() || filters.iter().any(|text| selects(text, suite))
        };
        let mut suites = SUITES.into_iter().filter(|suite| wanted(suite));
        options.peers && suites.any(|suite| suite.starts_with("sim-") == simulated)
    };
    if selected(true) {
        let features = "--features sim-peers --bin polyloop-bench-sim-peers";
        let apart = "--config build.rustflags=[\"--cfg\",\"madsim\"] --target-dir target/sim-peers";
        Shell::cargo(&format!(
            "build {PROFILE} polyloop-bench-peers {features} {apart}"
        ))
        .run()?;
    }
    if selected(false) {
        // By itself, so that what it switches on in the runtimes stays out of the rest.
        let features = "--features peers --bin polyloop-bench-peers";
        Shell::cargo(&format!("build {PROFILE} polyloop-bench-peers {features}")).run()?;
    }
    let call = format!("run {PROFILE} polyloop-bench --bin polyloop-bench --");
    Shell::cargo(&call).args(arguments(options)?).run()
}

/// The options as they are typed.
fn arguments(options: &Options) -> Result<Vec<String>, String> {
    let passed = Passed::default()
        .arguments(&options.filters)
        .values("--loop", &options.loops)
        .switch("--quick", options.quick)
        .switch("--smoke", options.smoke)
        .switch("--peers", options.peers)
        .switch("--python", options.python)
        .switch("--instructions", options.instructions)
        .path("--json", options.json.as_deref())?
        .path("--markdown", options.markdown.as_deref())?
        .path("--svg", options.svg.as_deref())?;
    Ok(passed.into_arguments())
}

#[cfg(test)]
mod tests {
    use super::{Options, arguments};
    use crate::passing::parsed;

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
            instructions: true,
        };
        assert_eq!(parsed::<Options>(&arguments(&given).unwrap()), given);
        assert!(arguments(&Options::default()).unwrap().is_empty());
    }
}
