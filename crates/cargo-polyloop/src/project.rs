//! [`Project`]: the packages that a command is about, as cargo knows them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cargo::{self, words};

/// What `cargo metadata` tells.
#[derive(Debug, Deserialize)]
pub(crate) struct Project {
    pub(crate) packages: Vec<Package>,
    #[serde(default)]
    workspace_default_members: Vec<String>,
}

/// One package.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) features: std::collections::BTreeMap<String, Vec<String>>,
    pub(crate) targets: Vec<Target>,
}

/// What a package builds.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    #[serde(default)]
    doctest: bool,
}

impl Project {
    /// The packages named, or, without names, the one whose folder this is; in a
    /// workspace's folder without a package, its default members.
    pub(crate) fn find(names: &[String]) -> Result<Self, String> {
        let (found, manifest, _) =
            cargo::read_all(&words("locate-project --message-format plain"))?;
        if !found {
            return Err(
                "there is no Cargo.toml in this folder or above it; `cargo polyloop new NAME` \
                 begins a library"
                    .to_owned(),
            );
        }
        let (read, metadata, told) =
            cargo::read_all(&words("metadata --no-deps --format-version 1"))?;
        if !read {
            return Err(format!("cargo can't read this package: {}", told.trim()));
        }
        let mut project = Self::read(&metadata)?;
        project.select(Path::new(manifest.trim()), names)?;
        Ok(project)
    }

    fn read(metadata: &str) -> Result<Self, String> {
        serde_json::from_str(metadata)
            .map_err(|error| format!("`cargo metadata` gave what is not understood: {error}"))
    }

    fn select(&mut self, manifest: &Path, names: &[String]) -> Result<(), String> {
        let known: Vec<String> = self.packages.iter().map(|p| p.name.clone()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
            return Err(format!(
                "there is no package {unknown:?} here; there is {}",
                known.join(", ")
            ));
        }
        let here = self.packages.iter().any(|p| p.manifest_path == manifest);
        let default = &self.workspace_default_members;
        self.packages.retain(|package| {
            if !names.is_empty() {
                names.contains(&package.name)
            } else if here {
                package.manifest_path == manifest
            } else {
                default.is_empty() || default.contains(&package.id)
            }
        });
        Ok(())
    }

    /// `--package` for each.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let of = |package: &Package| ["--package".to_owned(), package.name.clone()];
        self.packages.iter().flat_map(of).collect()
    }

    /// Their names, for sentences.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.packages.iter().map(|p| p.name.as_str()).collect();
        names.join(", ")
    }

    /// Whether any of them has documentation whose code runs.
    pub(crate) fn has_doc_tests(&self) -> bool {
        let mut targets = self.packages.iter().flat_map(|package| &package.targets);
        targets.any(|target| target.doctest)
    }
}

impl Package {
    /// Where its manifest is.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Project;

    const METADATA: &str = r#"{"packages":[
        {"id":"1","name":"one","version":"0.1.0","manifest_path":"/w/one/Cargo.toml","features":{},
         "targets":[{"name":"one","doctest":true}]},
        {"id":"2","name":"two","version":"0.1.0","manifest_path":"/w/two/Cargo.toml","features":{},
         "targets":[]}],
        "workspace_default_members":["2"]}"#;

    fn selected(manifest: &str, names: &[&str]) -> Result<String, String> {
        let mut project = Project::read(METADATA).unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        project.select(Path::new(manifest), &names)?;
        Ok(project.names())
    }

    #[test]
    fn the_package_of_the_folder_is_meant_unless_another_is_named() {
        assert_eq!(selected("/w/one/Cargo.toml", &[]).unwrap(), "one");
        assert_eq!(selected("/w/one/Cargo.toml", &["two"]).unwrap(), "two");
        assert_eq!(selected("/w/Cargo.toml", &[]).unwrap(), "two");
        let error = selected("/w/Cargo.toml", &["three"]).unwrap_err();
        assert_eq!(
            error,
            "there is no package \"three\" here; there is one, two"
        );
    }
}
