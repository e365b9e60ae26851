//! What the expansions of the attribute macros call.
//!
//! Nothing here is for people. A procedural macro can't see which features this
//! crate was built with, so for each loop there is a macro that keeps one of two
//! pieces of code, and a constructor that is there if the loop is. What the calling
//! package asks for it can read, in the package's manifest.

mod program;
#[cfg(feature = "sim")]
mod seeds;
mod testing;

pub use program::{run_main, run_main_until_signal};
#[cfg(feature = "sim")]
pub use seeds::{SeedsTest, run_seeds};
pub use testing::{TestOutcome, no_loop, run_test};

pub use crate::preference::Asked;
use crate::{AnyLoop, ChooseError, preference};

/// For a program that is not pinned, in a package whose manifest asks for that.
pub fn from_env(asked: Option<Asked>) -> Result<AnyLoop, ChooseError> {
    AnyLoop::from_env_or(|| preference::of_package(asked))
}

/// A loop that can be given to a function which takes a `T`.
#[diagnostic::on_unimplemented(
    message = "a function under an attribute of polyloop can't take `{T}`",
    note = "it takes the loop, as `AnyLoop`, as `impl Loop` or through a type parameter, or nothing",
    note = "an attribute that supplies other arguments is written above that of polyloop"
)]
pub trait Gives<T> {
    /// Gives it.
    fn give(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<L: Into<T>, T> Gives<T> for L {
    fn give(self) -> T {
        self.into()
    }
}

/// A loop of its own for each test.
#[cfg(feature = "tokio")]
pub fn tokio() -> Result<crate::TokioLoop, ChooseError> {
    crate::TokioLoop::new().map_err(|source| ChooseError::Build {
        name: "tokio",
        source,
    })
}

/// A loop of its own for each test.
#[cfg(feature = "smol")]
pub fn smol() -> Result<crate::SmolLoop, ChooseError> {
    Ok(crate::SmolLoop::new())
}

/// A loop of its own for each test.
#[cfg(feature = "async-std")]
pub fn async_std() -> Result<crate::AsyncStdLoop, ChooseError> {
    Ok(crate::AsyncStdLoop::new())
}

/// For a program that is pinned to it; tests make theirs by the seed.
#[cfg(feature = "sim")]
pub fn sim() -> Result<crate::SimLoop, ChooseError> {
    Ok(crate::SimLoop::new())
}

/// Keeps the first piece if the feature is on, and the second otherwise. The two
/// halves take the place of a `cfg` in the caller's crate, which would ask for the
/// caller's features.
macro_rules! if_compiled_in {
    ($dollar:tt $name:ident $feature:literal) => {
        #[cfg(feature = $feature)]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
                    ({ $dollar($dollar kept:tt)* } else { $dollar($dollar dropped:tt)* }) => {
                        $dollar($dollar kept)*
                    };
                }

        #[cfg(not(feature = $feature))]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $name {
                    ({ $dollar($dollar dropped:tt)* } else { $dollar($dollar kept:tt)* }) => {
                        $dollar($dollar kept)*
                    };
                }
    };
}
if_compiled_in!($ __if_tokio "tokio");
if_compiled_in!($ __if_smol "smol");
if_compiled_in!($ __if_async_std "async-std");
if_compiled_in!($ __if_sim "sim");

/// Puts together the pieces of the loops that are compiled in, or that of `otherwise` where
/// none of them is: `{ mod tests } { use always::this; } {} smol { … } otherwise { … }`. It
/// is used where the attribute stands, so the path that leads here need not be one that is
/// found in that module.
#[doc(hidden)]
#[macro_export]
macro_rules! __compiled_in {
    ({ $($head:tt)* } { $($always:tt)* } {} otherwise { $($piece:tt)* }) => {
        $($head)* { $($always)* $($piece)* }
    };
    ({ $($head:tt)* } { $($always:tt)* } { $($kept:tt)+ } otherwise { $($piece:tt)* }) => {
        $($head)* { $($always)* $($kept)* }
    };
    ($head:tt $always:tt $kept:tt tokio $piece:tt $($rest:tt)*) => {
        $crate::__if_tokio! {
            { $crate::__compiled_in! { @keep $head $always $kept $piece $($rest)* } }
            else { $crate::__compiled_in! { $head $always $kept $($rest)* } }
        }
    };
    ($head:tt $always:tt $kept:tt smol $piece:tt $($rest:tt)*) => {
        $crate::__if_smol! {
            { $crate::__compiled_in! { @keep $head $always $kept $piece $($rest)* } }
            else { $crate::__compiled_in! { $head $always $kept $($rest)* } }
        }
    };
    ($head:tt $always:tt $kept:tt async_std $piece:tt $($rest:tt)*) => {
        $crate::__if_async_std! {
            { $crate::__compiled_in! { @keep $head $always $kept $piece $($rest)* } }
            else { $crate::__compiled_in! { $head $always $kept $($rest)* } }
        }
    };
    ($head:tt $always:tt $kept:tt sim $piece:tt $($rest:tt)*) => {
        $crate::__if_sim! {
            { $crate::__compiled_in! { @keep $head $always $kept $piece $($rest)* } }
            else { $crate::__compiled_in! { $head $always $kept $($rest)* } }
        }
    };
    (@keep $head:tt $always:tt { $($kept:tt)* } { $($piece:tt)* } $($rest:tt)*) => {
        $crate::__compiled_in! { $head $always { $($kept)* $($piece)* } $($rest)* }
    };
}
