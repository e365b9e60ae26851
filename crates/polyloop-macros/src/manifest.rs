//! The manifest of the package that an attribute stands in: where it is, and when what
//! was read of it is out of date.
//!
//! Cargo says where the package is. Built without cargo, or where the manifest can't
//! be read, nothing is known and nothing is said about that: the build has its own ways.
//!
//! Cargo does not compile a package again because the features of its dependencies have
//! changed in the manifest, if these were on already. So each expansion that follows a
//! manifest includes the file, which makes it a source of the package.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use proc_macro2::TokenStream;
use quote::quote;
use toml::Spanned;
use toml::de::DeTable;

use crate::asked::{Asked, inherits};

/// What the manifest of this package asks, and the files that say so.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) asked: Asked,
    /// From the package's directory.
    files: Vec<String>,
}

/// One that was read, with the package's directory, and when its files were written.
type Known = (PathBuf, Vec<Option<SystemTime>>, Manifest);

/// The last one: a crate has many attributes, and one manifest.
static LAST: Mutex<Option<Known>> = Mutex::new(None);

impl Manifest {
    /// Of the package that is being compiled.
    pub(crate) fn of_caller() -> Option<Self> {
        // Only in Unicode could the expansion name it, too.
        let directory = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").ok()?);
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, written, manifest)) = &*last
            && *known == directory
            && *written == manifest.written(&directory)
        {
            return Some(manifest.clone());
        }
        let manifest = Self::read(&directory)?;
        let written = manifest.written(&directory);
        *last = Some((directory, written, manifest.clone()));
        Some(manifest)
    }

    fn read(directory: &Path) -> Option<Self> {
        let own = "/Cargo.toml".to_owned();
        let text = fs::read_to_string(at(directory, &own)).ok()?;
        let manifest = DeTable::parse(&text).ok()?.into_inner();
        if !inherits(&manifest) {
            return Some(Self {
                asked: Asked::read(&manifest, None),
                files: vec![own],
            });
        }
        let root = root(directory, &manifest);
        let text = root
            .as_ref()
            .and_then(|root| fs::read_to_string(at(directory, root)).ok());
        let shared = text.as_ref().and_then(|text| DeTable::parse(text).ok());
        let shared = shared.as_ref().map(Spanned::get_ref);
        Some(Self {
            asked: Asked::read(&manifest, shared),
            files: std::iter::once(own).chain(root).collect(),
        })
    }

    /// When its files were written.
    fn written(&self, directory: &Path) -> Vec<Option<SystemTime>> {
        let written = |file: &String| fs::metadata(at(directory, file)).ok()?.modified().ok();
        self.files.iter().map(written).collect()
    }

    /// Items that make the files sources of the package.
    pub(crate) fn included(&self) -> TokenStream {
        let files = &self.files;
        quote! {
            #(
                const _: &[::core::primitive::u8] = ::core::include_bytes!(
                    ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #files)
                );
            )*
        }
    }
}

/// The manifest of the workspace that a package inherits from, seen from the package: the
/// one it names, or else the nearest above it (or itself) that is a workspace's.
fn root(directory: &Path, manifest: &DeTable<'_>) -> Option<String> {
    let package = manifest.get("package")?.get_ref();
    if let Some(named) = package.get("workspace") {
        return Some(format!("/{}/Cargo.toml", named.get_ref().as_str()?));
    }
    let mut file = "/Cargo.toml".to_owned();
    for _ in directory.ancestors() {
        let text = fs::read_to_string(at(directory, &file)).unwrap_or_default();
        let is_root = DeTable::parse(&text)
            .is_ok_and(|manifest| manifest.get_ref().contains_key("workspace"));
        if is_root {
            return Some(file);
        }
        file.insert_str(0, "/..");
    }
    None
}

fn at(directory: &Path, file: &str) -> PathBuf {
    let mut path = directory.as_os_str().to_owned();
    path.push(file);
    path.into()
}
