//! What the expansions of the attribute macros call.
//!
//! Nothing here is for people. A procedural macro can't see which features this
//! crate was built with, so for each loop there is a macro that keeps one of two
//! pieces of code, and a constructor that is there if the loop is.

mod program;
#[cfg(feature = "sim")]
mod seeds;
mod testing;

pub use program::run_main;
#[cfg(feature = "sim")]
pub use seeds::{SeedsTest, run_seeds};
pub use testing::{TestOutcome, run_test};

use crate::{AnyLoop, ChooseError};

/// For a program that is not pinned.
pub fn from_env() -> Result<AnyLoop, ChooseError> {
    AnyLoop::from_env()
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
