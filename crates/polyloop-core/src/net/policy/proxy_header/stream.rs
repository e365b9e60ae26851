//! [`ProxiedStream`]: what comes behind a PROXY header, between the ends that it told.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use proxy_header::ProxiedAddress;

use crate::net::Stream;
use crate::net::socket::{BorrowedSocket, OwnedSocket};
use crate::protocol::address::Address;

/// A stream of which the PROXY header was taken; otherwise the one below.
pub struct ProxiedStream<S> {
    stream: S,
    /// What came with the header and has not been read.
    surplus: Vec<u8>,
    /// How much of it has.
    read: usize,
    told: Option<ProxiedAddress>,
}

impl<S: Stream> ProxiedStream<S> {
    pub(super) fn new(stream: S, surplus: Vec<u8>, told: Option<ProxiedAddress>) -> Self {
        Self {
            stream,
            surplus,
            read: 0,
            told,
        }
    }
}

impl<S: Stream> Stream for ProxiedStream<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        self.stream.socket()
    }

    fn below(&self) -> Option<&dyn Stream> {
        Some(&self.stream)
    }

    /// It holds nothing back, and ends as the one below does.
    fn is_layered(&self) -> bool {
        self.stream.is_layered()
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Where the proxy was connected to, if the header told.
    fn local_addr(&self) -> io::Result<Address> {
        match &self.told {
            Some(told) => Ok(told.destination.into()),
            None => self.stream.local_addr(),
        }
    }

    /// Whom the proxy speaks for, if the header told.
    fn peer_addr(&self) -> io::Result<Address> {
        match &self.told {
            Some(told) => Ok(told.source.into()),
            None => self.stream.peer_addr(),
        }
    }

    /// Refused as long as bytes that came with the header have not been read.
    fn into_socket(self) -> io::Result<OwnedSocket> {
        if self.read < self.surplus.len() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "bytes that came with the PROXY header have not been read",
            ));
        }
        self.stream.into_socket()
    }
}

impl<S: Stream> AsyncRead for ProxiedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let rest = &this.surplus[this.read..];
        if rest.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        this.read += count;
        if this.read == this.surplus.len() {
            (this.surplus, this.read) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(count))
    }
}

impl<S: Stream> AsyncWrite for ProxiedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}

impl<S> fmt::Debug for ProxiedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxiedStream")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
