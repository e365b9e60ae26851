//! Streams and listeners that are broken in one way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::{BorrowedSocket, OwnedSocket};
use polyloop_core::{Address, Listener, Stream};
use socket2::SockRef;

use crate::faulty_loop::Fault;

/// So many bytes of a stream are given one by one, where they are: enough for every check
/// that looks at how its data is cut, and few enough for those that move megabytes.
const SINGLE: usize = 4_096;

pub(crate) struct FaultyStream<S> {
    inner: S,
    fault: Option<Fault>,
    given: usize,
}

impl<S> FaultyStream<S> {
    pub(crate) fn new(inner: S, fault: Option<Fault>) -> Self {
        Self {
            inner,
            fault,
            given: 0,
        }
    }
}

impl<S: Stream> AsyncRead for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.fault == Some(Fault::BlockingSockets)
            && let Some(socket) = self.inner.socket()
        {
            let _ = SockRef::from(&socket).set_nonblocking(false);
        }
        let single = self.fault == Some(Fault::SingleBytes) && self.given < SINGLE;
        let most = if single { buf.len().min(1) } else { buf.len() };
        let polled = Pin::new(&mut self.inner).poll_read(cx, &mut buf[..most]);
        self.given += usize::from(single && polled.is_ready());
        if self.fault == Some(Fault::SpinningReads) && polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        let polled = ready!(polled);
        Poll::Ready(match (self.fault, polled) {
            (Some(Fault::HidesResets), Err(_)) => Ok(0),
            (Some(Fault::ResetsAtEof), Ok(0)) => Err(io::ErrorKind::ConnectionReset.into()),
            (Some(Fault::SwapsBytes), Ok(n)) => {
                buf[..n].reverse();
                Ok(n)
            }
            (Some(Fault::LosesBytes), Ok(n)) if n > 1 => Ok(n - 1),
            (_, polled) => polled,
        })
    }
}

impl<S: Stream> AsyncWrite for FaultyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        match (self.fault, polled) {
            // What the system does not take is dropped.
            (Some(Fault::TakesEverything), Poll::Pending | Poll::Ready(Ok(_))) => {
                Poll::Ready(Ok(buf.len()))
            }
            (Some(Fault::RepeatsBytes), Poll::Ready(Ok(n))) if n > 1 => Poll::Ready(Ok(n - 1)),
            (_, polled) => polled,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Behind the first that has something, the rest counts as written and is lost.
        if self.fault == Some(Fault::LosesParts) {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            let first = first.map_or(&[][..], |buf| &buf[..]);
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, first))?;
            let all = bufs.iter().map(|buf| buf.len()).sum();
            return Poll::Ready(Ok(if written == first.len() { all } else { written }));
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fault == Some(Fault::NoHalfClose) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

impl<S: Stream> Stream for FaultyStream<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        self.inner.socket()
    }

    fn local_addr(&self) -> io::Result<Address> {
        if self.fault == Some(Fault::SwapsAddresses) {
            return self.inner.peer_addr();
        }
        self.inner.local_addr()
    }

    fn into_socket(self) -> io::Result<OwnedSocket> {
        self.inner.into_socket()
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        if self.fault == Some(Fault::IgnoresOptions) {
            return Ok(());
        }
        self.inner.set_nodelay(on)
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        if self.fault == Some(Fault::ConfirmsEverything) {
            return Ok(Some(0));
        }
        self.inner.unconfirmed()
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.fault == Some(Fault::HidesBreaks) {
            return Poll::Pending;
        }
        self.inner.poll_broken(cx)
    }

    fn wakes_when_broken(&self) -> bool {
        self.inner.wakes_when_broken()
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        if self.fault == Some(Fault::NoReset) {
            return Ok(());
        }
        self.inner.reset_on_drop()
    }
}

pub(crate) struct FaultyListener<K> {
    inner: K,
    fault: Option<Fault>,
    accepted: usize,
}

impl<K> FaultyListener<K> {
    pub(crate) fn new(inner: K, fault: Option<Fault>) -> Self {
        Self {
            inner,
            fault,
            accepted: 0,
        }
    }
}

impl<K: Listener> Listener for FaultyListener<K> {
    type Stream = FaultyStream<K::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Address)>> {
        loop {
            let (stream, peer) = ready!(self.inner.poll_accept(cx))?;
            self.accepted += 1;
            if self.fault == Some(Fault::DropsConnections) && self.accepted.is_multiple_of(4) {
                continue;
            }
            return Poll::Ready(Ok((FaultyStream::new(stream, self.fault), peer)));
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        let mut address = self.inner.local_addr()?;
        if self.fault == Some(Fault::HidesThePort)
            && let Address::Ip(address) = &mut address
        {
            address.set_port(0);
        }
        Ok(address)
    }
}
