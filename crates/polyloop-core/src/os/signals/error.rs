//! [`SignalError`]: why a signal can't be caught.

use std::io;

use thiserror::Error;

use crate::event_loop::lifecycle::LoopClosed;
use crate::os::signal::Signal;
use crate::promise::failure::Failure;

/// Why a signal can't be caught (SIG-04).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The system never tells a process of it.
    #[error(
        "{signal} can't be caught: the system acts at once and tells nobody; \
         SIGTERM is the one that asks a process to end"
    )]
    Uncatchable {
        /// The signal that was asked for.
        signal: Signal,
    },
    /// It says that an instruction failed, and its handler may do next to nothing.
    #[error(
        "{signal} can't be caught on a loop: it says that the instruction that is running has \
         failed, and no other code may go on before that is dealt with"
    )]
    Fault {
        /// The signal that was asked for.
        signal: Signal,
    },
    /// The system knows no such signal, or refused.
    #[error("{signal} can't be caught: {source}; expected a signal that this system has")]
    Refused {
        /// The signal that was asked for.
        signal: Signal,
        /// What the system said.
        source: io::Error,
    },
    /// No signal was named, so none would ever come.
    #[error("no signal was named; expected at least one, such as Signal::TERM")]
    None,
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

impl SignalError {
    pub(super) fn check(signal: Signal) -> Result<(), Self> {
        if signal.is_uncatchable() {
            return Err(Self::Uncatchable { signal });
        }
        if signal.is_a_fault() {
            return Err(Self::Fault { signal });
        }
        Ok(())
    }
}

impl From<SignalError> for Failure {
    #[track_caller]
    fn from(error: SignalError) -> Self {
        Self::new(error)
    }
}
