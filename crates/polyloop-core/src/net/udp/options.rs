//! [`UdpOptions`]: what is set on a socket before it is bound.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::UdpError;

/// Options of a socket for datagrams. What can be changed later, too, is in
/// [`UdpSettings`](super::UdpSettings).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, set by name"
)]
pub struct UdpOptions {
    /// Several sockets may have the address, if all of them say so: off unless set. Each
    /// of them gets what is sent to a multicast group, and on most systems the last gets
    /// the rest (UDP-09).
    pub reuse_address: bool,
    /// The same, where the system can, but the rest is spread over them by where it comes
    /// from: off unless set.
    pub reuse_port: bool,
    /// An IPv6 socket has nothing to do with IPv4: on unless set. Otherwise it does both, and
    /// addresses of IPv4 are given and told as such.
    pub v6_only: bool,
    /// Datagrams may go to a broadcast address: off unless set (UDP-08).
    pub broadcast: bool,
    /// The system's receive buffer, in bytes; `None` leaves the system's default. What finds
    /// no room in it is lost.
    pub recv_buffer_size: Option<usize>,
    /// The system's send buffer, in bytes; `None` leaves the system's default.
    pub send_buffer_size: Option<usize>,
    /// Where a connected socket is bound; `None` leaves it to the system.
    pub local_address: Option<SocketAddr>,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            v6_only: true,
            broadcast: false,
            recv_buffer_size: None,
            send_buffer_size: None,
            local_address: None,
        }
    }
}

impl UdpOptions {
    /// Where a socket is bound that is to be connected to `peer`: the address that was asked
    /// for, which has to be of its family, or any. For loops whose sockets are their own.
    pub fn local_for(&self, peer: SocketAddr) -> Result<SocketAddr, UdpError> {
        let any = match peer {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let local = self.local_address.unwrap_or(any);
        if local.is_ipv4() == peer.is_ipv4() {
            Ok(local)
        } else {
            Err(UdpError::Families { local, peer })
        }
    }
}

crate::net::options::setters! { UdpOptions:
    /// Sets [`reuse_address`](Self#structfield.reuse_address).
    reuse_address: bool,
    /// Sets [`reuse_port`](Self#structfield.reuse_port).
    reuse_port: bool,
    /// Sets [`v6_only`](Self#structfield.v6_only).
    v6_only: bool,
    /// Sets [`broadcast`](Self#structfield.broadcast).
    broadcast: bool,
    /// Sets [`recv_buffer_size`](Self#structfield.recv_buffer_size).
    recv_buffer_size: Option<usize>,
    /// Sets [`send_buffer_size`](Self#structfield.send_buffer_size).
    send_buffer_size: Option<usize>,
    /// Sets [`local_address`](Self#structfield.local_address).
    local_address: Option<SocketAddr>,
}
