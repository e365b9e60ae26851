//! [`Stream`]: the byte stream that a connection is driven over, and what the driver may
//! ask of the socket below it.

pub(crate) mod borrowed;
mod tcp_info;

use std::io;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::protocol::address::Address;
use borrowed::BorrowedSocket;

/// A byte stream with addresses: what a connection is driven over.
///
/// A real socket says so in [`socket`](Self::socket), and the rest follows; a
/// simulated one overrides what it can do.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket below, if there is one.
    fn socket(&self) -> Option<BorrowedSocket<'_>>;

    /// This end's address.
    fn local_addr(&self) -> io::Result<Address> {
        ask(self, |socket| Address::of_system(&socket.local_addr()?))
    }

    /// The other end's address.
    fn peer_addr(&self) -> io::Result<Address> {
        ask(self, |socket| Address::of_system(&socket.peer_addr()?))
    }

    /// Whether small writes leave at once instead of being gathered by the system.
    fn nodelay(&self) -> io::Result<bool> {
        ask(self, |socket| socket.tcp_nodelay())
    }

    /// See [`nodelay`](Self::nodelay).
    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        ask(self, |socket| socket.set_tcp_nodelay(on))
    }

    /// Whether the system probes an idle peer.
    fn keepalive(&self) -> io::Result<bool> {
        ask(self, |socket| socket.keepalive())
    }

    /// See [`keepalive`](Self::keepalive).
    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        ask(self, |socket| socket.set_keepalive(on))
    }

    /// Makes dropping the stream reset the connection, so that the peer can tell it
    /// from a clean end (TRAN-09).
    fn reset_on_drop(&self) -> io::Result<()> {
        let at_once = Some(std::time::Duration::ZERO);
        ask(self, |socket| socket.set_linger(at_once))
    }

    /// How much of what was written the peer's system has not confirmed yet, in bytes, the
    /// end of stream included; about, but 0 exactly when it has everything. `None` where
    /// that can't be known: then a close asks no more of the peer than its own end
    /// (TRAN-34). An error is what broke the connection; it may be told once.
    ///
    /// The default asks the socket, which on Linux knows.
    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        match self.socket() {
            Some(socket) => tcp_info::unconfirmed(&SockRef::from(&socket)),
            None => Ok(None),
        }
    }

    /// Ready with the error if the connection is broken (reset, or given up by the system),
    /// whatever is still to be read. For a connection that is not being read from, which
    /// would learn of it by no other way (PROTO-15).
    ///
    /// The default asks the socket, and wakes nobody.
    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let _ = cx;
        match ask(self, |socket| socket.take_error()) {
            Ok(Some(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// Whether [`poll_broken`](Self::poll_broken) wakes its task. If not, as by default, it
    /// is asked from time to time.
    fn wakes_when_broken(&self) -> bool {
        false
    }
}

/// Asks the socket of a stream.
fn ask<S: Stream + ?Sized, R>(
    stream: &S,
    question: impl FnOnce(&SockRef<'_>) -> io::Result<R>,
) -> io::Result<R> {
    match stream.socket() {
        Some(socket) => question(&SockRef::from(&socket)),
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the stream has no socket",
        )),
    }
}
