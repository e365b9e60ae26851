//! Choosing a loop when the program runs: by name, by the environment, or by
//! asking which one is current.

use std::io;

use polyloop_core::Failure;
use thiserror::Error;

use super::AnyLoop;
use crate::current::NoCurrentLoop;
use crate::preference::{self, Why};

/// The environment variable that names the loop.
pub(crate) const VARIABLE: &str = "POLYLOOP_LOOP";

/// Every loop there is, in the order of preference. The feature of each has its
/// name.
const KNOWN: &[&str] = &["async-std", "smol", "tokio", SIMULATED];

/// The one among them, and the last, that is no loop of the machine.
pub(crate) const SIMULATED: &str = "sim";

/// Those compiled in, in the same order.
const AVAILABLE: &[&str] = &[
    #[cfg(feature = "async-std")]
    "async-std",
    #[cfg(feature = "smol")]
    "smol",
    #[cfg(feature = "tokio")]
    "tokio",
    #[cfg(feature = "sim")]
    SIMULATED,
];

type Make = fn() -> io::Result<AnyLoop>;

/// How each of those is made.
const MAKERS: &[Make] = &[
    #[cfg(feature = "async-std")]
    || Ok(crate::AsyncStdLoop::new().into()),
    #[cfg(feature = "smol")]
    || Ok(crate::SmolLoop::new().into()),
    #[cfg(feature = "tokio")]
    || crate::TokioLoop::new().map(AnyLoop::from),
    #[cfg(feature = "sim")]
    || Ok(crate::SimLoop::new().into()),
];

impl AnyLoop {
    /// The names of the loops that are compiled in, the preferred one first.
    pub fn available() -> &'static [&'static str] {
        AVAILABLE
    }

    /// The names of those among them that have the machine's own network and time: all
    /// but `"sim"`. A program that other processes talk to can only run on these.
    pub fn available_real() -> &'static [&'static str] {
        match AVAILABLE {
            [real @ .., last] if *last == SIMULATED => real,
            all => all,
        }
    }

    /// Makes the loop of that name: `"tokio"`, `"smol"`, `"async-std"` or `"sim"`. Case
    /// does not matter, and `_` stands for `-` as well. `"sim"` gives a simulation of its
    /// own each time.
    ///
    /// ```
    /// use polyloop::AnyLoop;
    ///
    /// let error = AnyLoop::by_name("libuv").unwrap_err().to_string();
    /// assert!(error.starts_with("no loop is called \"libuv\""));
    /// ```
    pub fn by_name(name: &str) -> Result<Self, ChooseError> {
        let wanted = name.to_ascii_lowercase().replace('_', "-");
        let made = AVAILABLE
            .iter()
            .zip(MAKERS)
            .find(|(available, _)| **available == wanted);
        if let Some((name, make)) = made {
            return make().map_err(|source| ChooseError::Build { name, source });
        }
        match KNOWN.iter().find(|known| **known == wanted) {
            Some(name) => Err(ChooseError::NotCompiledIn { name }),
            None => Err(ChooseError::Unknown {
                given: name.to_owned(),
            }),
        }
    }

    /// Makes the loop that the environment variable `POLYLOOP_LOOP` names; if it is
    /// unset or empty, the one that is preferred among those compiled in, which is
    /// that of [`DefaultLoop`](crate::DefaultLoop).
    ///
    /// Where that is a choice between several, it is told once in a process: this function
    /// can't see what the package that calls it asks for, as
    /// [`#[polyloop::main]`](macro@crate::main) can.
    pub fn from_env() -> Result<Self, ChooseError> {
        Self::from_env_or(|| preference::first(Why::UnknownCaller("AnyLoop::from_env")))
    }

    /// The same with another preference.
    pub(crate) fn from_env_or(
        preferred: impl FnOnce() -> Option<&'static str>,
    ) -> Result<Self, ChooseError> {
        match std::env::var_os(VARIABLE) {
            Some(given) if !given.is_empty() => {
                Self::by_name(&given.to_string_lossy()).map_err(|error| ChooseError::Environment {
                    error: Box::new(error),
                })
            }
            _ => match preferred() {
                Some(preferred) => Self::by_name(preferred),
                None => Err(ChooseError::NoneCompiledIn),
            },
        }
    }

    /// The loop that is running the calling code.
    ///
    /// ```
    /// use polyloop::{AnyLoop, Lifecycle, MainLoop};
    ///
    /// for name in AnyLoop::available() {
    ///     let lp = AnyLoop::by_name(name)?;
    ///     let current = lp.run(async { AnyLoop::current() })??;
    ///     assert_eq!(current.name(), *name);
    /// }
    /// assert!(AnyLoop::current().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn current() -> Result<Self, NoCurrentLoop> {
        crate::current::find("AnyLoop::current")
    }
}

/// Why there is no loop of that choice.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// No loop has that name.
    #[error("no loop is called {given:?}; polyloop knows {}; {}", KNOWN.join(", "), compiled_in())]
    Unknown {
        /// The name.
        given: String,
    },
    /// The loop exists, and its feature is off.
    #[error(
        "the {name} loop is not compiled in: enable the feature \"{name}\" of polyloop; {}",
        compiled_in()
    )]
    NotCompiledIn {
        /// The loop's name, which is its feature's, too.
        name: &'static str,
    },
    /// Every feature that brings a loop is off.
    #[error("there is no loop to choose: {}", compiled_in())]
    NoneCompiledIn,
    /// The environment variable `POLYLOOP_LOOP` asks for what can't be had.
    #[error("the environment variable {VARIABLE} can't be followed: {error}")]
    Environment {
        /// What is wrong with it.
        error: Box<ChooseError>,
    },
    /// The loop's runtime could not be built.
    #[error("the runtime of the {name} loop could not be built: {source}")]
    Build {
        /// The loop's name.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl From<ChooseError> for Failure {
    #[track_caller]
    fn from(error: ChooseError) -> Self {
        Self::new(error)
    }
}

/// Which loops are compiled in, and how to get the others, for error texts.
pub(crate) fn compiled_in() -> String {
    let others: Vec<&str> = KNOWN
        .iter()
        .copied()
        .filter(|known| !AVAILABLE.contains(known))
        .collect();
    let others = others.join(", ");
    if AVAILABLE.is_empty() {
        return format!(
            "no loop is compiled in; enable one of polyloop's features {others}, \
             each of which brings the loop of its name"
        );
    }
    let available = AVAILABLE.join(", ");
    if others.is_empty() {
        format!("compiled in: {available}")
    } else {
        format!("compiled in: {available} (polyloop's features of the same name bring {others})")
    }
}
