//! Attributes that stand below polyloop's and can't.
//!
//! One that supplies arguments, or makes several tests of one function, has to have done
//! so before: polyloop's attribute then stands on each of its tests. Below, it would see
//! tests that take nothing.

use proc_macro2::{Delimiter, Span, TokenTree};
use quote::ToTokens as _;
use syn::{Attribute, Error, FnArg, ItemFn, Result};

use crate::body::any_token;

/// Those that are known, by the last part of their path.
const SUPPLIERS: [&str; 9] = [
    "rstest",
    "case",
    "values",
    "template",
    "apply",
    "test_case",
    "test_matrix",
    "parameterized",
    "test_each",
];

/// Checks the attributes of a function and of its parameters.
pub(crate) fn check(attribute: &str, function: &ItemFn) -> Result<()> {
    let supplies = |other: &&Attribute| {
        let last = other.path().segments.last();
        last.is_some_and(|last| SUPPLIERS.iter().any(|known| last.ident == known))
    };
    let builtin = |other: &Attribute| {
        let name = other.path().get_ident().map(ToString::to_string);
        let known = [
            "allow", "cfg", "cfg_attr", "deny", "doc", "expect", "forbid", "warn",
        ];
        name.is_some_and(|name| known.contains(&&*name))
    };
    let of_parameters = function.sig.inputs.iter().flat_map(|input| match input {
        FnArg::Typed(argument) => &argument.attrs,
        FnArg::Receiver(receiver) => &receiver.attrs,
    });
    let found = function
        .attrs
        .iter()
        .find(supplies)
        .or_else(|| of_parameters.into_iter().find(|other| !builtin(other)));
    found.map_or(Ok(()), |other| Err(too_late(attribute, other)))
}

fn too_late(attribute: &str, other: &Attribute) -> Error {
    let path = other.path().to_token_stream().to_string().replace(' ', "");
    Error::new_spanned(
        other,
        format!(
            "`#[{path}]` supplies arguments, which has to be done before \
             `#[polyloop::{attribute}]`; write polyloop's attribute last, right above the function"
        ),
    )
}

/// Checks that a test is not one case of rstest's, with a `#[case]` below: rstest takes
/// an attribute in the middle of its cases for a part of the one that follows, and the
/// others have none and are never run.
///
/// What such a case expands to says where its values stood: below the attribute, and above
/// the function that is called with them.
pub(crate) fn check_case(attribute: Span, function: &ItemFn) -> Result<()> {
    let name = function.sig.ident.to_string();
    let numbered = name
        .strip_prefix("case_")
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    if !numbered {
        return Ok(());
    }
    let mut tokens = Vec::new();
    let body = &function.block;
    any_token(body.to_token_stream(), &mut |token| {
        tokens.push(token.clone());
        false
    });
    let Some(called) = called(&tokens) else {
        return Ok(());
    };
    let attribute = place(attribute);
    let between = tokens
        .iter()
        .find(|token| (attribute.clone()..called.clone()).contains(&place(token.span())));
    between.map_or(Ok(()), |value| {
        Err(Error::new(
            value.span(),
            "rstest takes `#[polyloop::test]` for a part of this `#[case]` alone, and would \
             not run the others; write `#[polyloop::test]` below the last `#[case]`",
        ))
    })
}

/// File, line and column.
type Place = (String, usize, usize);

fn place(span: Span) -> Place {
    let span = span.unwrap();
    (span.file(), span.line(), span.column())
}

/// Where the name of the function stands that `name(values).await` calls.
fn called(tokens: &[TokenTree]) -> Option<Place> {
    let at = tokens.windows(2).rposition(|pair| {
        let is_name = matches!(&pair[0], TokenTree::Ident(name) if name != "await");
        let is_call = matches!(&pair[1], TokenTree::Group(group)
            if group.delimiter() == Delimiter::Parenthesis);
        is_name && is_call
    })?;
    Some(place(tokens[at].span()))
}
