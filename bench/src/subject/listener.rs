//! The listening socket of the hand-written servers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::control::say;

/// What a burst of connections needs.
pub(crate) const BACKLOG: u16 = 4096;

/// A listener that does not block, whose connections inherit `TCP_NODELAY`: one system
/// call less for each than setting it on them.
pub fn bind() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Tells the other side where to connect.
pub fn announce(address: impl std::fmt::Display) {
    say(&format!("listening {address}"));
}
