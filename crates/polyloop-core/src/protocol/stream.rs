//! [`Stream`]: the byte stream that a connection is driven over, and what the driver may
//! ask of the socket below it.

pub(crate) mod borrowed;
mod tcp_info;

use std::io;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use borrowed::{BorrowedSocket, OwnedSocket};

/// A byte stream with addresses: what a connection is driven over.
///
/// A real socket says so in [`socket`](Self::socket), and the rest follows; a
/// simulated one overrides what it can do.
///
/// # Layers
/// A stream may be made of another: one that encrypts, compresses or counts. Such a one
/// names what is [`below`](Self::below) it, and is asked for no more than that: what it
/// does not override, the stream below answers. From then on
///
/// * it is flushed behind whatever was written to it, so it may hold bytes back until then;
/// * it is closed, by `poll_close`, whoever ended first, and so has the last word: that is
///   where a secure stream says goodbye. What it says then counts as sent once it is
///   flushed. A peer that has ended and is gone may miss it, which is no error;
/// * its end of stream is whatever it says is one, and an error of kind `UnexpectedEof` is
///   a stream below that ended too early: an error (TLS-05), but not once this side has
///   closed.
///
/// It may read where it is to write, and write where it is to read. Whatever it waits for,
/// it registers the waker it was given; the same one is given to all of its methods.
///
/// ```
/// use std::io;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use polyloop_core::Stream;
/// use polyloop_core::futures_io::{AsyncRead, AsyncWrite};
/// use polyloop_core::net::socket::BorrowedSocket;
///
/// /// Counts what it reads.
/// struct Counting<S> { inner: S, read: u64 }
///
/// impl<S: Stream> Stream for Counting<S> {
///     fn socket(&self) -> Option<BorrowedSocket<'_>> { self.inner.socket() }
///     fn below(&self) -> Option<&dyn Stream> { Some(&self.inner) }
/// }
/// impl<S: Stream> AsyncRead for Counting<S> {
///     fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
///         let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
///         if let Poll::Ready(Ok(n)) = polled {
///             self.read += n as u64;
///         }
///         polled
///     }
/// }
/// impl<S: Stream> AsyncWrite for Counting<S> {
///     fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
///         Pin::new(&mut self.inner).poll_write(cx, buf)
///     }
///     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Pin::new(&mut self.inner).poll_flush(cx)
///     }
///     fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Pin::new(&mut self.inner).poll_close(cx)
///     }
/// }
/// ```
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket below, if there is one.
    fn socket(&self) -> Option<BorrowedSocket<'_>>;

    /// The stream that this one is made of, if it is [layered](Self#layers).
    fn below(&self) -> Option<&dyn Stream> {
        None
    }

    /// Whether it is [layered](Self#layers): what is written may wait inside it, and its
    /// end is more than the socket's. The driver asks each time; of a plain stream the
    /// answer is known when it is compiled.
    fn is_layered(&self) -> bool {
        self.below().is_some()
    }

    /// Whether this side can end while it goes on reading. If not, a
    /// [`write_eof`](crate::Transport::write_eof) is refused (TLS-14).
    fn can_write_eof(&self) -> bool {
        self.below().is_none_or(<dyn Stream>::can_write_eof)
    }

    /// Whether several buffers are written at once by `poll_write_vectored`, rather than
    /// the first of them.
    fn is_write_vectored(&self) -> bool {
        false
    }

    /// The peer, which is at `address`, with what else is known of it here: what a secure
    /// stream has negotiated, who holds the other end of a UNIX socket.
    fn peer_at(&self, address: Address) -> Peer {
        if let Some(below) = self.below() {
            return below.peer_at(address);
        }
        match &address {
            Address::Ip(_) => Peer::new(address),
            Address::Unix(_) => local_peer(self.socket(), address),
        }
    }

    /// The peer, with what is known of it.
    fn peer(&self) -> io::Result<Peer> {
        Ok(self.peer_at(self.peer_addr()?))
    }

    /// Gives the socket away, which no loop knows then any more. It does not block. What
    /// was read already is gone from it; a layered stream, or one without a socket, has
    /// none to give: an error of kind `Unsupported`.
    fn into_socket(self) -> io::Result<OwnedSocket>
    where
        Self: Sized,
    {
        Err(no_socket())
    }

    /// This end's address.
    fn local_addr(&self) -> io::Result<Address> {
        if let Some(below) = self.below() {
            return below.local_addr();
        }
        ask(self, |socket| Address::of_system(&socket.local_addr()?))
    }

    /// The other end's address.
    fn peer_addr(&self) -> io::Result<Address> {
        if let Some(below) = self.below() {
            return below.peer_addr();
        }
        ask(self, |socket| Address::of_system(&socket.peer_addr()?))
    }

    /// Whether small writes leave at once instead of being gathered by the system.
    fn nodelay(&self) -> io::Result<bool> {
        if let Some(below) = self.below() {
            return below.nodelay();
        }
        ask(self, |socket| socket.tcp_nodelay())
    }

    /// See [`nodelay`](Self::nodelay).
    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        if let Some(below) = self.below() {
            return below.set_nodelay(on);
        }
        ask(self, |socket| socket.set_tcp_nodelay(on))
    }

    /// Whether the system probes an idle peer.
    fn keepalive(&self) -> io::Result<bool> {
        if let Some(below) = self.below() {
            return below.keepalive();
        }
        ask(self, |socket| socket.keepalive())
    }

    /// See [`keepalive`](Self::keepalive).
    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        if let Some(below) = self.below() {
            return below.set_keepalive(on);
        }
        ask(self, |socket| socket.set_keepalive(on))
    }

    /// Makes dropping the stream reset the connection, so that the peer can tell it
    /// from a clean end (TRAN-09).
    fn reset_on_drop(&self) -> io::Result<()> {
        if let Some(below) = self.below() {
            return below.reset_on_drop();
        }
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
        if let Some(below) = self.below() {
            return below.unconfirmed();
        }
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
    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Some(below) = self.below() {
            return below.poll_broken(cx);
        }
        match ask(self, |socket| socket.take_error()) {
            Ok(Some(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// Whether [`poll_broken`](Self::poll_broken) wakes its task. If not, as by default, it
    /// is asked from time to time.
    fn wakes_when_broken(&self) -> bool {
        self.below().is_some_and(<dyn Stream>::wakes_when_broken)
    }
}

/// Any stream, of whatever type.
///
/// ```
/// # use polyloop_core::{BoxedStream, Loop, TcpOptions};
/// # use std::{io, net::SocketAddr};
/// async fn any<L: Loop>(lp: &L, address: SocketAddr) -> io::Result<BoxedStream> {
///     Ok(Box::new(lp.connect_tcp(address, &TcpOptions::new()).await?))
/// }
/// ```
pub type BoxedStream = Box<dyn Stream>;

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        (**self).socket()
    }

    fn below(&self) -> Option<&dyn Stream> {
        (**self).below()
    }

    fn is_layered(&self) -> bool {
        (**self).is_layered()
    }

    fn can_write_eof(&self) -> bool {
        (**self).can_write_eof()
    }

    fn is_write_vectored(&self) -> bool {
        (**self).is_write_vectored()
    }

    fn peer_at(&self, address: Address) -> Peer {
        (**self).peer_at(address)
    }

    fn local_addr(&self) -> io::Result<Address> {
        (**self).local_addr()
    }

    fn peer_addr(&self) -> io::Result<Address> {
        (**self).peer_addr()
    }

    fn nodelay(&self) -> io::Result<bool> {
        (**self).nodelay()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        (**self).set_nodelay(on)
    }

    fn keepalive(&self) -> io::Result<bool> {
        (**self).keepalive()
    }

    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        (**self).set_keepalive(on)
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        (**self).reset_on_drop()
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        (**self).unconfirmed()
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        (**self).poll_broken(cx)
    }

    fn wakes_when_broken(&self) -> bool {
        (**self).wakes_when_broken()
    }
}

/// Asks the socket of a stream.
fn ask<S: Stream + ?Sized, R>(
    stream: &S,
    question: impl FnOnce(&SockRef<'_>) -> io::Result<R>,
) -> io::Result<R> {
    match stream.socket() {
        Some(socket) => question(&SockRef::from(&socket)),
        None => Err(no_socket()),
    }
}

/// The peer on a UNIX socket, with the process that holds it, where the system tells.
fn local_peer(socket: Option<BorrowedSocket<'_>>, address: Address) -> Peer {
    let peer = Peer::new(address);
    #[cfg(target_os = "linux")]
    {
        use crate::protocol::peer::Credentials;
        use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

        let told = socket.and_then(|socket| getsockopt(&socket, PeerCredentials).ok());
        if let Some(told) = told {
            let mut credentials = Credentials::new(told.uid(), told.gid());
            // A process of another space of numbers has none here.
            if let Ok(pid @ 1..) = u32::try_from(told.pid()) {
                credentials = credentials.with_pid(pid);
            }
            return peer.with_credentials(credentials);
        }
    }
    #[cfg(not(target_os = "linux"))]
    drop(socket);
    peer
}

fn no_socket() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the stream has no socket of its own",
    )
}
