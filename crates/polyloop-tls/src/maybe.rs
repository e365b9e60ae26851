//! [`MaybeTls`]: a layer that makes secure or leaves alone, as it was told when the program
//! ran.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::BorrowedSocket;
use polyloop_core::{Address, Endpoint, Failure, Layer, Loop, Peer, Stream};

use crate::stream::TlsStream;

/// A connector or an acceptor, or neither.
#[derive(Clone, Debug)]
pub struct MaybeTls<Y>(Option<Y>);

impl<Y> MaybeTls<Y> {
    /// Makes connections secure.
    pub fn of(tls: Y) -> Self {
        Self(Some(tls))
    }

    /// Leaves them alone.
    pub fn plain() -> Self {
        Self(None)
    }

    /// The connector or acceptor, if there is one.
    pub fn get(&self) -> Option<&Y> {
        self.0.as_ref()
    }
}

impl<S: Stream, Y: Layer<S, Stream = TlsStream<S>>> Layer<S> for MaybeTls<Y> {
    type Stream = MaybeTlsStream<S>;

    async fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        asked: Option<&Endpoint>,
    ) -> Result<(MaybeTlsStream<S>, Peer), Failure> {
        match &self.0 {
            None => Ok((MaybeTlsStream::Plain(stream), peer)),
            Some(tls) => {
                let (stream, peer) = tls.wrap(lp, stream, peer, asked).await?;
                Ok((MaybeTlsStream::Secure(stream), peer))
            }
        }
    }
}

/// A stream that is secure, or as it was.
#[derive(Debug)]
pub enum MaybeTlsStream<S> {
    /// As it was.
    Plain(S),
    /// A secure one over it.
    Secure(TlsStream<S>),
}

/// The one that there is.
macro_rules! either {
    ($this:expr, $stream:ident => $answer:expr) => {
        match $this {
            MaybeTlsStream::Plain($stream) => $answer,
            MaybeTlsStream::Secure($stream) => $answer,
        }
    };
}

impl<S: Stream> AsyncRead for MaybeTlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, room))
    }
}

impl<S: Stream> AsyncWrite for MaybeTlsStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, parts))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_close(cx))
    }
}

impl<S: Stream> Stream for MaybeTlsStream<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        either!(self, stream => stream.socket())
    }

    fn below(&self) -> Option<&dyn Stream> {
        either!(self, stream => stream.below())
    }

    fn is_layered(&self) -> bool {
        either!(self, stream => stream.is_layered())
    }

    fn can_write_eof(&self) -> bool {
        either!(self, stream => stream.can_write_eof())
    }

    fn is_write_vectored(&self) -> bool {
        either!(self, stream => stream.is_write_vectored())
    }

    fn peer_at(&self, address: Address) -> Peer {
        either!(self, stream => stream.peer_at(address))
    }

    fn local_addr(&self) -> io::Result<Address> {
        either!(self, stream => stream.local_addr())
    }

    fn peer_addr(&self) -> io::Result<Address> {
        either!(self, stream => stream.peer_addr())
    }

    fn nodelay(&self) -> io::Result<bool> {
        either!(self, stream => stream.nodelay())
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        either!(self, stream => stream.set_nodelay(on))
    }

    fn keepalive(&self) -> io::Result<bool> {
        either!(self, stream => stream.keepalive())
    }

    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        either!(self, stream => stream.set_keepalive(on))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        either!(self, stream => stream.reset_on_drop())
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        either!(self, stream => stream.unconfirmed())
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        either!(self, stream => stream.poll_broken(cx))
    }

    fn wakes_when_broken(&self) -> bool {
        either!(self, stream => stream.wakes_when_broken())
    }
}
