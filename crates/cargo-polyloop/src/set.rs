//! [`FeatureSet`]: the features that a library is built with.

use std::str::FromStr;

use crate::project::Project;

/// One set of features, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FeatureSet {
    /// What is on unless somebody says otherwise.
    Default,
    /// Everything.
    All,
    /// These, without the default ones.
    Only(Vec<String>),
}

impl FromStr for FeatureSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "default" => Ok(Self::Default),
            "all" => Ok(Self::All),
            "none" | "" => Ok(Self::Only(Vec::new())),
            names => {
                let names: Vec<&str> = names.split([',', ' ', '+']).map(str::trim).collect();
                let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
                if let Some(word) = names.iter().find(|name| matches!(**name, "all" | "none")) {
                    return Err(format!("{word:?} is a set of its own"));
                }
                Ok(Self::Only(names.into_iter().map(str::to_owned).collect()))
            }
        }
    }
}

impl FeatureSet {
    /// For cargo.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        match self {
            Self::Default => {}
            Self::All => arguments.push("--all-features".to_owned()),
            Self::Only(names) => {
                arguments.push("--no-default-features".to_owned());
                if !names.is_empty() {
                    arguments.extend(["--features".to_owned(), names.join(",")]);
                }
            }
        }
        arguments
    }

    /// For people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Default => "the default features".to_owned(),
            Self::All => "all features".to_owned(),
            Self::Only(names) if names.is_empty() => "no features".to_owned(),
            Self::Only(names) => format!("the features {}", names.join(", ")),
        }
    }

    /// Whether the packages have these features.
    pub(crate) fn check(&self, project: &Project) -> Result<(), String> {
        let Self::Only(names) = self else {
            return Ok(());
        };
        let known = || project.packages.iter().flat_map(|p| p.features.keys());
        for name in names {
            // `dependency/feature` and `package/feature` are cargo's to judge.
            if !name.contains('/') && !known().any(|known| known == name) {
                let known: Vec<&str> = known().map(String::as_str).collect();
                let there = if known.is_empty() {
                    "it has no features".to_owned()
                } else {
                    format!("it has {}", known.join(", "))
                };
                return Err(format!(
                    "{} has no feature {name:?}; {there}",
                    project.names()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::FeatureSet;

    fn arguments(text: &str) -> String {
        text.parse::<FeatureSet>().unwrap().arguments().join(" ")
    }

    #[test]
    fn a_set_is_what_cargo_is_told() {
        assert_eq!(arguments("default"), "");
        assert_eq!(arguments("all"), "--all-features");
        assert_eq!(arguments("none"), "--no-default-features");
        let two = "--no-default-features --features smol,sim";
        assert_eq!(arguments("smol, sim"), two);
        assert_eq!(arguments("smol+sim"), two);
        assert!("smol,all".parse::<FeatureSet>().is_err());
    }
}
