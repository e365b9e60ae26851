//! [`Lent`]: a connection's stream in the hands of a layer, and how it comes back.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::protocol::stream::Stream;
use crate::protocol::stream::borrowed::BorrowedSocket;
use crate::sync::primitive::{Arc, Mutex, lock};

/// Where a stream comes back to that a layer has let go of.
pub(super) type Home<S> = Arc<Mutex<Option<S>>>;

/// A stream as a layer gets it: first what was read already, then the rest. Dropped, it is
/// at home again, so that whoever has lent it can end it in good order, or with a reset.
pub(super) struct Lent<S: Stream> {
    /// There until it is dropped.
    stream: Option<S>,
    /// What was read before, the next byte last.
    ahead: Vec<u8>,
    home: Home<S>,
}

const THERE: &str = "a stream that is lent is there until it is dropped";

impl<S: Stream> Lent<S> {
    pub(super) fn new(stream: S, mut ahead: Vec<u8>, home: Home<S>) -> Self {
        ahead.reverse();
        Self {
            stream: Some(stream),
            ahead,
            home,
        }
    }

    fn get(&self) -> &S {
        self.stream.as_ref().expect(THERE)
    }

    fn pinned(&mut self) -> Pin<&mut S> {
        Pin::new(self.stream.as_mut().expect(THERE))
    }
}

impl<S: Stream> Drop for Lent<S> {
    fn drop(&mut self) {
        *lock(&self.home) = self.stream.take();
    }
}

impl<S: Stream> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.ahead.is_empty() {
            return self.pinned().poll_read(cx, room);
        }
        let rest = self.ahead.len().saturating_sub(room.len());
        let mut count = 0;
        for (place, byte) in room.iter_mut().zip(self.ahead.drain(rest..).rev()) {
            *place = byte;
            count += 1;
        }
        if rest == 0 {
            self.ahead = Vec::new();
        }
        Poll::Ready(Ok(count))
    }
}

impl<S: Stream> AsyncWrite for Lent<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write_vectored(cx, parts)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_close(cx)
    }
}

/// Whatever is asked of it, the stream answers.
impl<S: Stream> Stream for Lent<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        self.get().socket()
    }

    fn below(&self) -> Option<&dyn Stream> {
        self.get().below()
    }

    fn is_layered(&self) -> bool {
        self.get().is_layered()
    }

    fn can_write_eof(&self) -> bool {
        self.get().can_write_eof()
    }

    fn is_write_vectored(&self) -> bool {
        self.get().is_write_vectored()
    }

    fn peer_at(&self, address: Address) -> Peer {
        self.get().peer_at(address)
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.get().local_addr()
    }

    fn peer_addr(&self) -> io::Result<Address> {
        self.get().peer_addr()
    }

    fn nodelay(&self) -> io::Result<bool> {
        self.get().nodelay()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.get().set_nodelay(on)
    }

    fn keepalive(&self) -> io::Result<bool> {
        self.get().keepalive()
    }

    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        self.get().set_keepalive(on)
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        self.get().reset_on_drop()
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        self.get().unconfirmed()
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.get().poll_broken(cx)
    }

    fn wakes_when_broken(&self) -> bool {
        self.get().wakes_when_broken()
    }
}
