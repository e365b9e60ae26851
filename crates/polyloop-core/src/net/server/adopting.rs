//! Taking over a socket that somebody else bound: a supervisor, or the program itself
//! before it dropped its privileges.
//!
//! Any descriptor can be wrapped as the standard library's listener, so what is given is
//! looked at first: a runtime would take it, and fail at each accept or wait for ever.

use std::io;
use std::net::TcpListener;

use socket2::{SockRef, Type};
use thiserror::Error;

use super::ListenError;
use crate::protocol::address::Address;

/// What a socket is that no connections can be accepted from.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfitSocket {
    /// A datagram socket, such as one of UDP.
    #[error("it is a datagram socket")]
    Datagram,
    /// A socket that is neither a stream nor a datagram socket.
    #[error("it is no stream socket")]
    NoStream,
    /// A stream socket of another family than those of TCP and UNIX.
    #[error("it has neither an IP address nor the name of a UNIX socket")]
    NoAddress,
    /// A connection.
    #[error("it is connected to {0}")]
    Connected(Address),
    /// A socket that was bound at most.
    #[error("it does not listen")]
    NotListening,
}

/// The address that the socket listens on.
pub(super) fn listening_on(socket: &TcpListener) -> Result<Address, ListenError> {
    let socket = SockRef::from(socket);
    let kind = socket.r#type().map_err(ListenError::Adopt)?;
    if kind == Type::DGRAM {
        return Err(ListenError::Unfit(UnfitSocket::Datagram));
    }
    if kind != Type::STREAM {
        return Err(ListenError::Unfit(UnfitSocket::NoStream));
    }
    let local = socket.local_addr().map_err(ListenError::Adopt)?;
    let Ok(local) = Address::of_system(&local) else {
        return Err(ListenError::Unfit(UnfitSocket::NoAddress));
    };
    if let Ok(Ok(peer)) = socket.peer_addr().map(|peer| Address::of_system(&peer)) {
        return Err(ListenError::Unfit(UnfitSocket::Connected(peer)));
    }
    if !listens(&socket).map_err(ListenError::Adopt)? {
        return Err(ListenError::Unfit(UnfitSocket::NotListening));
    }
    Ok(local)
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn listens(socket: &SockRef<'_>) -> io::Result<bool> {
    socket.is_listener()
}

/// Where the system can't be asked, the first accept tells.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn listens(_: &SockRef<'_>) -> io::Result<bool> {
    Ok(true)
}
