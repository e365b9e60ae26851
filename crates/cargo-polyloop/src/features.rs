//! `cargo polyloop features`: every set of the features that switch loops.
//!
//! Cargo adds the features up that anybody asks for, so a user may get any set that contains
//! his own. Each set has to compile, and what a smaller one has must be there in a larger one.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::building;
use crate::case::{Case, LOOPS};
use crate::listing;
use crate::project::Project;
use crate::set::FeatureSet;

/// Options of `cargo polyloop features`.
#[derive(Args)]
pub(crate) struct Options {
    /// Checks this package of the workspace.
    #[arg(short, long, value_name = "NAME")]
    package: Option<String>,
}

/// More have too many sets.
const MOST: usize = 6;

/// The tests of one set, by their places among all features.
type Sets = BTreeMap<usize, BTreeSet<String>>;

/// Whether no set swaps or removes a loop.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let names: Vec<String> = options.package.iter().cloned().collect();
    let project = Project::find(&names)?;
    let [package] = &project.packages[..] else {
        return Err("--package NAME says which package's features are meant".to_owned());
    };
    let switches = switches(&package.features);
    if switches.is_empty() {
        anstream::println!(
            "{} has no feature that switches a loop: whoever uses it brings one, and there is \
             nothing to check",
            package.name
        );
        return Ok(true);
    }
    if switches.len() > MOST {
        return Err(format!(
            "{} features switch loops ({}), which make more sets than can be built",
            switches.len(),
            switches.join(", ")
        ));
    }
    let mut sets = Sets::new();
    let mut compile = true;
    for set in 0..1 << switches.len() {
        let features = FeatureSet::Only(chosen(&switches, set));
        match building::build(&project, &features) {
            Ok(executables) => {
                let (cases, _) = listing::list(&project, &executables)?;
                let tests = tests(&cases);
                anstream::println!("{}: {}", features.name(), loops(&tests));
                sets.insert(set, tests);
            }
            Err(problem) => {
                compile = false;
                anstream::println!("{}: FAIL, {problem}", features.name());
            }
        }
    }
    let losses = losses(&switches, &sets);
    for loss in &losses {
        anstream::println!("FAIL {loss}");
    }
    Ok(compile && losses.is_empty())
}

/// The features that lead to one of polyloop's that is called after a loop, by others, too.
fn switches(features: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found = BTreeSet::new();
    loop {
        let switches = |asked: &String| {
            let of_polyloop = asked.split_once('/').is_some_and(|(package, feature)| {
                let is_loop = LOOPS.contains(&feature.replace('-', "_").as_str());
                package.trim_end_matches('?') == "polyloop" && is_loop
            });
            of_polyloop || found.contains(asked)
        };
        let more: BTreeSet<String> = features
            .iter()
            .filter(|(name, asks)| *name != "default" && asks.iter().any(switches))
            .map(|(name, _)| name.clone())
            .collect();
        if more == found {
            return found.into_iter().collect();
        }
        found = more;
    }
}

/// The features of a set: those whose bits are set.
fn chosen(switches: &[String], set: usize) -> Vec<String> {
    let switches = switches.iter().enumerate();
    let chosen = switches.filter(|(place, _)| set >> place & 1 == 1);
    chosen.map(|(_, name)| name.clone()).collect()
}

/// The tests on loops that are run.
fn tests(cases: &[Case]) -> BTreeSet<String> {
    let on_loops = |case: &&Case| case.on_loops && !case.ignored;
    let names = cases.iter().filter(on_loops);
    names.map(|case| case.name.clone()).collect()
}

/// The loops that these tests are on.
fn loops(tests: &BTreeSet<String>) -> String {
    let is_on = |name: &&&str| {
        tests
            .iter()
            .any(|test| test.ends_with(&format!("::{name}")))
    };
    let loops: Vec<&str> = LOOPS.iter().filter(is_on).copied().collect();
    if loops.is_empty() {
        "tests on no loop".to_owned()
    } else {
        format!("tests on {}", loops.join(", "))
    }
}

/// What a set has, and one with more features has not.
fn losses(switches: &[String], sets: &Sets) -> Vec<String> {
    let mut losses = Vec::new();
    for (small, tests) in sets {
        // With one feature more: a larger step is made of these.
        let larger = (0..switches.len()).map(|place| small | 1 << place);
        for large in larger.filter(|large| large != small) {
            let Some(there) = sets.get(&large) else {
                continue;
            };
            for lost in tests.difference(there) {
                losses.push(format!(
                    "{lost} runs with {}, and not with {}",
                    FeatureSet::Only(chosen(switches, *small)).name(),
                    FeatureSet::Only(chosen(switches, large)).name(),
                ));
            }
        }
    }
    losses
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{losses, switches};

    #[test]
    fn a_feature_switches_a_loop_by_another_one_as_well() {
        let features = [
            ("default", "tokio"),
            ("tokio", "polyloop/tokio"),
            ("fast", "tokio"),
            ("old", "polyloop?/async-std"),
            ("tls", "polyloop/tls"),
            ("other", "dep:x"),
        ];
        let features = features.map(|(name, asks)| (name.to_owned(), vec![asks.to_owned()]));
        assert_eq!(
            switches(&BTreeMap::from(features)),
            ["fast", "old", "tokio"]
        );
    }

    #[test]
    fn a_loop_that_a_further_feature_removes_is_told() {
        let names = ["smol".to_owned(), "tokio".to_owned()];
        let tests = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|&name| name.to_owned()).collect()
        };
        let mut sets = BTreeMap::from([
            (0, tests(&[])),
            (1, tests(&["a::smol"])),
            (2, tests(&["a::tokio"])),
            (3, tests(&["a::smol", "a::tokio"])),
        ]);
        assert_eq!(losses(&names, &sets), [""; 0]);
        sets.insert(3, tests(&["a::tokio"]));
        assert_eq!(
            losses(&names, &sets),
            ["a::smol runs with the features smol, and not with the features smol, tokio"]
        );
    }
}
