//! Building the tests: one call of cargo, which tells what it has built as JSON.

use std::path::PathBuf;

use serde::Deserialize;

use crate::cargo::{self, words};
use crate::project::{Package, Project};
use crate::set::FeatureSet;

/// A program with tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    /// The place of its package in the project.
    pub(crate) package: usize,
    /// What it is called in its package.
    pub(crate) target: String,
    /// How cargo is told to take it alone: `--lib`, or `--test name`.
    pub(crate) selector: Vec<String>,
}

#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Builds the tests of the project with these features.
pub(crate) fn build(project: &Project, set: &FeatureSet) -> Result<Vec<Executable>, String> {
    let mut arguments = words("test --no-run --message-format=json-render-diagnostics");
    arguments.extend(project.arguments());
    arguments.extend(set.arguments());
    let (built, messages) = cargo::read(&arguments)?;
    if !built {
        return Err(format!("the tests do not build with {}", set.name()));
    }
    Ok(executables(&messages, &project.packages))
}

/// What the messages tell of programs with tests.
fn executables(messages: &str, packages: &[Package]) -> Vec<Executable> {
    let mut found = Vec::new();
    for line in messages.lines() {
        // A build script or a macro may have written among the messages.
        let Ok(artifact) = serde_json::from_str::<Artifact>(line) else {
            continue;
        };
        let of = |package: &Package| package.manifest_path == artifact.manifest_path;
        let (Some(path), Some(package)) = (artifact.executable, packages.iter().position(of))
        else {
            continue;
        };
        if !artifact.profile.test {
            continue;
        }
        let Target { name, kind } = artifact.target;
        let selector = match kind.first().map(String::as_str) {
            Some(kind @ ("test" | "bin" | "example" | "bench")) => {
                vec![format!("--{kind}"), name.clone()]
            }
            _ => vec!["--lib".to_owned()],
        };
        found.push(Executable {
            path,
            package,
            target: name,
            selector,
        });
    }
    // Cargo tells them as they get ready.
    found.sort_by(|a, b| {
        let key = |one: &Executable| (one.package, one.selector.len(), one.selector.clone());
        key(a).cmp(&key(b))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::executables;
    use crate::project::Package;

    #[test]
    fn programs_with_tests_are_found_among_anything() {
        let package: Package = serde_json::from_str(
            r#"{"id":"1","name":"one","version":"0.1.0","manifest_path":"/w/Cargo.toml",
                "features":{},"targets":[]}"#,
        )
        .unwrap();
        let messages = r#"
            hello from a macro
            {"reason":"build-script-executed","package_id":"x"}
            {"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["test"],"name":"b"},"profile":{"test":true},"executable":"/t/b-1"}
            {"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["lib"],"name":"one"},"profile":{"test":true},"executable":"/t/one-1"}
            {"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["bin"],"name":"main"},"profile":{"test":false},"executable":"/t/main"}
            {"reason":"compiler-artifact","manifest_path":"/other/Cargo.toml","target":{"kind":["test"],"name":"o"},"profile":{"test":true},"executable":"/t/o"}
            {"reason":"build-finished","success":true}"#;
        let found = executables(messages, &[package]);
        let selectors: Vec<String> = found.iter().map(|one| one.selector.join(" ")).collect();
        assert_eq!(selectors, ["--lib", "--test b"]);
    }
}
