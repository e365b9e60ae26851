//! What a package's manifest asks of polyloop: under which name, and for which loops.
//!
//! Cargo builds polyloop once for a whole command, with the features that anybody asked
//! for, so the features that are on say nothing about one package. Its manifest does:
//! the features of its dependency, its own or those it inherits from the workspace, and
//! its own features that switch polyloop's. Whether such a feature is on, and whether
//! a dependency counts on this target, is seen by a `cfg` in the package's code; so what
//! is found here is a list of wishes, each under a condition.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use crate::loops;
use crate::target;

/// The package that is looked for.
const POLYLOOP: &str = "polyloop";

/// What one manifest asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// The package that asks.
    pub(crate) package: String,
    /// The names that the dependency has in code.
    names: Vec<Name>,
    /// The loops.
    pub(crate) wishes: Vec<Wish>,
}

/// A name of polyloop in the package's code.
#[derive(Clone, Debug, PartialEq)]
struct Name {
    word: String,
    dev: bool,
    always: bool,
}

/// One loop that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    /// Its feature.
    pub(crate) feature: &'static str,
    /// By a dev-dependency, which is there for tests and examples.
    pub(crate) dev: bool,
    /// Nobody named it: it comes with default features that were not switched off.
    pub(crate) by_default: bool,
    /// When: all of these predicates of `cfg` hold.
    pub(crate) conditions: Vec<String>,
}

/// An entry of a table of dependencies.
struct Dependency<'a> {
    key: &'a str,
    dev: bool,
    target: Option<&'a str>,
    spec: Spec<'a>,
}

/// What an entry says.
#[derive(Clone, Default)]
struct Spec<'a> {
    package: Option<&'a str>,
    features: Vec<&'a str>,
    default_features: Option<bool>,
    optional: bool,
    inherits: bool,
}

/// Whether a dependency takes its place from the workspace's manifest.
pub(crate) fn inherits(manifest: &DeTable<'_>) -> bool {
    dependencies(manifest)
        .iter()
        .any(|dependency| dependency.spec.inherits)
}

impl Asked {
    /// Reads a package's manifest; `root` is its workspace's, where it inherits from that.
    pub(crate) fn read(manifest: &DeTable<'_>, root: Option<&DeTable<'_>>) -> Self {
        let mut asked = Self {
            package: table(Some(manifest), "package")
                .and_then(|package| package.get("name")?.get_ref().as_str())
                .unwrap_or_default()
                .to_owned(),
            ..Self::default()
        };
        let shared = table(table(root, "workspace"), "dependencies");
        let features = features(manifest);
        let mut keys: Vec<(&str, bool)> = Vec::new();
        for mut dependency in dependencies(manifest) {
            let key = dependency.key;
            if dependency.spec.inherits {
                let Some(shared) = shared.and_then(|shared| shared.get(key)) else {
                    continue;
                };
                dependency.spec.inherit(Spec::read(shared.get_ref()));
            }
            if dependency.spec.package.unwrap_or(key) != POLYLOOP {
                continue;
            }
            let conditions = dependency.conditions(&features);
            asked.names.push(Name {
                word: key.replace('-', "_"),
                dev: dependency.dev,
                always: conditions.is_empty(),
            });
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, dev)) => *dev &= dependency.dev,
                None => keys.push((key, dependency.dev)),
            }
            if dependency.spec.default_features != Some(false) {
                asked.wish("default", dependency.dev, false, conditions.clone());
            }
            for feature in dependency.spec.features {
                asked.wish(feature, dependency.dev, false, conditions.clone());
            }
        }
        let by_default = reachable("default", &features);
        for (name, entries) in &features {
            for (key, dev) in &keys {
                for entry in entries {
                    let Some((dependency, feature)) = entry.split_once('/') else {
                        continue;
                    };
                    if dependency.strip_suffix('?').unwrap_or(dependency) != *key {
                        continue;
                    }
                    let on = is_on(name);
                    if by_default.contains(name) {
                        let default = is_on("default");
                        let named = vec![on.clone(), format!("not({default})")];
                        asked.wish(feature, *dev, false, named);
                        asked.wish(feature, *dev, true, vec![on, default]);
                    } else {
                        asked.wish(feature, *dev, false, vec![on]);
                    }
                }
            }
        }
        asked
    }

    /// Adds what one feature of polyloop brings.
    fn wish(&mut self, feature: &str, dev: bool, by_default: bool, conditions: Vec<String>) {
        let (feature, by_default) = match feature {
            "default" => (loops::DEFAULT_FEATURE, true),
            named => (named, by_default),
        };
        let Some(known) = loops::KNOWN.iter().find(|known| known.feature == feature) else {
            return;
        };
        self.wishes.push(Wish {
            feature: known.feature,
            dev,
            by_default,
            conditions,
        });
    }

    /// How polyloop is called in code, as far as it is a dependency: where `for_tests`,
    /// dev-dependencies are there, too.
    pub(crate) fn name(&self, for_tests: bool) -> Option<&str> {
        let order = |name: &&Name| {
            let later = name.dev && !for_tests;
            (later, !name.always, name.dev)
        };
        self.names
            .iter()
            .min_by_key(order)
            .map(|name| name.word.as_str())
    }
}

