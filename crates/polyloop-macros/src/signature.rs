//! How the function that an attribute is put on takes its loop.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Error, FnArg, ItemFn, Result, Type};

use crate::loops::{self, KnownLoop};

/// Checks what both attributes ask of a function.
pub(crate) fn check(attribute: &str, function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(
            signature.fn_token,
            format!("`#[polyloop::{attribute}]` goes on an `async fn`; add `async`"),
        ));
    }
    if signature.inputs.len() > 1 {
        return Err(Error::new_spanned(
            &signature.inputs,
            format!(
                "a function under `#[polyloop::{attribute}]` takes one argument, the loop, or none"
            ),
        ));
    }
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        return Err(Error::new_spanned(
            receiver,
            format!("`#[polyloop::{attribute}]` goes on a function, not on a method"),
        ));
    }
    let generics = &signature.generics;
    if generics.type_params().count() > 1 || generics.const_params().next().is_some() {
        return Err(Error::new_spanned(
            generics,
            format!(
                "a function under `#[polyloop::{attribute}]` has one type parameter, the loop's, or none"
            ),
        ));
    }
    if generics.type_params().next().is_some() && signature.inputs.is_empty() {
        return Err(Error::new_spanned(
            generics,
            format!(
                "the type parameter of a function under `#[polyloop::{attribute}]` is the loop's; take the loop as argument, too"
            ),
        ));
    }
    Ok(())
}

/// The loop that a function takes by its own type, and that type.
///
/// It must be called with that loop only; the compiler would say no more than that the
/// others can't be made into it.
pub(crate) fn named_loop(function: &ItemFn) -> Option<(&Type, &'static KnownLoop)> {
    let Some(FnArg::Typed(argument)) = function.sig.inputs.first() else {
        return None;
    };
    let mut ty = &*argument.ty;
    while let Type::Reference(reference) = ty {
        ty = &reference.elem;
    }
    let Type::Path(path) = ty else {
        return None;
    };
    let known = loops::of_type(&path.path.segments.last()?.ident)?;
    Some((ty, known))
}

/// A closure that takes a loop and calls `path`, which names `function`, with it
/// as the function wants it.
pub(crate) fn caller(function: &ItemFn, path: &TokenStream) -> TokenStream {
    let lp = Ident::new("lp", proc_macro2::Span::mixed_site());
    let Some(FnArg::Typed(argument)) = function.sig.inputs.first() else {
        return quote!(|_| #path());
    };
    let generic = function.sig.generics.type_params().next().is_some();
    let takes_any = |ty: &Type| generic || matches!(ty, Type::ImplTrait(_));
    match &*argument.ty {
        Type::Reference(reference) if takes_any(&reference.elem) => {
            quote!(|#lp| async move { #path(&#lp).await })
        }
        Type::Reference(_) => {
            quote!(|#lp| async move { #path(&::core::convert::Into::into(#lp)).await })
        }
        ty if takes_any(ty) => quote!(|#lp| #path(#lp)),
        // A loop of another type: `AnyLoop` is made from any.
        _ => quote!(|#lp| #path(::core::convert::Into::into(#lp))),
    }
}
