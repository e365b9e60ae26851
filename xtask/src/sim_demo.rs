//! `cargo xtask sim-demo`: builds the simulated demo in sight and runs it.
//!
//! Like the demo it is a program of its own, behind a feature of this package. The
//! options are read here first and passed on one by one.

#[path = "bin/sim_demo/options.rs"]
mod options;

pub(crate) use options::Options;

use crate::passing::Passed;
use crate::shell::Shell;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let call = "run --package xtask --features sim-demo --bin polyloop-sim-demo --";
    Shell::cargo(call).args(arguments(options)?).run()
}

/// The options as they are typed.
fn arguments(options: &Options) -> Result<Vec<String>, String> {
    let passed = Passed::default()
        .values("--seed", &[options.seed.to_string()])
        .path("--out", options.out.as_deref())?
        .switch("--events", options.events);
    Ok(passed.into_arguments())
}

#[cfg(test)]
mod tests {
    use super::{Options, arguments};
    use crate::passing::parsed;

    #[test]
    fn what_is_passed_on_is_what_was_given() {
        let given = Options {
            seed: 42,
            out: Some("/a b/run.html".into()),
            events: true,
        };
        assert_eq!(parsed::<Options>(&arguments(&given).unwrap()), given);
        let none: Options = parsed(&[]);
        assert_eq!(parsed::<Options>(&arguments(&none).unwrap()), none);
    }
}
