//! Why a socket can't be had, a datagram not be sent, a group not be joined.

use std::io;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::settings::MulticastInterface;
use crate::event_loop::lifecycle::LoopClosed;
use crate::promise::failure::Failure;

/// Why there is no socket for datagrams.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UdpError {
    /// The address can't be bound, or the options can't be set on such a socket.
    #[error("can't bind a socket for datagrams to {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system knows no way to the peer.
    #[error("can't connect a socket for datagrams to {peer}: {source}")]
    Connect {
        /// The peer.
        peer: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The local address and that of the peer are of two families.
    #[error(
        "a socket on {local} can't be connected to {peer}; expected two addresses of one family"
    )]
    Families {
        /// The local address.
        local: SocketAddr,
        /// The peer.
        peer: SocketAddr,
    },
    /// A socket that was given is none for datagrams.
    #[error("the socket that was given is none for datagrams of IP; expected a UDP socket")]
    Unfit,
    /// The loop can't use the socket: it has none of the system's, or its runtime refuses it.
    #[error("the {name} loop can't use the socket: {source}")]
    Refused {
        /// The name of the loop.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

/// Why a datagram was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The system's buffer is full (UDP-07). Nothing was sent and nothing is kept; there is
    /// room again when [`poll_io`](super::DatagramSocket::poll_io) says so.
    #[error("the system has no room for another datagram now; wait until it has, or drop it")]
    Full,
    /// No datagram is as long (UDP-03).
    #[error(
        "a datagram of {length} bytes is too long; expected at most {limit}, or what the way \
         there takes in one piece"
    )]
    TooLong {
        /// Its length.
        length: usize,
        /// What the protocol has room for.
        limit: usize,
    },
    /// The address is of another family than the socket's (UDP-04).
    #[error("a socket on {local} can't send to {to}; expected an address of its own family")]
    WrongFamily {
        /// The local address.
        local: SocketAddr,
        /// Where it was to go.
        to: SocketAddr,
    },
    /// The socket is connected, and to somebody else (UDP-05).
    #[error("the socket is connected to {peer} and can't send to {to}; use `send`")]
    Connected {
        /// The peer.
        peer: SocketAddr,
        /// Where it was to go.
        to: SocketAddr,
    },
    /// The socket is not connected, and no address was given.
    #[error("the socket is not connected; expected `send_to`, with an address")]
    NotConnected,
    /// Nobody has port 0.
    #[error("a datagram can't go to {to}; expected a port from 1 to 65535")]
    NoPort {
        /// Where it was to go.
        to: SocketAddr,
    },
    /// The address is that of everybody, and broadcast is off (UDP-08).
    #[error(
        "a datagram can't go to {to}, which is a broadcast address, while broadcast is off; \
         `set_broadcast(true)` switches it on"
    )]
    BroadcastOff {
        /// Where it was to go.
        to: SocketAddr,
    },
    /// The endpoint was closed.
    #[error("the endpoint is closed")]
    Closed,
    /// The system refused it. On a connected socket that may be about an earlier datagram: an
    /// error of kind `ConnectionRefused` says that nobody was there, and the next one may get
    /// through (UDP-06).
    #[error("the datagram{} was not sent: {source}", .to.map(|to| format!(" to {to}")).unwrap_or_default())]
    Failed {
        /// Where it was to go.
        to: Option<SocketAddr>,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a setting of multicast was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MulticastError {
    /// The address is none of a group.
    #[error("{given} is no multicast address; expected one of 224.0.0.0/4 or ff00::/8")]
    NoGroup {
        /// What was given.
        given: IpAddr,
    },
    /// The group is of another family than the socket's.
    #[error("a socket on {local} can't join {group}; expected a group of its own family")]
    WrongFamily {
        /// The local address.
        local: SocketAddr,
        /// The group.
        group: IpAddr,
    },
    /// Interfaces are named otherwise in that family.
    #[error(
        "{given} names no interface for a socket on {local}; expected the index of one, or with \
         IPv4 one of its addresses"
    )]
    WrongInterface {
        /// The local address.
        local: SocketAddr,
        /// What was given.
        given: MulticastInterface,
    },
    /// The system refused to join or to leave.
    #[error("the system refused the group {group} on {interface}: {source}")]
    Refused {
        /// The group.
        group: IpAddr,
        /// Where it was to be joined or left.
        interface: MulticastInterface,
        /// What the system said.
        source: io::Error,
    },
    /// The system, or a loop without multicast, refused something else.
    #[error("the setting was refused: {0}")]
    Failed(#[from] io::Error),
}

macro_rules! into_failure {
    ($($error:ident)*) => {$(
        impl From<$error> for Failure {
            #[track_caller]
            fn from(error: $error) -> Self {
                Self::new(error)
            }
        }
    )*};
}
into_failure!(UdpError SendError MulticastError);

impl SendError {
    /// The kind of the error, for code that speaks of [`io::Error`].
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Full => io::ErrorKind::WouldBlock,
            Self::TooLong { .. }
            | Self::WrongFamily { .. }
            | Self::Connected { .. }
            | Self::NoPort { .. } => io::ErrorKind::InvalidInput,
            Self::BroadcastOff { .. } => io::ErrorKind::PermissionDenied,
            Self::NotConnected | Self::Closed => io::ErrorKind::NotConnected,
            Self::Failed { source, .. } => source.kind(),
        }
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Failed { source, .. } => source,
            error => Self::new(error.kind(), error),
        }
    }
}
