//! How the function that an attribute is put on takes its loop.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Error, FnArg, ItemFn, Path, Result, Type};

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
                "a function under `#[polyloop::{attribute}]` takes one argument, the loop, or none; \
                 an attribute that supplies others goes above `#[polyloop::{attribute}]`"
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
    let mut ty = bare(&argument.ty);
    while let Type::Reference(reference) = ty {
        ty = bare(&reference.elem);
    }
    let Type::Path(path) = ty else {
        return None;
    };
    let known = loops::of_type(&path.path.segments.last()?.ident)?;
    Some((ty, known))
}

/// The type without parentheses, and without the invisible ones around what came through a
/// macro, such as `$ty:ty`.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(parens) => bare(&parens.elem),
        ty => ty,
    }
}

/// How a function takes the loop.
enum Takes {
    Nothing,
    /// Any loop: it is generic.
    Any,
    AnyByReference,
    /// A loop of a type of its own: `AnyLoop` is made from any.
    Own,
    OwnByReference,
}

fn takes(function: &ItemFn) -> Takes {
    let Some(FnArg::Typed(argument)) = function.sig.inputs.first() else {
        return Takes::Nothing;
    };
    let generic = function.sig.generics.type_params().next().is_some();
    let takes_any = |ty: &Type| generic || matches!(bare(ty), Type::ImplTrait(_));
    match bare(&argument.ty) {
        Type::Reference(reference) if takes_any(&reference.elem) => Takes::AnyByReference,
        Type::Reference(_) => Takes::OwnByReference,
        ty if takes_any(ty) => Takes::Any,
        _ => Takes::Own,
    }
}

/// A closure that takes a loop and calls the function with it, as that wants it.
pub(crate) fn caller(function: &ItemFn, polyloop: &Path) -> TokenStream {
    let name = &function.sig.ident;
    let lp = Ident::new("lp", proc_macro2::Span::mixed_site());
    let given = quote!(#polyloop::__private::Gives::give(#lp));
    match takes(function) {
        Takes::Nothing => quote!(|_| #name()),
        Takes::Any => quote!(|#lp| #name(#lp)),
        Takes::AnyByReference => quote!(|#lp| async move { #name(&#lp).await }),
        Takes::Own => quote!(|#lp| #name(#given)),
        Takes::OwnByReference => quote!(|#lp| async move { #name(&#given).await }),
    }
}

/// A closure that is never called, but calls the function: so it is used where no loop is
/// compiled in, too.
pub(crate) fn mention(function: &ItemFn, polyloop: &Path) -> TokenStream {
    let name = &function.sig.ident;
    let lp = Ident::new("lp", proc_macro2::Span::mixed_site());
    match takes(function) {
        Takes::Nothing => quote!(|| #name()),
        Takes::Own => quote!(|#lp| #name(#lp)),
        Takes::OwnByReference => quote!(|#lp| async move { #name(&#lp).await }),
        Takes::Any => quote!(|#lp: #polyloop::AnyLoop| #name(#lp)),
        Takes::AnyByReference => {
            quote!(|#lp: #polyloop::AnyLoop| async move { #name(&#lp).await })
        }
    }
}
