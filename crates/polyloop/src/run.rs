//! [`run`]: a loop for one future.

use std::future::Future;

use polyloop_core::{MainLoop, RunError, SignalError};
use thiserror::Error;

use crate::preference::{self, Why};
use crate::{AnyLoop, ChooseError};

/// Runs `main` on the loop of [`AnyLoop::from_env`], and that loop with it, until
/// `main` is done. [`MainLoop::run`] says what happens then.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```no_run")]
/// use std::time::Duration;
///
/// let answer = polyloop::run(async {
///     polyloop::sleep(Duration::from_millis(1))?.await;
///     Ok::<_, polyloop::NoCurrentLoop>(42)
/// })??;
/// assert_eq!(answer, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run<F: Future>(main: F) -> Result<F::Output, StartError> {
    let preferred = || preference::first(Why::UnknownCaller("polyloop::run"));
    Ok(AnyLoop::from_env_or(preferred)?.run(main)?)
}

/// Why [`run`] gave no value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no such loop.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// The loop could not be run to the end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The signals that were to stop it can't be caught.
    #[error(transparent)]
    Signals(#[from] SignalError),
}
