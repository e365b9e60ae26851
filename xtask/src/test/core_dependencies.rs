//! Whether `polyloop-core` still names no runtime: a library that depends on it
//! alone must not bring one along.

use std::collections::BTreeSet;

use crate::shell::Shell;

/// The runtimes, and what they are made of.
const RUNTIMES: [&str; 8] = [
    "async-executor",
    "async-global-executor",
    "async-io",
    "async-std",
    "mio",
    "polling",
    "smol",
    "tokio",
];

pub(crate) fn check() -> Result<(), String> {
    let tree = Shell::cargo("tree --package polyloop-core --edges normal --prefix none --format")
        .arg("{p}")
        .read()?;
    let packages = names(&tree);
    let found: Vec<&str> = RUNTIMES
        .into_iter()
        .filter(|runtime| packages.contains(runtime))
        .collect();
    if found.is_empty() {
        println!("{} packages, no runtime among them", packages.len());
        Ok(())
    } else {
        Err(format!(
            "polyloop-core depends on {}; `cargo tree --package polyloop-core --edges normal \
             --invert {}` shows the way",
            found.join(", "),
            found[0]
        ))
    }
}

/// The names of the packages in what `cargo tree` prints, which lists some of them
/// more than once.
fn names(tree: &str) -> BTreeSet<&str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_package_counts_by_its_whole_name_and_once() {
        let tree = "polyloop-core v0.1.0 (/x/tokio)\ntokio-stream v1\nmio v1\nmio v1 (*)\n\n";
        let names: Vec<&str> = names(tree).into_iter().collect();
        assert_eq!(names, ["mio", "polyloop-core", "tokio-stream"]);
    }
}