impl Dependency<'_> {
    /// What has to hold for it to count.
    fn conditions(&self, features: &[(&str, Vec<&str>)]) -> Vec<String> {
        let mut conditions: Vec<String> = self.target.map(target::predicate).into_iter().collect();
        if !self.spec.optional {
            return conditions;
        }
        // Cargo makes a feature of its name, unless a feature names it with `dep:`.
        let explicit = format!("dep:{}", self.key);
        let switched_by = format!("{}/", self.key);
        let mut switches: Vec<String> = features
            .iter()
            .filter(|(_, entries)| {
                entries
                    .iter()
                    .any(|entry| *entry == explicit || entry.starts_with(&switched_by))
            })
            .map(|(name, _)| is_on(name))
            .collect();
        let is_explicit = |(_, entries): &(&str, Vec<&str>)| entries.contains(&explicit.as_str());
        if !features.iter().any(is_explicit) {
            switches.push(is_on(self.key));
        }
        conditions.push(format!("any({})", switches.join(", ")));
        conditions
    }
}

impl<'a> Spec<'a> {
    fn read(value: &'a DeValue<'_>) -> Self {
        // `polyloop = "0.1"` says nothing else.
        let Some(table) = value.as_table() else {
            return Self::default();
        };
        let flag = |key: &str| table.get(key).and_then(|value| value.get_ref().as_bool());
        Self {
            package: table
                .get("package")
                .and_then(|value| value.get_ref().as_str()),
            features: table.get("features").map_or_else(Vec::new, texts),
            default_features: flag("default-features").or_else(|| flag("default_features")),
            optional: flag("optional").unwrap_or_default(),
            inherits: flag("workspace").unwrap_or_default(),
        }
    }

    /// Adds what the workspace says, as cargo does: features add, and a member may switch
    /// the default ones on again, but not off.
    fn inherit(&mut self, shared: Self) {
        self.package = shared.package;
        self.features.extend(shared.features);
        if self.default_features != Some(true) {
            self.default_features = shared.default_features;
        }
    }
}

/// Every dependency of a manifest, for every target, but those of build scripts.
fn dependencies<'a>(manifest: &'a DeTable<'_>) -> Vec<Dependency<'a>> {
    let everywhere = (None, manifest);
    let targets = table(Some(manifest), "target").into_iter().flatten();
    let targets = targets
        .filter_map(|(name, table)| Some((Some(&**name.get_ref()), table.get_ref().as_table()?)));
    let mut found = Vec::new();
    for (target, place) in std::iter::once(everywhere).chain(targets) {
        for (section, dev) in [
            ("dependencies", false),
            ("dev-dependencies", true),
            ("dev_dependencies", true),
        ] {
            let entries = table(Some(place), section).into_iter().flatten();
            found.extend(entries.map(|(key, value)| Dependency {
                key: key.get_ref(),
                dev,
                target,
                spec: Spec::read(value.get_ref()),
            }));
        }
    }
    found
}

/// The package's own features, and what each of them switches on.
fn features<'a>(manifest: &'a DeTable<'_>) -> Vec<(&'a str, Vec<&'a str>)> {
    let entries = table(Some(manifest), "features").into_iter().flatten();
    entries
        .map(|(name, entries)| (&**name.get_ref(), texts(entries)))
        .collect()
}

/// The features that one of them switches on, and itself.
fn reachable<'a>(from: &'a str, features: &[(&'a str, Vec<&'a str>)]) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        let found = features.iter().find(|(known, _)| *known == name);
        if let Some((name, entries)) = found
            && reached.insert(*name)
        {
            next.extend(entries);
        }
    }
    reached
}

/// The predicate of a feature of the package.
fn is_on(feature: &str) -> String {
    format!("feature = {feature:?}")
}

fn table<'a, 'i>(table: Option<&'a DeTable<'i>>, key: &str) -> Option<&'a DeTable<'i>> {
    table?.get(key)?.get_ref().as_table()
}

