//! [`LookupError`]: why a name has given no address.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::query::Families;
use crate::promise::failure::Failure;

/// Why a name has given no address.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// It can't be a host's name, so nobody was asked (DNS-05).
    #[error("{host:?} can't be a host's name: {problem}")]
    InvalidName {
        /// The name.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The resolver has answered, and there is no such address (DNS-02).
    #[error("no {families} is known for {host:?}")]
    NotFound {
        /// The name.
        host: String,
        /// The families that were asked for.
        families: Families,
    },
    /// An address was given instead of a name, and it is of a family that is not wanted.
    #[error("{address} is given, but an {families} is wanted")]
    WrongFamily {
        /// What was given.
        address: IpAddr,
        /// The families that were asked for.
        families: Families,
    },
    /// The resolver could not answer; it may the next time (DNS-02).
    #[error("looking {host:?} up has failed: {source}")]
    Failed {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// There was no answer within the limit (DNS-04).
    #[error("{host:?} was not looked up within {limit:?}")]
    TimedOut {
        /// The name.
        host: String,
        /// The limit.
        limit: Duration,
    },
}

impl LookupError {
    /// The error as a standard kind.
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::InvalidName { .. } | Self::WrongFamily { .. } => io::ErrorKind::InvalidInput,
            Self::NotFound { .. } => io::ErrorKind::NotFound,
            Self::Failed { source, .. } => source.kind(),
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
        }
    }
}

impl From<LookupError> for io::Error {
    fn from(error: LookupError) -> Self {
        Self::new(error.io_kind(), error)
    }
}

impl From<LookupError> for Failure {
    #[track_caller]
    fn from(error: LookupError) -> Self {
        Self::new(error)
    }
}
