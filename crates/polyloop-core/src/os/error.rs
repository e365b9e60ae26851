//! [`WatchError`]: why a descriptor can't be watched, and [`IntoInnerError`]: why it does not
//! come back.

use std::fmt;
use std::io;
use std::os::fd::RawFd;

use thiserror::Error;

use super::watch::{Source, Watch};
use super::watched::Watched;
use crate::event_loop::lifecycle::LoopClosed;
use crate::promise::failure::Failure;

/// Why a descriptor can't be watched. Each says which one was given, and what was expected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The loop has no descriptors, or its runtime can't wait for them.
    #[error("the {name} loop can't watch descriptor {descriptor}: {source}")]
    Unsupported {
        /// The name of the loop.
        name: &'static str,
        /// The descriptor.
        descriptor: RawFd,
        /// What stands in the way.
        source: io::Error,
    },
    /// There is no such descriptor: it was closed, or never open.
    #[error("descriptor {descriptor} can't be watched: it is not open; expected an open one")]
    NotOpen {
        /// The descriptor.
        descriptor: RawFd,
    },
    /// The system never lets anybody wait for what is behind it: a regular file or a
    /// directory.
    #[error(
        "descriptor {descriptor} can't be watched: the system has no readiness for it; expected \
         a socket, a pipe, a terminal or the like (files are read with `run_in_thread`)"
    )]
    NeverWaits {
        /// The descriptor.
        descriptor: RawFd,
    },
    /// The runtime waits for it already.
    #[error(
        "descriptor {descriptor} is watched already; expected one that is not (a `Watched` can \
         be cloned, a descriptor duplicated)"
    )]
    WatchedAlready {
        /// The descriptor.
        descriptor: RawFd,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
    /// The system refused it for another reason.
    #[error("descriptor {descriptor} can't be watched: {source}")]
    Refused {
        /// The descriptor.
        descriptor: RawFd,
        /// What the system said.
        source: io::Error,
    },
}

impl WatchError {
    /// What the error of a runtime or of the system comes to.
    pub(super) fn new(name: &'static str, descriptor: RawFd, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EBADF) => Self::NotOpen { descriptor },
            Some(libc::EPERM) => Self::NeverWaits { descriptor },
            Some(libc::EEXIST) => Self::WatchedAlready { descriptor },
            _ if source.kind() == io::ErrorKind::Unsupported => Self::Unsupported {
                name,
                descriptor,
                source,
            },
            _ => Self::Refused { descriptor, source },
        }
    }
}

/// Why [`Watched::into_inner`] gave no source.
#[derive(Error)]
#[non_exhaustive]
pub enum IntoInnerError<L: Watch, T: Source> {
    /// Others hold it, too: a clone, or a callback on it. Here it is again.
    #[error("others hold what is watched, too: a clone of it, or a callback on it")]
    Shared(Watched<L, T>),
    /// The runtime could not let go of the descriptor, and the source went with it: it was
    /// closed by somebody else, or another has its number by now.
    #[error("the descriptor was lost while it was watched: {0}")]
    Lost(#[source] io::Error),
}

impl<L: Watch, T: Source> fmt::Debug for IntoInnerError<L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(watched) => f.debug_tuple("Shared").field(watched).finish(),
            Self::Lost(error) => f.debug_tuple("Lost").field(error).finish(),
        }
    }
}

impl From<WatchError> for Failure {
    #[track_caller]
    fn from(error: WatchError) -> Self {
        Self::new(error)
    }
}

impl From<WatchError> for io::Error {
    fn from(error: WatchError) -> Self {
        let kind = match &error {
            WatchError::Unsupported { .. } | WatchError::Closed(_) => io::ErrorKind::Unsupported,
            WatchError::NotOpen { .. } | WatchError::NeverWaits { .. } => {
                io::ErrorKind::InvalidInput
            }
            WatchError::WatchedAlready { .. } => io::ErrorKind::AlreadyExists,
            WatchError::Refused { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}
