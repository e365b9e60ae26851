//! Modules that know each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Named, Origin};

type Module = Vec<String>;

/// One circle among these modules, as a text, if there is any.
pub(super) fn find(modules: &[(Module, Vec<Named>)]) -> Option<String> {
    let names: BTreeSet<&Module> = modules.iter().map(|(name, _)| name).collect();
    let mut arrows: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for (from, named) in modules {
        for path in named.iter().filter(|path| path.origin == Origin::Crate) {
            // The module that the item lies in: as much of the path as is one.
            let to = (1..=path.segments.len()).rev().find_map(|length| {
                let prefix = path.segments[..length].to_vec();
                names.get(&prefix).copied()
            });
            // An inner module says `super` of the file that it stands in.
            if let Some(to) = to.filter(|to| *to != from) {
                arrows.entry(from).or_default().insert(to);
            }
        }
        // Who declares a module knows it.
        if let Some((_, above)) = from.split_last()
            && let Some(parent) = names.get(&above.to_vec()).copied()
        {
            arrows.entry(parent).or_default().insert(from);
        }
    }
    let mut done = BTreeSet::new();
    names
        .iter()
        .find_map(|start| follow(start, &arrows, &mut Vec::new(), &mut done))
}

fn follow<'a>(
    module: &'a Module,
    arrows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
    way: &mut Vec<&'a Module>,
    done: &mut BTreeSet<&'a Module>,
) -> Option<String> {
    if let Some(place) = way.iter().position(|earlier| *earlier == module) {
        let circle = way[place..].iter().copied().chain([module]);
        let names: Vec<String> = circle.map(|name| name.join("::")).collect();
        return Some(names.join(" → "));
    }
    if !done.insert(module) {
        return None;
    }
    way.push(module);
    let found = arrows
        .get(module)
        .into_iter()
        .flatten()
        .find_map(|next| follow(next, arrows, way, done));
    way.pop();
    found
}

#[cfg(test)]
mod tests {
    use super::super::paths::named;
    use super::find;

    fn circle(texts: &[(&str, &str)]) -> Option<String> {
        let modules: Vec<_> = texts
            .iter()
            .map(|(name, text)| {
                let module: Vec<String> = name.split("::").map(str::to_owned).collect();
                let named = named(text, &module).unwrap();
                (module, named)
            })
            .collect();
        find(&modules)
    }

    #[test]
    fn a_circle_is_found_whether_through_a_sibling_or_the_parent() {
        let siblings = [
            ("a", ""),
            ("a::b", "use super::c::C;"),
            ("a::c", "use super::b::B;"),
        ];
        assert_eq!(circle(&siblings).as_deref(), Some("a::b → a::c → a::b"));
        let parent = [("a", "struct A;"), ("a::b", "use super::A;")];
        assert_eq!(circle(&parent).as_deref(), Some("a → a::b → a"));
    }

    #[test]
    fn modules_that_stand_on_one_another_are_no_circle() {
        let tree = [
            ("a", "use self::c::C;"),
            (
                "a::b",
                "use super::c::C; mod tests { use super::*; use super::f; }",
            ),
            ("a::c", "use crate::elsewhere::D;"),
        ];
        assert_eq!(circle(&tree), None);
    }
}