fn texts<'a>(value: &'a toml::Spanned<DeValue<'_>>) -> Vec<&'a str> {
    let array = value.get_ref().as_array().into_iter().flatten();
    array.filter_map(|entry| entry.get_ref().as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wishes of a manifest, in short: `tokio`, `?` behind one that is there by
    /// default, `(dev)`, and the conditions.
    fn wishes(manifest: &str, root: &str) -> Vec<String> {
        let shown = asked(manifest, root).wishes.into_iter().map(|wish| {
            let by_default = if wish.by_default { "?" } else { "" };
            let dev = if wish.dev { " (dev)" } else { "" };
            let conditions: String = wish.conditions.iter().fold(String::new(), |text, one| {
                let before = if text.is_empty() { " if " } else { " and " };
                text + before + one
            });
            format!("{}{by_default}{dev}{conditions}", wish.feature)
        });
        shown.collect()
    }

    fn asked(manifest: &str, root: &str) -> Asked {
        let manifest = DeTable::parse(manifest).unwrap().into_inner();
        let root = DeTable::parse(root).unwrap().into_inner();
        Asked::read(&manifest, Some(&root))
    }

    #[test]
    fn the_features_of_the_dependency() {
        for (line, expected) in [
            ("polyloop = '0.1'", vec!["tokio?"]),
            ("polyloop = { path = '..' }", vec!["tokio?"]),
            (
                "polyloop = { version = '0.1', features = ['smol'] }",
                vec!["tokio?", "smol"],
            ),
            (
                "polyloop = { path = '..', default-features = false, features = ['async-std', 'sim', 'x'] }",
                vec!["async-std", "sim"],
            ),
            (
                "polyloop = { path = '..', default-features = false, features = ['default'] }",
                vec!["tokio?"],
            ),
            ("other = { package = 'polyloop' }", vec!["tokio?"]),
            ("polyloop = { package = 'other', path = '..' }", vec![]),
            ("other = '1'", vec![]),
        ] {
            let manifest = format!("[dependencies]\n{line}\n");
            assert_eq!(wishes(&manifest, ""), expected, "{line}");
        }
        assert_eq!(wishes("", ""), [""; 0]);
    }

    #[test]
    fn what_is_inherited() {
        let root = |spec: &str| format!("[workspace.dependencies]\npolyloop = {spec}\n");
        let member = |spec: &str| format!("[dependencies]\npolyloop = {spec}\n");
        for (own, shared, expected) in [
            ("{ workspace = true }", "'0.1'", vec!["tokio?"]),
            (
                "{ workspace = true }",
                "{ path = '.', default-features = false, features = ['smol'] }",
                vec!["smol"],
            ),
            (
                "{ workspace = true, features = ['smol'] }",
                "{ path = '.', default-features = false, features = ['sim'] }",
                vec!["smol", "sim"],
            ),
            (
                "{ workspace = true, default-features = true }",
                "{ path = '.', default-features = false }",
                vec!["tokio?"],
            ),
            (
                "{ workspace = true, default-features = false }",
                "{ path = '.', features = ['smol'] }",
                vec!["tokio?", "smol"],
            ),
        ] {
            let found = wishes(&member(own), &root(shared));
            assert_eq!(found, expected, "{own} {shared}");
        }
        let renamed = asked(
            "[dependencies]\npl.workspace = true\n",
            "[workspace.dependencies]\npl = { package = 'polyloop', path = '.' }\n",
        );
        assert_eq!(renamed.name(false), Some("pl"));
    }

    #[test]
    fn the_packages_own_features() {
        let manifest = "[dependencies]\n\
             pl = { package = 'polyloop', path = '..', default-features = false }\n\
             [features]\n\
             default = ['quick']\n\
             quick = ['pl/tokio']\n\
             small = ['pl?/smol', 'other/sim']\n\
             all = ['small', 'pl/default']\n";
        assert_eq!(
            wishes(manifest, ""),
            [
                "tokio? if feature = \"all\"",
                "tokio if feature = \"quick\" and not(feature = \"default\")",
                "tokio? if feature = \"quick\" and feature = \"default\"",
                "smol if feature = \"small\"",
            ]
        );
    }

    #[test]
    fn an_optional_dependency_counts_where_it_is_on() {
        let optional = "[dependencies]\n\
             polyloop = { path = '..', optional = true, default-features = false, features = ['sim'] }\n";
        assert_eq!(wishes(optional, ""), ["sim if any(feature = \"polyloop\")"]);
        let explicit = format!("{optional}[features]\nnet = ['dep:polyloop']\n");
        assert_eq!(wishes(&explicit, ""), ["sim if any(feature = \"net\")"]);
        let by_feature = format!("{optional}[features]\nnet = ['polyloop/smol']\n");
        assert_eq!(
            wishes(&by_feature, ""),
            [
                "sim if any(feature = \"net\", feature = \"polyloop\")",
                "smol if feature = \"net\""
            ]
        );
    }

    #[test]
    fn targets_and_tests() {
        let manifest = "[target.'cfg(unix)'.dependencies]\n\
             polyloop = { path = '..', default-features = false, features = ['smol'] }\n\
             [dev-dependencies]\n\
             pl = { package = 'polyloop', path = '..', features = ['sim'] }\n";
        let asked = asked(manifest, "");
        assert_eq!(
            wishes(manifest, ""),
            ["tokio? (dev)", "sim (dev)", "smol if unix"]
        );
        assert_eq!(asked.name(true), Some("pl"));
        assert_eq!(asked.name(false), Some("polyloop"));
    }

    /// What `loops` says of polyloop's default feature is what its manifest says.
    #[test]
    fn the_default_feature() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../polyloop/Cargo.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let manifest = DeTable::parse(&text).unwrap().into_inner();
        let features = features(&manifest);
        let default = features.iter().find(|(name, _)| *name == "default");
        assert_eq!(default.unwrap().1, [loops::DEFAULT_FEATURE]);
    }
}
