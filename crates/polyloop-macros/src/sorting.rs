//! Which of a function's other attributes go where.

use syn::{AttrStyle, Attribute};

/// The attributes of a function, dealt out to what it expands to.
#[derive(Default)]
pub(crate) struct Sorted {
    /// `#[cfg]`: for everything that the function expands to.
    pub(crate) conditions: Vec<Attribute>,
    /// Lint levels: for the code that the user wrote.
    pub(crate) lints: Vec<Attribute>,
    /// Documentation.
    pub(crate) docs: Vec<Attribute>,
    /// `#[ignore]`, `#[should_panic]`, and those of other macros.
    pub(crate) others: Vec<Attribute>,
}

pub(crate) fn sort(attributes: Vec<Attribute>) -> Sorted {
    let mut sorted = Sorted::default();
    for mut attribute in attributes {
        // One at the top of the body, `#![allow(…)]`, is for the same function.
        attribute.style = AttrStyle::Outer;
        let name = attribute.path().get_ident().map(ToString::to_string);
        match name.as_deref().unwrap_or_default() {
            "cfg" => sorted.conditions.push(attribute),
            "allow" | "expect" | "warn" | "deny" | "forbid" => sorted.lints.push(attribute),
            "doc" => sorted.docs.push(attribute),
            _ => sorted.others.push(attribute),
        }
    }
    sorted
}
