//! How sockets for datagrams are made and configured, once for all backends.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Type};

use super::error::UdpError;
use super::options::UdpOptions;
use crate::net::socket::open;

/// A socket on `address`, which does not block.
pub(super) fn bind(address: SocketAddr, options: &UdpOptions) -> Result<UdpSocket, UdpError> {
    bound(address, options).map_err(|source| UdpError::Bind { address, source })
}

/// A socket connected to `peer`, which does not block.
pub(super) fn connect(peer: SocketAddr, options: &UdpOptions) -> Result<UdpSocket, UdpError> {
    let local = options.local_for(peer)?;
    let socket = bind(local, options)?;
    match socket.connect(peer) {
        Ok(()) => Ok(socket),
        Err(source) => Err(UdpError::Connect { peer, source }),
    }
}

fn bound(address: SocketAddr, options: &UdpOptions) -> io::Result<UdpSocket> {
    let domain = Domain::for_address(address);
    let socket = open(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(options.v6_only)?;
    }
    if options.reuse_address {
        socket.set_reuse_address(true)?;
    }
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if options.broadcast {
        socket.set_broadcast(true)?;
    }
    if let Some(size) = options.recv_buffer_size {
        socket.set_recv_buffer_size(size)?;
    }
    if let Some(size) = options.send_buffer_size {
        socket.set_send_buffer_size(size)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}
