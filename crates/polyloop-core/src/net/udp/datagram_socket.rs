//! [`DatagramSocket`]: what the sockets of [`Udp`](super::Udp) do.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use super::error::SendError;
use super::settings::UdpSettings;
use crate::os::Interest;

/// A socket for datagrams. It is shared by reference: receiving and sending need no `&mut`.
///
/// A datagram comes whole, and one receive takes one (DGRAM-02): what does not fit into the
/// buffer is lost, so give it 65,535 bytes if you don't know better (UDP-02). An empty one is
/// a datagram like any other (UDP-01).
///
/// An error of receiving is about one datagram, never about the socket: on a connected one it
/// says, say, that nobody was there for an earlier one (UDP-06). Go on receiving.
///
/// One task receives by polls at a time, and one sends: the last that polled is woken. Any
/// number may await, on all loops that come with polyloop.
///
/// Code that sends by tries and has its own order of who is next, such as a QUIC library with
/// many connections on one socket, shares the socket in an [`Arc`](std::sync::Arc) and has
/// each of them wait with [`writable`](Self::writable) when there was no room.
pub trait DatagramSocket: UdpSettings + Send + Sync + 'static {
    /// Takes a datagram if one is there, with its length and whom it is from; an error of kind
    /// `WouldBlock` if none is.
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends a datagram now, or not at all: a full socket is told as [`SendError::Full`], and
    /// nothing is kept (UDP-07). On a connected socket `to` is its peer (UDP-05).
    fn try_send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError>;

    /// The same to the peer of a connected socket.
    fn try_send(&self, data: &[u8]) -> Result<(), SendError>;

    /// Takes a datagram when one is there.
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>>;

    /// Sends a datagram when there is room.
    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: SocketAddr,
    ) -> Poll<Result<(), SendError>>;

    /// The same to the peer of a connected socket.
    fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<(), SendError>>;

    /// Ready when there is room for a datagram (UDP-13): for code that sends by tries. By a
    /// look at the system, so never for an event of the past.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_io(cx, Interest::Writable, has_room)
    }

    /// Tries an operation on the socket below until it gives something else than `WouldBlock`:
    /// for what is not here, such as the segments, the congestion marks and the interface of
    /// a datagram, which `quinn-udp` knows. Of kind `Unsupported` where there is no socket.
    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&UdpSocket) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let _ = (cx, interest, operation);
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the loop's sockets are its own: there is none of the system's below",
        )))
    }

    /// Waits until there is room for a datagram (UDP-13). Somebody else may have taken it by
    /// then: send with a try. Cancel safe: nothing is lost.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send {
        poll_fn(|cx| self.poll_writable(cx))
    }

    /// Waits for a datagram: its length, and whom it is from. Cancel safe: nothing is lost.
    fn recv_from(
        &self,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send {
        poll_fn(|cx| self.poll_recv_from(cx, buffer))
    }

    /// Waits for a datagram: its length. Cancel safe: nothing is lost.
    fn recv(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        async { Ok(self.recv_from(buffer).await?.0) }
    }

    /// Sends a datagram as soon as there is room. Cancel safe: it is sent, or it is not.
    fn send_to(
        &self,
        data: &[u8],
        to: SocketAddr,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        poll_fn(move |cx| self.poll_send_to(cx, data, to))
    }

    /// The same to the peer of a connected socket.
    fn send(&self, data: &[u8]) -> impl Future<Output = Result<(), SendError>> + Send {
        poll_fn(|cx| self.poll_send(cx, data))
    }
}

/// Looks whether a datagram could be sent now; `WouldBlock` if not.
pub(super) fn has_room(socket: &UdpSocket) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        crate::os::look(socket.as_fd(), Interest::Writable)
    }
    // Nothing here asks the system; then the next try tells.
    #[cfg(not(unix))]
    {
        let _ = socket;
        Ok(())
    }
}
