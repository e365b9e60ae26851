//! The loops that the macros know.
//!
//! Another loop is one more entry of [`KNOWN`], one more `__if_…!` macro, one more rule of
//! `__compiled_in!` and one more `__private::…` constructor in the `polyloop` crate.

use proc_macro2::Ident;

/// A loop that can be named in an attribute.
#[derive(Debug)]
pub(crate) struct KnownLoop {
    /// How it is written in an attribute; the name of its test, and of its
    /// constructor in `polyloop::__private`.
    pub(crate) word: &'static str,
    /// Its type in `polyloop`.
    pub(crate) type_name: &'static str,
    /// The feature of `polyloop` that compiles it in.
    pub(crate) feature: &'static str,
    /// The macro of `polyloop` that keeps its first argument if the loop is compiled
    /// in, and its second otherwise.
    pub(crate) if_compiled_in: &'static str,
}

/// The feature that polyloop's own default switches on.
pub(crate) const DEFAULT_FEATURE: &str = "tokio";

/// Stands for every loop but the simulated one.
pub(crate) const REAL: &str = "real";

impl KnownLoop {
    /// Whether its time and its network are simulated.
    pub(crate) fn is_simulated(&self) -> bool {
        self.word == "sim"
    }
}

pub(crate) const KNOWN: &[KnownLoop] = &[
    KnownLoop {
        word: "tokio",
        type_name: "TokioLoop",
        feature: "tokio",
        if_compiled_in: "__if_tokio",
    },
    KnownLoop {
        word: "smol",
        type_name: "SmolLoop",
        feature: "smol",
        if_compiled_in: "__if_smol",
    },
    KnownLoop {
        word: "async_std",
        type_name: "AsyncStdLoop",
        feature: "async-std",
        if_compiled_in: "__if_async_std",
    },
    KnownLoop {
        word: "sim",
        type_name: "SimLoop",
        feature: "sim",
        if_compiled_in: "__if_sim",
    },
];

pub(crate) fn find(word: &Ident) -> Option<&'static KnownLoop> {
    KNOWN.iter().find(|known| word == known.word)
}

/// The loop that a type is called after.
pub(crate) fn of_type(name: &Ident) -> Option<&'static KnownLoop> {
    KNOWN.iter().find(|known| name == known.type_name)
}

/// The argument of `#[polyloop::test]` that chooses it alone.
pub(crate) fn argument(known: &KnownLoop) -> String {
    if known.is_simulated() {
        known.word.to_owned()
    } else {
        format!("loops({})", known.word)
    }
}

/// For error messages.
pub(crate) fn words() -> String {
    let words: Vec<String> = KNOWN
        .iter()
        .map(|known| format!("`{}`", known.word))
        .collect();
    words.join(", ")
}
