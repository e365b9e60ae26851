//! The steps of `cargo xtask test`, cheapest first.

use std::fmt;

use super::{core_dependencies, manifests, rooms};
use crate::models::Checker;
use crate::shell::Shell;

/// One step.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) work: Work,
}

/// What a step does.
pub(crate) enum Work {
    /// It is one call of cargo.
    Cargo(Shell),
    /// It is a function here; the text says what it checks.
    Check(&'static str, fn() -> Result<(), String>),
}

impl Step {
    pub(crate) fn run(&self) -> Result<(), String> {
        match &self.work {
            Work::Cargo(shell) => shell.run(),
            Work::Check(_, check) => check(),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cargo(shell) => shell.fmt(f),
            Self::Check(text, _) => f.write_str(text),
        }
    }
}

/// The sets of features that the facade, and what is built on it, must work with.
const FEATURE_SETS: [(&str, &str); 6] = [
    // Not the bench's peers, which want a hundred packages more, OpenSSL and a newer
    // compiler than the rest.
    (
        "all",
        "--workspace --exclude polyloop-bench-peers --all-features",
    ),
    ("none", ONE_SET),
    ("tokio", ONE_SET),
    ("smol", ONE_SET),
    ("async-std", ONE_SET),
    ("sim", ONE_SET),
];

/// The packages whose features choose loops. The others have been tested with `all`.
const ONE_SET: &str =
    "--package polyloop --package polyloop-examples --package polyloop-tests --no-default-features";

/// The first of them alone.
const FACADE: &str = "--package polyloop --no-default-features";

/// Every step, in the order they run.
pub(crate) fn all() -> Vec<Step> {
    let cargo = |name: &str, arguments: &str| Step {
        name: name.to_owned(),
        work: Work::Cargo(Shell::cargo(arguments)),
    };
    let check = |name: &str, text, check| Step {
        name: name.to_owned(),
        work: Work::Check(text, check),
    };
    let mut steps = vec![
        cargo("fmt", "fmt --all --check"),
        check(
            "lints",
            "every package has the workspace's lints, which forbid unsafe code",
            manifests::check,
        ),
        check(
            "core-dependencies",
            "polyloop-core depends on no runtime",
            core_dependencies::check,
        ),
        check(
            "rooms",
            "the rooms of polyloop-core know only those below them",
            rooms::check,
        ),
    ];
    let selected = |(set, packages): (&str, &str)| match set {
        "all" | "none" => packages.to_owned(),
        feature => format!("{packages} --features {feature}"),
    };
    for set in FEATURE_SETS {
        steps.push(cargo(
            &format!("clippy-{}", set.0),
            &format!("clippy {} --all-targets -- -D warnings", selected(set)),
        ));
    }
    for set in FEATURE_SETS {
        // Only the facade's documentation says different things for different features.
        let packages = match set.1 {
            ONE_SET => FACADE,
            packages => packages,
        };
        let doc = Shell::cargo(&format!("doc {} --no-deps", selected((set.0, packages))));
        steps.push(Step {
            name: format!("doc-{}", set.0),
            work: Work::Cargo(doc.env("RUSTDOCFLAGS", "-D warnings")),
        });
    }
    for set in FEATURE_SETS {
        // What the other two test runs on each loop with `all`, and without any with `none`;
        // clippy has compiled it for the others.
        let packages = match set.0 {
            "all" | "none" => set.1,
            _ => FACADE,
        };
        steps.push(cargo(
            &format!("test-{}", set.0),
            // One run shows every failure, not those of the first failing file alone.
            &format!("test {} --no-fail-fast", selected((set.0, packages))),
        ));
    }
    for (name, checker) in [("models", Checker::Shuttle), ("models-loom", Checker::Loom)] {
        steps.push(Step {
            name: name.to_owned(),
            work: Work::Cargo(checker.test_all()),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::{FEATURE_SETS, all};

    #[test]
    fn each_set_of_features_is_linted_documented_and_tested() {
        let names: Vec<String> = all().into_iter().map(|step| step.name).collect();
        for (set, _) in FEATURE_SETS {
            for kind in ["clippy", "doc", "test"] {
                assert!(names.contains(&format!("{kind}-{set}")), "{kind} {set}");
            }
        }
    }

    #[test]
    fn models_run_on_both_checkers() {
        let steps = all();
        for name in ["models", "models-loom"] {
            let step = steps.iter().find(|step| step.name == name);
            assert!(
                step.unwrap().work.to_string().contains("models::"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_single_feature_comes_alone() {
        let step = all().into_iter().find(|step| step.name == "test-smol");
        assert_eq!(
            step.unwrap().work.to_string(),
            "cargo test --package polyloop --no-default-features --features smol --no-fail-fast"
        );
    }
}
