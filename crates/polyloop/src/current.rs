//! The current loop, and the error for having none.

use std::fmt;

use polyloop_core::backend::Backend as _;
use polyloop_core::{Failure, context};
use thiserror::Error;

use crate::AnyLoop;
use crate::any_loop::compiled_in;

/// The loop that is running the calling code: the same as
/// [`AnyLoop::current`].
pub fn current() -> Result<AnyLoop, NoCurrentLoop> {
    find("current")
}

/// A function that acts on the current loop was called where there is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`polyloop::{called}` needs a current loop, but {found}; {}",
    compiled_in()
)]
#[non_exhaustive]
pub struct NoCurrentLoop {
    /// The function.
    pub called: &'static str,
    /// What there was instead.
    pub found: Found,
}

/// What [`NoCurrentLoop`] found in place of a loop. Its text says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A thread that no loop is running code on.
    PlainThread,
    /// A thread inside a tokio runtime that belongs to no loop. It is not adopted:
    /// which runtime work goes to is the program's decision, not an accident of
    /// where a call was made.
    TokioRuntime,
    /// A loop that [`AnyLoop`] has no variant for.
    ForeignLoop {
        /// Its name.
        name: &'static str,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainThread => f.write_str(
                "this thread is not run by a polyloop loop: call it from inside \
                 `polyloop::run`, `#[polyloop::main]` or a task, or call the method \
                 of a loop value instead",
            ),
            Self::TokioRuntime => f.write_str(
                "this thread is inside a tokio runtime that no polyloop loop runs, and \
                 polyloop does not adopt it by itself: make a loop of it with \
                 `TokioLoop::from_handle(Handle::current())` and call the method of \
                 that loop instead",
            ),
            Self::ForeignLoop { name } => write!(
                f,
                "the loop that runs this thread, {name}, is not one of those compiled in \
                 here: call the method of that loop's value instead",
            ),
        }
    }
}

impl From<NoCurrentLoop> for Failure {
    #[track_caller]
    fn from(error: NoCurrentLoop) -> Self {
        Self::new(error)
    }
}

/// The current loop, on behalf of the function `called`.
pub(crate) fn find(called: &'static str) -> Result<AnyLoop, NoCurrentLoop> {
    let found = match context::current_state() {
        Some(state) => match AnyLoop::from_state(&state) {
            Some(lp) => return Ok(lp),
            None => Found::ForeignLoop { name: state.name() },
        },
        None if inside_tokio() => Found::TokioRuntime,
        None => Found::PlainThread,
    };
    Err(NoCurrentLoop { called, found })
}

fn inside_tokio() -> bool {
    cfg_if::cfg_if! {
        if #[cfg(feature = "tokio")] {
            polyloop_tokio::is_inside_runtime()
        } else {
            false
        }
    }
}
