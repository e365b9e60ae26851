//! [`ConnectError`]: why there is no connection, and what became of each address.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::names::LookupError;
use crate::net::drive::DriveError;
use crate::net::endpoint::{Endpoint, EndpointError, Unusable};
use crate::net::socket::LocalBindError;
use crate::net::unix::UnixPathError;
use crate::promise::failure::Failure;
use crate::protocol::address::Address;

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Something in the endpoint is for listening, or missing.
    #[error("can't connect to {endpoint}: {problem}")]
    Misused {
        /// What was asked for.
        endpoint: Endpoint,
        /// What is for the other side, or missing.
        problem: String,
    },
    /// The loop has no such sockets, or nothing was given that speaks such a protocol.
    #[error("can't connect to {endpoint}: not supported: {problem}")]
    Unsupported {
        /// What was asked for.
        endpoint: Endpoint,
        /// What is not there.
        problem: String,
    },
    /// The [`Scheme`](crate::Scheme) of the endpoint failed.
    #[error("can't connect to {endpoint}: {source}")]
    Scheme {
        /// What was asked for.
        endpoint: Endpoint,
        /// What it said.
        source: Failure,
    },
    /// The host could not be resolved (CLI-04).
    #[error("can't connect to {endpoint}: the name can't be resolved: {source}")]
    Dns {
        /// What was asked for.
        endpoint: Endpoint,
        /// Why not.
        source: LookupError,
    },
    /// Nobody listens there (CLI-03).
    #[error("can't connect to {endpoint}: refused: {attempts}")]
    Refused {
        /// What was asked for.
        endpoint: Endpoint,
        /// What became of each address.
        attempts: Attempts,
    },
    /// The network or the host can't be reached.
    #[error("can't connect to {endpoint}: unreachable: {attempts}")]
    Unreachable {
        /// What was asked for.
        endpoint: Endpoint,
        /// What became of each address.
        attempts: Attempts,
    },
    /// The time limit passed, this one's or the system's (CLI-02).
    #[error("can't connect to {endpoint}: {}{attempts}", limit_text(*.limit))]
    TimedOut {
        /// What was asked for.
        endpoint: Endpoint,
        /// The limit, or `None` if it was the system's.
        limit: Option<Duration>,
        /// What became of the addresses that had failed by then.
        attempts: Attempts,
    },
    /// The local address could not be bound (CLI-11).
    #[error("can't connect to {endpoint}: {source}")]
    Bind {
        /// What was asked for.
        endpoint: Endpoint,
        /// What the system said, with the local address.
        source: io::Error,
    },
    /// There is nothing to connect to at the path of a UNIX socket, or the name is none.
    #[error("can't connect to {endpoint}: {source}")]
    Path {
        /// What was asked for.
        endpoint: Endpoint,
        /// What is wrong with it.
        source: UnixPathError,
    },
    /// A [layer](crate::Layer) over the connection failed, such as a handshake (CLI-31,
    /// TLS-02). The connection was closed.
    #[error(
        "can't connect to {endpoint}: connected to {peer}, but a layer over it failed: {source}"
    )]
    Layer {
        /// What was asked for.
        endpoint: Endpoint,
        /// The other end.
        peer: Address,
        /// What failed.
        source: Failure,
    },
    /// The factory's start hook panicked.
    #[error("can't connect: the factory failed to start: {0}")]
    Factory(Failure),
    /// The factory declined the connection (FACT-02).
    #[error("connected to {peer}, but the factory has no protocol for it")]
    Declined {
        /// The other end.
        peer: Address,
    },
    /// The factory panicked, or the protocol's `connection_made` failed (FACT-04,
    /// PROTO-07). The connection was closed.
    #[error("connected to {peer}, but the protocol failed: {source}")]
    Protocol {
        /// The other end.
        peer: Address,
        /// What failed.
        source: Failure,
    },
    /// Anything else.
    #[error("can't connect to {endpoint}: {attempts}")]
    Other {
        /// What was asked for.
        endpoint: Endpoint,
        /// What became of each address.
        attempts: Attempts,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

impl From<DriveError> for ConnectError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Factory(failure) => Self::Factory(failure),
            DriveError::Declined { peer } => Self::Declined { peer },
            DriveError::Protocol { peer, source } => Self::Protocol { peer, source },
            DriveError::Closed(closed) => Self::Closed(closed),
        }
    }
}

