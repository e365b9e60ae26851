//! What is known of the package that an attribute stands in, as the expansions need it.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Path, parse_quote};

use crate::asked::Wish;
use crate::loops::{self, KnownLoop};
use crate::manifest::Manifest;

/// The package, as far as its manifest can be read.
pub(crate) struct Caller {
    manifest: Option<Manifest>,
    /// Where polyloop is.
    pub(crate) polyloop: Path,
}

impl Caller {
    /// `polyloop` is where the attribute says that it is; `for_tests` whether
    /// dev-dependencies are there.
    pub(crate) fn new(polyloop: Option<Path>, for_tests: bool) -> Self {
        let manifest = Manifest::of_caller();
        let in_manifest = || {
            let name = manifest.as_ref()?.asked.name(for_tests)?;
            let name = format_ident!("{name}");
            Some(parse_quote!(::#name))
        };
        let polyloop = polyloop
            .or_else(in_manifest)
            .unwrap_or_else(|| parse_quote!(::polyloop));
        Self { manifest, polyloop }
    }

    /// Items for the expansion, so that it is made again when the manifest has changed.
    pub(crate) fn included(&self) -> TokenStream {
        let included = self.manifest.as_ref().map(Manifest::included);
        included.unwrap_or_default()
    }

    fn wishes(&self) -> &[Wish] {
        let manifest = self.manifest.as_ref();
        manifest.map_or(&[], |manifest| &manifest.asked.wishes)
    }

    /// An `Option<Asked>`: the loops that the package asks for, those that count first
    /// in front.
    pub(crate) fn asked(&self) -> TokenStream {
        let Some(manifest) = &self.manifest else {
            return quote!(::core::option::Option::None);
        };
        let ranks = [(false, false), (false, true), (true, false), (true, true)];
        let ranks = ranks.map(|(dev, by_default)| {
            let of_rank = |wish: &&Wish| (wish.dev, wish.by_default) == (dev, by_default);
            let loops = self.wishes().iter().filter(of_rank).filter_map(|wish| {
                let (name, on) = (wish.feature, all(wish)?);
                Some(quote!((#name, ::core::cfg!(#on))))
            });
            quote!(&[#(#loops),*])
        });
        let package = &manifest.asked.package;
        let polyloop = &self.polyloop;
        quote! {
            ::core::option::Option::Some(#polyloop::__private::Asked {
                package: #package,
                ranks: &[#(#ranks),*],
            })
        }
    }

    /// An attribute that ignores a test on a loop that the package does not ask for, if it
    /// asks for others.
    pub(crate) fn ignored_unless_asked(&self, known: &KnownLoop) -> TokenStream {
        let Some(manifest) = &self.manifest else {
            return TokenStream::new();
        };
        let any: Vec<TokenStream> = self.wishes().iter().filter_map(all).collect();
        let this = self.wishes().iter();
        let this = this.filter(|wish| wish.feature == known.feature);
        let this: Vec<TokenStream> = this.filter_map(all).collect();
        let reason = format!(
            "the package {:?} does not ask polyloop for the feature {:?}, which something \
             else has switched on; `#[polyloop::test({})]` would run it",
            manifest.asked.package,
            known.feature,
            loops::argument(known),
        );
        quote!(#[cfg_attr(all(any(#(#any),*), not(any(#(#this),*))), ignore = #reason)])
    }
}

/// The predicate of `cfg` under which a wish counts.
fn all(wish: &Wish) -> Option<TokenStream> {
    let all: Result<Vec<TokenStream>, _> = wish.conditions.iter().map(|one| one.parse()).collect();
    let all = all.ok()?;
    Some(quote!(all(#(#all),*)))
}
