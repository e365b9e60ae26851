//! `#[polyloop::test]`.
//!
//! The function stays where it is, so that every path in it means what it
//! meant. Beside it, under the same name (modules and functions have separate
//! namespaces), goes a module with one test per loop.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Error, ItemFn, Result};

use crate::arguments::TestArguments;
use crate::signature;
use crate::sorting::{Sorted, sort};

pub(crate) fn expand(arguments: &TestArguments, mut function: ItemFn) -> Result<TokenStream> {
    check_alone(&function)?;
    signature::check("test", &function)?;
    check_type(arguments, &function)?;
    let Sorted {
        conditions,
        lints,
        docs,
        others,
    } = sort(std::mem::take(&mut function.attrs));
    let name = &function.sig.ident;
    let polyloop = &arguments.polyloop;
    let call = signature::caller(&function, &quote!(super::#name));
    let seconds = arguments.timeout.as_secs();
    let nanos = arguments.timeout.subsec_nanos();
    let tests = arguments.loops.iter().map(|known| {
        let word = Ident::new(known.word, Span::call_site());
        let if_compiled_in = Ident::new(known.if_compiled_in, Span::call_site());
        let path = quote! {
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#word))
        };
        let deadline = quote!(::core::time::Duration::new(#seconds, #nanos));
        let run = if known.is_simulated() {
            let seeds = arguments.seeds;
            let none = || quote!(::core::option::Option::None);
            let some = |trace| quote!(::core::option::Option::Some(#trace));
            let trace = arguments.trace.as_ref().map_or_else(none, some);
            quote! {
                #polyloop::__private::run_seeds(
                    #polyloop::__private::SeedsTest {
                        path: #path,
                        package: ::core::option_env!("CARGO_PKG_NAME"),
                        deadline: #deadline,
                        seeds: #seeds,
                        trace: #trace,
                    },
                    #call,
                );
            }
        } else {
            let make = quote!(#polyloop::__private::#word);
            quote!(#polyloop::__private::run_test(#path, #deadline, #make, #call);)
        };
        quote! {
            #polyloop::#if_compiled_in! {
                {
                    #(#docs)*
                    #(#others)*
                    #[::core::prelude::v1::test]
                    fn #word() {
                        #run
                    }
                }
                else {}
            }
        }
    });
    let without = without_a_loop(arguments);
    Ok(quote! {
        #(#conditions)*
        #[cfg(test)]
        #(#lints)*
        // With no loop compiled in, nothing calls it.
        #[allow(dead_code, clippy::unused_async)]
        #function

        #(#conditions)*
        #[cfg(test)]
        mod #name {
            #(#tests)*
            #without
        }
    })
}

/// Checks that a test which takes a loop by its own type is made for that one only.
fn check_type(arguments: &TestArguments, function: &ItemFn) -> Result<()> {
    let Some((ty, named)) = signature::named_loop(function) else {
        return Ok(());
    };
    if arguments.loops.iter().all(|known| known.word == named.word) {
        return Ok(());
    }
    let only = if named.is_simulated() {
        "sim".to_owned()
    } else {
        format!("loops({})", named.word)
    };
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

/// An ignored test where none of the loops is compiled in: a test that never runs must
/// not be silent about it.
fn without_a_loop(arguments: &TestArguments) -> TokenStream {
    let features: Vec<String> = arguments
        .loops
        .iter()
        .map(|known| format!("`{}`", known.feature))
        .collect();
    let (name, why) = match arguments.loops[..] {
        [only] => (
            only.word,
            format!("the feature {} of polyloop is off", features[0]),
        ),
        _ => (
            "no_loop",
            format!("the features {} of polyloop are off", features.join(", ")),
        ),
    };
    let name = Ident::new(name, Span::call_site());
    let test = quote! {
        #[::core::prelude::v1::test]
        #[ignore = #why]
        fn #name() {
            ::core::panic!(#why);
        }
    };
    let polyloop = &arguments.polyloop;
    arguments.loops.iter().fold(test, |test, known| {
        let if_compiled_in = Ident::new(known.if_compiled_in, Span::call_site());
        quote!(#polyloop::#if_compiled_in! { {} else { #test } })
    })
}
