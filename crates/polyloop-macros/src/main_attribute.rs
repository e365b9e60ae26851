//! `#[polyloop::main]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, ItemFn, Result, Visibility};

use crate::arguments::MainArguments;
use crate::caller::Caller;
use crate::sorting::{Sorted, sort};
use crate::{below, body, signature};

pub(crate) fn expand(arguments: &MainArguments, mut function: ItemFn) -> Result<TokenStream> {
    below::check("main", &function)?;
    signature::check("main", &function)?;
    check_type(arguments, &function)?;
    let Sorted {
        conditions,
        lints,
        docs,
        others,
    } = sort(std::mem::take(&mut function.attrs));
    let visibility = std::mem::replace(&mut function.vis, Visibility::Inherited);
    let name = function.sig.ident.clone();
    body::await_something(&mut function, &lints);
    let caller = Caller::new(arguments.polyloop.clone(), false);
    let polyloop = &caller.polyloop;
    let call = signature::caller(&function, polyloop);
    let run = if arguments.signals {
        quote!(run_main_until_signal)
    } else {
        quote!(run_main)
    };
    let entry = |make: TokenStream, included: TokenStream| {
        quote! {
            #(#conditions)*
            #(#docs)*
            #(#lints)*
            #visibility fn #name() -> ::std::process::ExitCode {
                #included
                #(#others)*
                #function
                #polyloop::__private::#run(#make, #call)
            }
        }
    };
    let Some((word, pinned)) = &arguments.pinned else {
        let asked = caller.asked();
        let make = quote!(|| #polyloop::__private::from_env(#asked));
        return Ok(entry(make, caller.included()));
    };
    let if_compiled_in = Ident::new(pinned.if_compiled_in, Span::call_site());
    let constructor = Ident::new(pinned.word, Span::call_site());
    let entry = entry(
        quote!(#polyloop::__private::#constructor),
        TokenStream::new(),
    );
    let missing = format!(
        "this program is pinned to the {feature} loop, which is not compiled in; \
         enable the feature \"{feature}\" of polyloop",
        feature = pinned.feature
    );
    let missing = explain(
        &name,
        &quote_spanned!(word.span()=> ::core::compile_error!(#missing);),
    );
    Ok(quote! {
        #polyloop::#if_compiled_in! {
            { #entry }
            else
            { #missing }
        }
    })
}

/// Checks that a program which takes a loop by its own type is pinned to that one.
fn check_type(arguments: &MainArguments, function: &ItemFn) -> Result<()> {
    let Some((ty, named)) = signature::named_loop(function) else {
        return Ok(());
    };
    let word = named.word;
    let text = match &arguments.pinned {
        Some((_, pinned)) if pinned.word == word => return Ok(()),
        Some((_, pinned)) => format!("this program is pinned to `{}`", pinned.word),
        None => "`POLYLOOP_LOOP` may choose another loop".to_owned(),
    };
    Err(Error::new_spanned(
        ty,
        format!("{text}; take `impl Loop`, or say `#[polyloop::main({word})]`"),
    ))
}

/// The error, and an empty function that spares the reader a second error, about
/// the lack of it.
pub(crate) fn explain(name: &Ident, error: &TokenStream) -> TokenStream {
    quote! {
        #error
        fn #name() {}
    }
}
