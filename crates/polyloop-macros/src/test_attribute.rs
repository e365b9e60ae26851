//! `#[polyloop::test]`.
//!
//! The function stays where it is, so that every path in it means what it meant. Beside
//! it, under the same name (modules and functions have separate namespaces), goes a
//! module with one test per loop. What a test does is no part of that module, where a
//! path such as that of `crate = pl` would not be found, but of a type in it: its
//! functions are written where the attribute stands.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote};
use syn::{Error, ItemFn, Result};

use crate::arguments::{Chosen, TestArguments};
use crate::caller::Caller;
use crate::loops;
use crate::sorting::{Sorted, sort};
use crate::{below, body, signature};

pub(crate) fn expand(arguments: &TestArguments, mut function: ItemFn) -> Result<TokenStream> {
    check_alone(&function)?;
    below::check("test", &function)?;
    signature::check("test", &function)?;
    check_type(arguments, &function)?;
    let Sorted {
        conditions,
        lints,
        docs,
        others,
    } = sort(std::mem::take(&mut function.attrs));
    let name = function.sig.ident.clone();
    let module = if body::uses_a_module_of_its_name(&function) {
        format_ident!("{name}_on")
    } else {
        name
    };
    let caller = Caller::new(arguments.polyloop.clone(), true);
    let polyloop = &caller.polyloop;
    let is_ignored = others.iter().any(is_ignore);
    let call = signature::caller(&function, polyloop);
    let tests = arguments.loops.iter().map(|chosen| {
        let keyword = word(chosen);
        let ignored = if chosen.by_name || is_ignored {
            TokenStream::new()
        } else {
            caller.ignored_unless_asked(chosen.known)
        };
        quote! {
            #keyword {
                #(#docs)*
                #(#others)*
                #ignored
                #[::core::prelude::v1::test]
                fn #keyword() {
                    Tests::#keyword();
                }
            }
        }
    });
    let runs = arguments.loops.iter().map(|chosen| {
        let keyword = word(chosen);
        let run = run(arguments, chosen, &module, &caller, &call);
        quote!(#keyword { fn #keyword() { #run } })
    });
    let (without, why) = without_a_loop(arguments);
    let mention = signature::mention(&function, polyloop);
    body::await_something(&mut function, &lints);
    let included = caller.included();
    Ok(quote! {
        #(#conditions)*
        #[cfg(test)]
        #(#lints)*
        #function

        #(#conditions)*
        #[cfg(test)]
        #polyloop::__compiled_in! {
            { mod #module }
            {
                pub(super) enum Tests {}
                #included
            }
            {}
            #(#tests)*
            otherwise {
                #[::core::prelude::v1::test]
                #[ignore = #why]
                fn #without() {
                    Tests::#without();
                }
            }
        }

        #(#conditions)*
        #[cfg(test)]
        #polyloop::__compiled_in! {
            { impl #module::Tests }
            {}
            {}
            #(#runs)*
            otherwise {
                fn #without() {
                    #polyloop::__private::no_loop(#mention, #why);
                }
            }
        }
    })
}

/// How a loop is called in code.
fn word(chosen: &Chosen) -> Ident {
    Ident::new(chosen.known.word, Span::call_site())
}

/// A duration in code.
fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

/// What the test on one loop does.
fn run(
    arguments: &TestArguments,
    chosen: &Chosen,
    module: &Ident,
    caller: &Caller,
    call: &TokenStream,
) -> TokenStream {
    let polyloop = &caller.polyloop;
    let word = word(chosen);
    let path = quote! {
        ::core::concat!(
            ::core::module_path!(), "::",
            ::core::stringify!(#module), "::",
            ::core::stringify!(#word)
        )
    };
    let deadline = duration(arguments.timeout);
    if !chosen.known.is_simulated() {
        let make = quote!(#polyloop::__private::#word);
        return quote!(#polyloop::__private::run_test(#path, #deadline, #make, #call););
    }
    let seeds = arguments.seeds;
    let none = || quote!(::core::option::Option::None);
    let some = |value: TokenStream| quote!(::core::option::Option::Some(#value));
    let trace = arguments
        .trace
        .as_ref()
        .map(quote::ToTokens::to_token_stream);
    let trace = trace.map_or_else(none, some);
    let virtual_deadline = arguments.virtual_timeout.map(duration);
    let virtual_deadline = virtual_deadline.map_or_else(none, some);
    quote! {
        #polyloop::__private::run_seeds(
            #polyloop::__private::SeedsTest {
                path: #path,
                package: ::core::option_env!("CARGO_PKG_NAME"),
                folder: ::core::option_env!("CARGO_MANIFEST_DIR"),
                deadline: #deadline,
                virtual_deadline: #virtual_deadline,
                seeds: #seeds,
                trace: #trace,
            },
            #call,
        );
    }
}

/// Whether an attribute ignores the test, if only under a condition.
fn is_ignore(attribute: &syn::Attribute) -> bool {
    let is_word = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "ignore");
    body::any_token(attribute.to_token_stream(), &mut |token| is_word(token))
}

/// Checks that a test which takes a loop by its own type is made for that one only.
fn check_type(arguments: &TestArguments, function: &ItemFn) -> Result<()> {
    let Some((ty, named)) = signature::named_loop(function) else {
        return Ok(());
    };
    let mut chosen = arguments.loops.iter();
    if chosen.all(|one| one.known.word == named.word) {
        return Ok(());
    }
    let only = loops::argument(named);
    Err(Error::new_spanned(
        ty,
        format!(
            "the test is made for other loops, too; take `impl Loop`, or say \
             `#[polyloop::test({only})]`"
        ),
    ))
}

/// Checks that no other attribute makes a test of the same function.
fn check_alone(function: &ItemFn) -> Result<()> {
    let other = function.attrs.iter().find(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|last| last.ident == "test")
    });
    match other {
        Some(other) => Err(Error::new_spanned(
            other,
            "`#[polyloop::test]` makes the tests of this function already; keep one of the two",
        )),
        None => Ok(()),
    }
}

/// The name and the reason of an ignored test where none of the loops is compiled in: a
/// test that never runs must not be silent about it.
fn without_a_loop(arguments: &TestArguments) -> (Ident, String) {
    let features: Vec<String> = arguments
        .loops
        .iter()
        .map(|chosen| format!("`{}`", chosen.known.feature))
        .collect();
    match &arguments.loops[..] {
        [only] => (
            word(only),
            format!("the feature {} of polyloop is off", features[0]),
        ),
        _ => (
            Ident::new("no_loop", Span::call_site()),
            format!("the features {} of polyloop are off", features.join(", ")),
        ),
    }
}
