//! [`Layered`]: a stream made of another, with what makes such streams hard to drive: what
//! is written waits inside until it is flushed, and the end is a goodbye of its own, as that
//! of a secure stream is.
//!
//! On the wire there are records: two bytes of length, and so many of data. One without
//! data is the goodbye. A stream below that ends without it was cut.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use polyloop_core::futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::BorrowedSocket;
use polyloop_core::{Address, Peer, Secure, Stream};

/// The goodbye, as it is on the wire.
pub const GOODBYE: [u8; 2] = [0, 0];

/// It takes no more while so much waits inside.
const ROOM: usize = 32 * 1024;

/// A record, as it is on the wire.
pub fn record(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let mut record = length.to_be_bytes().to_vec();
    record.extend_from_slice(&data[..length.into()]);
    record
}

/// What a layered stream calls the peer's end of its own.
pub fn as_seen(address: &Address) -> Peer {
    Peer::new(address.clone()).with_secure(Secure::new("layered", "in the clear"))
}

/// A stream over another.
#[derive(Debug)]
pub struct Layered<S> {
    below: S,
    /// Records that the stream below has not taken yet, and how much of them it has.
    outgoing: Vec<u8>,
    sent: usize,
    /// What of the header of the record at hand has come, and how much of its data has not.
    header: Vec<u8>,
    left: usize,
    ended: bool,
    /// The goodbye is among what goes out.
    said: bool,
    flushed: Arc<AtomicBool>,
}

impl<S: Stream> Layered<S> {
    /// Over `below`.
    pub fn new(below: S) -> Self {
        Self {
            below,
            outgoing: Vec::new(),
            sent: 0,
            header: Vec::new(),
            left: 0,
            ended: false,
            said: false,
            flushed: Arc::default(),
        }
    }

    /// Whether it was ever flushed.
    pub fn flushed(&self) -> Arc<AtomicBool> {
        self.flushed.clone()
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.outgoing.len() {
            let below = Pin::new(&mut self.below);
            match ready!(below.poll_write(cx, &self.outgoing[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Pin::new(&mut self.below).poll_flush(cx)
    }
}

impl<S: Stream> AsyncRead for Layered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        while !this.ended {
            let below = Pin::new(&mut this.below);
            if this.left > 0 {
                let most = buf.len().min(this.left);
                let n = ready!(below.poll_read(cx, &mut buf[..most]))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                this.left -= n;
                return Poll::Ready(Ok(n));
            }
            let mut rest = [0; 2];
            let missing = &mut rest[this.header.len()..];
            let n = ready!(below.poll_read(cx, missing))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let came = &missing[..n];
            this.header.extend_from_slice(came);
            if let [high, low] = this.header[..] {
                this.left = u16::from_be_bytes([high, low]).into();
                this.ended = this.left == 0;
                this.header.clear();
            }
        }
        Poll::Ready(Ok(0))
    }
}

impl<S: Stream> AsyncWrite for Layered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.outgoing.len() >= ROOM {
            ready!(this.poll_send(cx))?;
        }
        let most = buf.len().min(ROOM);
        this.outgoing.extend_from_slice(&record(&buf[..most]));
        Poll::Ready(Ok(most))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.flushed.store(true, Ordering::SeqCst);
        this.poll_send(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.said {
            this.said = true;
            this.outgoing.extend_from_slice(&GOODBYE);
        }
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.below).poll_close(cx)
    }
}

impl<S: Stream> Stream for Layered<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        self.below.socket()
    }

    fn below(&self) -> Option<&dyn Stream> {
        Some(&self.below)
    }

    fn can_write_eof(&self) -> bool {
        false
    }

    fn peer_at(&self, address: Address) -> Peer {
        as_seen(&address)
    }
}
