//! `#[polyloop::test]`.
//!
//! The function stays where it is, so that every path in it means what it
//! meant. Beside it, under the same name (modules and functions have separate
//! namespaces), goes a module with one test per loop.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{ItemFn, Result};

use crate::arguments::TestArguments;
use crate::signature;
use crate::sorting::{Sorted, sort};

pub(crate) fn expand(arguments: &TestArguments, mut function: ItemFn) -> Result<TokenStream> {
    signature::check("test", &function)?;
    signature::check_type(&function, &arguments.loops)?;
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
        // A test for one loop must not be silent when that is missing.
        let instead = (arguments.loops.len() == 1).then(|| {
            let why = format!("the feature `{}` of polyloop is off", known.feature);
            quote! {
                #[::core::prelude::v1::test]
                #[ignore = #why]
                fn #word() {
                    ::core::panic!(#why);
                }
            }
        });
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
                else { #instead }
            }
        }
    });
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
        }
    })
}
