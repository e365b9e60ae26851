//! [`UnixPathError`]: why the name of a UNIX socket is of no use.

use std::io;

use thiserror::Error;

/// Why the name of a UNIX socket can't be listened on, or connected to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnixPathError {
    /// The system has no room for it.
    #[error("it has {length} bytes; expected at most {limit}")]
    TooLong {
        /// Its length.
        length: usize,
        /// The longest that there is.
        limit: usize,
    },
    /// There is a zero byte in a path.
    #[error("there is a zero byte in it; expected a path")]
    ZeroByte,
    /// It names nothing.
    #[error("it is empty; expected a path, or an `@` with an abstract name behind it")]
    Unnamed,
    /// Only Linux has abstract names.
    #[error("this system has no abstract names; expected a path")]
    NoAbstractNames,
    /// There is something else at that path (UNIX-02). It was left as it is.
    #[error("what is there is no socket; expected a socket, or a path where nothing is")]
    NoSocket,
    /// There is a socket that takes no streams.
    #[error("the socket there is not one for streams; expected one that a server listens on")]
    NoStream,
    /// There is nothing to connect to.
    #[error("there is nothing; expected a socket that a server listens on")]
    Missing,
    /// The directory that it is to be in is not there.
    #[error("there is no such directory; expected one to put the socket into")]
    NoDirectory,
    /// A server that is gone has left its socket (UNIX-02).
    #[error(
        "nobody listens there, and the socket file of an earlier server is left; remove it, or \
         listen with `replace_stale` (`replaceStale=yes`)"
    )]
    Stale,
}

impl UnixPathError {
    /// The same as a standard kind.
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Missing | Self::NoDirectory => io::ErrorKind::NotFound,
            Self::NoSocket => io::ErrorKind::AlreadyExists,
            Self::Stale => io::ErrorKind::AddrInUse,
            Self::NoAbstractNames => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidInput,
        }
    }

    /// The one that an error of the system's, or of a backend's, is made of.
    pub(in crate::net) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().cloned()
    }
}

impl From<UnixPathError> for io::Error {
    fn from(error: UnixPathError) -> Self {
        Self::new(error.io_kind(), error)
    }
}
