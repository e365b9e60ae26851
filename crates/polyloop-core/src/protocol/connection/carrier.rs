//! What carries a connection: the stream that it was made of, until an
//! [`Upgrade`](crate::Upgrade) puts another one in its place.
//!
//! A connection that is never upgraded pays a branch wherever it asks its stream something.

mod lent;
mod upgrading;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead as _, AsyncWrite as _};
pub(super) use upgrading::Refused;
use upgrading::Upgrading;

use super::write_buffer::WriteBuffer;
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::protocol::stream::{BoxedStream, Stream};
use crate::protocol::upgrade::Upgrade;

pub(super) enum Carrier<S> {
    Own(S),
    Other(Box<Other<S>>),
}

pub(super) enum Other<S> {
    /// What waits to be read or written waits.
    Upgrading(Upgrading<S>),
    Upgraded(BoxedStream),
}

impl<S: Stream> Carrier<S> {
    pub(super) fn is_upgrading(&self) -> bool {
        match self {
            Self::Own(_) => false,
            Self::Other(other) => matches!(**other, Other::Upgrading(_)),
        }
    }

    pub(super) fn can_be_upgraded(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// Begins: first `out` is sent, then the layer has the stream, with `ahead` before what
    /// comes from the peer. Only one [that can be](Self::can_be_upgraded) is changed.
    pub(super) fn upgrade(
        self,
        upgrade: Upgrade,
        out: Option<Box<WriteBuffer>>,
        ahead: &[u8],
        peer: Peer,
    ) -> Self {
        match self {
            Self::Own(own) => {
                let upgrading = Upgrading::new(own, upgrade, out, ahead, peer);
                Self::Other(Box::new(Other::Upgrading(upgrading)))
            }
            other @ Self::Other(_) => other,
        }
    }

    /// Adds to what the layer reads first. False if there is none, or it may have begun.
    pub(super) fn read_ahead(&mut self, more: &[u8]) -> bool {
        match self {
            Self::Own(_) => false,
            Self::Other(other) => match &mut **other {
                Other::Upgrading(upgrading) => upgrading.read_ahead(more),
                Other::Upgraded(_) => false,
            },
        }
    }

    /// Brings an upgrade further. Ready with who the peer is, as far as the layer has found
    /// out. If it was refused, there may be the stream that it was tried on.
    pub(super) fn poll_upgrade(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Option<Poll<Result<Peer, Refused>>> {
        let Self::Other(other) = self else {
            return None;
        };
        let Other::Upgrading(upgrading) = &mut **other else {
            return None;
        };
        let polled = match upgrading.poll(cx) {
            Poll::Pending => return Some(Poll::Pending),
            Poll::Ready(polled) => polled,
        };
        Some(Poll::Ready(polled.map(|(stream, peer)| {
            **other = Other::Upgraded(stream);
            peer
        })))
    }

    /// The stream itself, if an upgrade of it was refused or is given up and has left it.
    pub(super) fn give_up(self) -> Option<Self> {
        match self {
            Self::Other(other) => match *other {
                Other::Upgrading(upgrading) => upgrading.give_up().map(Self::Own),
                Other::Upgraded(stream) => Some(Self::Other(Box::new(Other::Upgraded(stream)))),
            },
            own @ Self::Own(_) => Some(own),
        }
    }

    /// Bytes that were written before an upgrade and wait.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Own(_) => 0,
            Self::Other(other) => match &**other {
                Other::Upgrading(upgrading) => upgrading.waiting(),
                Other::Upgraded(_) => 0,
            },
        }
    }

    #[inline]
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Own(own) => Pin::new(own).poll_read(cx, room),
            Self::Other(other) => match other.upgraded() {
                Some(stream) => Pin::new(stream).poll_read(cx, room),
                None => Poll::Pending,
            },
        }
    }

    #[inline]
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Own(own) => Pin::new(own).poll_write(cx, data),
            Self::Other(other) => match other.upgraded() {
                Some(stream) => Pin::new(stream).poll_write(cx, data),
                None => Poll::Pending,
            },
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Own(own) => Pin::new(own).poll_flush(cx),
            Self::Other(other) => match other.upgraded() {
                Some(stream) => Pin::new(stream).poll_flush(cx),
                None => Poll::Pending,
            },
        }
    }

    /// Ends this side. An upgrade that nothing waits for is given up, and the stream is ended
    /// as it is (TLS-13).
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Other(other) = self
            && let Other::Upgrading(upgrading) = &mut **other
        {
            let own = ready!(upgrading.poll_give_up(cx))?;
            *self = Self::Own(own);
        }
        match self {
            Self::Own(own) => Pin::new(own).poll_close(cx),
            Self::Other(other) => match other.upgraded() {
                Some(stream) => Pin::new(stream).poll_close(cx),
                None => Poll::Pending,
            },
        }
    }

    #[inline]
    pub(super) fn is_layered(&self) -> bool {
        match self {
            Self::Own(own) => own.is_layered(),
            Self::Other(other) => other.stream().is_none_or(<dyn Stream>::is_layered),
        }
    }

    /// The stream, for questions; none while a layer has it.
    fn stream(&self) -> Option<&dyn Stream> {
        match self {
            Self::Own(own) => Some(own),
            Self::Other(other) => other.stream(),
        }
    }

    fn asked<R>(&self, question: impl FnOnce(&dyn Stream) -> io::Result<R>) -> io::Result<R> {
        let stream = self.stream().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::ResourceBusy,
                "the connection is being upgraded, and its socket is with the layer meanwhile",
            )
        })?;
        question(stream)
    }

    pub(super) fn can_write_eof(&self) -> bool {
        self.stream().is_some_and(<dyn Stream>::can_write_eof) && !self.is_upgrading()
    }

    pub(super) fn local_addr(&self) -> io::Result<Address> {
        self.asked(<dyn Stream>::local_addr)
    }

    pub(super) fn nodelay(&self) -> io::Result<bool> {
        self.asked(<dyn Stream>::nodelay)
    }

    pub(super) fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.asked(|stream| stream.set_nodelay(on))
    }

    pub(super) fn keepalive(&self) -> io::Result<bool> {
        self.asked(<dyn Stream>::keepalive)
    }

    pub(super) fn set_keepalive(&self, on: bool) -> io::Result<()> {
        self.asked(|stream| stream.set_keepalive(on))
    }

    pub(super) fn unconfirmed(&self) -> io::Result<Option<u64>> {
        match self.stream() {
            Some(stream) => stream.unconfirmed(),
            None => Ok(None),
        }
    }

    /// A layer at work reads, and sees for itself.
    pub(super) fn wakes_when_broken(&self) -> bool {
        self.stream().is_none_or(<dyn Stream>::wakes_when_broken)
    }

    pub(super) fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match self.stream() {
            Some(stream) => stream.poll_broken(cx),
            None => Poll::Pending,
        }
    }

    /// Ends it so that the peer can tell it from a clean end.
    pub(super) fn reset(self) {
        if let Some(left) = self.give_up()
            && let Some(stream) = left.stream()
        {
            // Fails only where there is no connection left to reset.
            let _ = stream.reset_on_drop();
        }
    }
}

impl<S: Stream> Other<S> {
    fn upgraded(&mut self) -> Option<&mut BoxedStream> {
        match self {
            Self::Upgraded(stream) => Some(stream),
            Self::Upgrading(_) => None,
        }
    }

    fn stream(&self) -> Option<&dyn Stream> {
        match self {
            Self::Upgraded(stream) => Some(&**stream),
            Self::Upgrading(upgrading) => upgrading.stream().map(|own| own as &dyn Stream),
        }
    }
}