fn limit_text(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("not connected within {limit:?}"),
        None => "the system gave up waiting".to_owned(),
    }
}

impl From<ConnectError> for Failure {
    #[track_caller]
    fn from(error: ConnectError) -> Self {
        Self::new(error)
    }
}

impl ConnectError {
    #[cold]
    pub(super) fn unusable(endpoint: &Endpoint, unusable: Unusable) -> Self {
        let endpoint = endpoint.clone();
        match unusable {
            Unusable::Misused(problem) => Self::Misused { endpoint, problem },
            Unusable::Unsupported(problem) => Self::Unsupported { endpoint, problem },
            Unusable::Scheme(source) => Self::Scheme { endpoint, source },
        }
    }

    /// What became of each address that was tried (CLI-10).
    pub fn attempts(&self) -> &[(Address, io::Error)] {
        match self {
            Self::Refused { attempts, .. }
            | Self::Unreachable { attempts, .. }
            | Self::TimedOut { attempts, .. }
            | Self::Other { attempts, .. } => &attempts.0,
            _ => &[],
        }
    }

    /// The error as a standard kind, for code that treats all loops and libraries
    /// alike.
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Endpoint(_) | Self::Misused { .. } => io::ErrorKind::InvalidInput,
            Self::Unsupported { .. } => io::ErrorKind::Unsupported,
            Self::Dns { source, .. } => source.io_kind(),
            Self::Bind { source, .. } => source.kind(),
            Self::Path { source, .. } => source.io_kind(),
            Self::Layer { source, .. } => source.io_kind().unwrap_or(io::ErrorKind::Other),
            Self::Refused { .. } => io::ErrorKind::ConnectionRefused,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Unreachable { attempts, .. } | Self::Other { attempts, .. } => attempts
                .0
                .last()
                .map_or(io::ErrorKind::Other, |(_, error)| error.kind()),
            _ => io::ErrorKind::Other,
        }
    }
}

/// The addresses that were tried and why each failed.
#[derive(Debug, Default)]
pub struct Attempts(pub(super) Vec<(Address, io::Error)>);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

/// The error for a race that nobody won. Where the attempts failed differently, the
/// last one to fail names it; all are listed.
pub(super) fn judge(endpoint: &Endpoint, mut attempts: Attempts) -> ConnectError {
    use io::ErrorKind::{
        ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable, TimedOut,
    };
    let endpoint = endpoint.clone();
    let is_bind = |error: &io::Error| {
        error.get_ref().is_some_and(
            <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<
                LocalBindError,
            >,
        )
    };
    if let Some(index) = attempts.0.iter().position(|(_, error)| is_bind(error)) {
        let (_, source) = attempts.0.swap_remove(index);
        return ConnectError::Bind { endpoint, source };
    }
    if let Some(source) = attempts.0.iter().find_map(|(_, e)| UnixPathError::of(e)) {
        return ConnectError::Path { endpoint, source };
    }
    match attempts.0.last().map(|(_, error)| error.kind()) {
        Some(ConnectionRefused) => ConnectError::Refused { endpoint, attempts },
        Some(HostUnreachable | NetworkUnreachable | NetworkDown) => {
            ConnectError::Unreachable { endpoint, attempts }
        }
        Some(TimedOut) => ConnectError::TimedOut {
            endpoint,
            limit: None,
            attempts,
        },
        _ => ConnectError::Other { endpoint, attempts },
    }
}
