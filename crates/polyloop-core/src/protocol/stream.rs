//! [`Stream`]: the byte stream that a connection is driven over, and what the driver may
//! ask of the socket below it.

use std::io;
use std::net::SocketAddr;

use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

/// A byte stream with addresses: what a connection is driven over.
///
/// A real socket says so in [`socket`](Self::socket), and the rest follows; a
/// simulated one overrides what it can do.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket below, if there is one.
    fn socket(&self) -> Option<SockRef<'_>>;

    /// This end's address.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        socket_of(self)?
            .local_addr()?
            .as_socket()
            .ok_or_else(no_ip_address)
    }

    /// The other end's address.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket_of(self)?
            .peer_addr()?
            .as_socket()
            .ok_or_else(no_ip_address)
    }

    /// Whether small writes leave at once instead of being gathered by the system.
    fn nodelay(&self) -> io::Result<bool> {
        socket_of(self)?.tcp_nodelay()
    }

    /// See [`nodelay`](Self::nodelay).
    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        socket_of(self)?.set_tcp_nodelay(on)
    }

    /// Whether the system probes an idle peer.
    fn keepalive(&self) -> io::Result<bool> {
        socket_of(self)?.keepalive()
    }

    /// See [`keepalive`](Self::keepalive).
    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        socket_of(self)?.set_keepalive(on)
    }

    /// Makes dropping the stream reset the connection, so that the peer can tell it
    /// from a clean end (TRAN-09).
    fn reset_on_drop(&self) -> io::Result<()> {
        socket_of(self)?.set_linger(Some(std::time::Duration::ZERO))
    }
}

fn socket_of<S: Stream + ?Sized>(stream: &S) -> io::Result<SockRef<'_>> {
    stream
        .socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "the stream has no socket"))
}

fn no_ip_address() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the socket has no IP address")
}
