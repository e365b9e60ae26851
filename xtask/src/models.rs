//! `cargo xtask models`: core under every interleaving, as shuttle and loom run its models.
//!
//! They are tests of `polyloop-core` that exist only with `--cfg shuttle` or `--cfg loom`,
//! in modules called `models` beside what they model. Both are built apart from everything
//! else, in `target/models` and `target/loom`, since the flag is seen by every crate.

use clap::Args;

use crate::shell::Shell;

/// Options of `cargo xtask models`.
#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// How many orders are drawn of each model that has too many to run them all.
    #[arg(long, value_name = "N")]
    schedules: Option<usize>,
    /// Runs only the models whose path contains this text; may be given again.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Draws other orders: the seed is 0 unless given.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Runs one order again, as a failure printed it.
    #[arg(long, value_name = "TEXT", requires = "only")]
    schedule: Option<String>,
}

/// What runs models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checker {
    /// Orders of what threads do, taken one by one.
    Shuttle,
    /// The same, and what weak memory shows.
    Loom,
}

impl Checker {
    pub(crate) const ALL: [Self; 2] = [Self::Shuttle, Self::Loom];

    /// Builds core's models, and runs what follows.
    pub(crate) fn test(self) -> Shell {
        let (flag, directory) = match self {
            Self::Shuttle => ("--cfg shuttle", "target/models"),
            Self::Loom => ("--cfg loom", "target/loom"),
        };
        Shell::cargo("test --package polyloop-core --lib --target-dir")
            .arg(directory)
            .env("RUSTFLAGS", flag)
            // Half an hour becomes a few minutes.
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "3")
            // Panics that a model means to have are many.
            .env("RUST_BACKTRACE", "0")
    }

    /// Runs all its models, as every change must pass them.
    pub(crate) fn test_all(self) -> Shell {
        self.test().arg("models::")
    }
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut found = false;
    for checker in Checker::ALL {
        let list = checker.test().arg("models::");
        let listed = list.args(words("-- --list --format terse")).read()?;
        let chosen = selected(&listed, &options.only);
        if chosen.is_empty() {
            continue;
        }
        found = true;
        let mut shell = checker.test().args(words("-- --exact")).args(chosen);
        for (name, value) in settings(options) {
            shell = shell.env(name, &value);
        }
        shell.run()?;
    }
    if found {
        Ok(())
    } else {
        let names = options.only.join(" or ");
        Err(format!("no model's path contains {names}"))
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The options as core's `exploring` reads them.
fn settings(options: &Options) -> Vec<(&'static str, String)> {
    let given = [
        (
            "POLYLOOP_SCHEDULES",
            options.schedules.map(|n| n.to_string()),
        ),
        ("POLYLOOP_MODEL_SEED", options.seed.map(|n| n.to_string())),
        ("POLYLOOP_SCHEDULE", options.schedule.clone()),
    ];
    given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Of what `--list` prints, the models that were asked for; all if none was.
fn selected(listed: &str, only: &[String]) -> Vec<String> {
    listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|path| only.is_empty() || only.iter().any(|text| path.contains(text)))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Checker, Options, selected, settings};

    #[test]
    fn models_are_chosen_by_a_part_of_their_path() {
        let listed = "promise::models::shared::a: test\nsync::models::b: test\n\n2 tests\n";
        let only = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            selected(listed, &texts)
        };
        assert_eq!(only(&[]), ["promise::models::shared::a", "sync::models::b"]);
        assert_eq!(only(&["shared"]), ["promise::models::shared::a"]);
        assert_eq!(only(&["nothing"]), [""; 0]);
        assert_eq!(only(&["sync", "shared"]).len(), 2);
    }

    #[test]
    fn only_what_was_given_is_passed_on() {
        assert!(settings(&Options::default()).is_empty());
        let given = Options {
            schedules: Some(5),
            seed: Some(7),
            ..Options::default()
        };
        assert_eq!(
            settings(&given),
            [
                ("POLYLOOP_SCHEDULES", "5".to_owned()),
                ("POLYLOOP_MODEL_SEED", "7".to_owned())
            ]
        );
    }

    #[test]
    fn each_checker_is_built_apart() {
        let texts = Checker::ALL.map(|checker| checker.test_all().to_string());
        for (text, flag) in texts.iter().zip(["--cfg shuttle", "--cfg loom"]) {
            assert!(
                text.contains(flag) && text.contains("--target-dir target/"),
                "{text}"
            );
        }
    }
}
