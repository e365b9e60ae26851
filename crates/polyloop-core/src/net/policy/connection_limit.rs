//! [`ConnectionLimit`]: so many connections at once, in all and from one address.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use thiserror::Error;

use crate::net::endpoint::Endpoint;
use crate::net::socket::{BorrowedSocket, OwnedSocket};
use crate::net::{Layer, Loop, Stream};
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::sync::primitive::{Arc, Mutex, lock};

/// So many connections at once, as a [`Layer`] (POL-06).
///
/// The one beyond is refused: it is closed at once, no protocol hears of it, and a server
/// reports it, within limits. A connection has its place until its socket has gone.
///
/// By address means by the one that the peer has when this layer sees it; of a UNIX socket
/// none is known, so such connections count in all and not by address. Clones share one
/// room.
///
/// ```
/// use polyloop_core::{ConnectionLimit, ListenError, ListenOptions, Loop, ProtocolFactory, Server};
///
/// async fn modest<L: Loop, F: ProtocolFactory>(lp: &L, factory: F) -> Result<Server<F::Protocol>, ListenError> {
///     let limit = ConnectionLimit::new().in_all(10_000).per_address(20);
///     let options = ListenOptions::new().layer(limit.clone());
///     let server = lp.serve_with("127.0.0.1:0", options, factory).await?;
///     println!("{} connections", limit.connections());
///     Ok(server)
/// }
/// ```
#[derive(Clone, Default)]
pub struct ConnectionLimit {
    in_all: Option<usize>,
    per_address: Option<usize>,
    open: Arc<Mutex<Open>>,
}

/// Those that have a place.
#[derive(Default)]
struct Open {
    in_all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection was refused, since there are as many as there may be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TooManyConnections {
    /// In all.
    #[error("the connection with {peer} was refused: {limit} are open, and no more may be")]
    InAll {
        /// The other end.
        peer: Address,
        /// How many there may be.
        limit: usize,
    },
    /// From its address.
    #[error(
        "the connection with {peer} was refused: {limit} from its address are open, and no more may be"
    )]
    FromAddress {
        /// The other end.
        peer: Address,
        /// How many there may be of one address.
        limit: usize,
    },
}

impl From<TooManyConnections> for Failure {
    #[track_caller]
    fn from(error: TooManyConnections) -> Self {
        Self::new(error)
    }
}

impl ConnectionLimit {
    /// No limit yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many at once; 0 refuses all.
    #[must_use]
    pub fn in_all(mut self, limit: usize) -> Self {
        self.in_all = Some(limit);
        self
    }

    /// At most so many at once from one address, whatever its ports; 0 refuses all that
    /// have one.
    #[must_use]
    pub fn per_address(mut self, limit: usize) -> Self {
        self.per_address = Some(limit);
        self
    }

    /// How many have a place now.
    pub fn connections(&self) -> usize {
        lock(&self.open).in_all
    }

    fn enter(&self, peer: &Peer) -> Result<Place, TooManyConnections> {
        let address = peer.address().ip().map(|ip| ip.to_canonical());
        let mut open = lock(&self.open);
        if let Some(limit) = self.in_all
            && open.in_all >= limit
        {
            let peer = peer.address().clone();
            return Err(TooManyConnections::InAll { peer, limit });
        }
        if let Some(address) = address {
            let count = open.by_address.get(&address).copied().unwrap_or(0);
            if let Some(limit) = self.per_address
                && count >= limit
            {
                let peer = peer.address().clone();
                return Err(TooManyConnections::FromAddress { peer, limit });
            }
            open.by_address.insert(address, count + 1);
        }
        open.in_all += 1;
        Ok(Place {
            open: self.open.clone(),
            address,
        })
    }
}

impl fmt::Debug for ConnectionLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimit")
            .field("in_all", &self.in_all)
            .field("per_address", &self.per_address)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

impl<S: Stream> Layer<S> for ConnectionLimit {
    type Stream = LimitedStream<S>;

    const WAITS: bool = false;

    async fn wrap<L: Loop>(
        &self,
        _: &L,
        stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(LimitedStream<S>, Peer), Failure> {
        let place = self.enter(&peer)?;
        Ok((LimitedStream { stream, place }, peer))
    }
}

/// Left when this is dropped.
struct Place {
    open: Arc<Mutex<Open>>,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.in_all -= 1;
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// A stream that has a place within a [`ConnectionLimit`], and is otherwise the one below.
pub struct LimitedStream<S> {
    // The socket goes before its place.
    stream: S,
    #[expect(dead_code, reason = "held, and left with the socket")]
    place: Place,
}

impl<S: Stream> LimitedStream<S> {
    fn pinned(&mut self) -> Pin<&mut S> {
        Pin::new(&mut self.stream)
    }
}

impl<S: Stream> Stream for LimitedStream<S> {
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

    fn into_socket(self) -> io::Result<OwnedSocket> {
        self.stream.into_socket()
    }
}

impl<S: Stream> AsyncRead for LimitedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().pinned().poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().pinned().poll_read_vectored(cx, bufs)
    }
}

impl<S: Stream> AsyncWrite for LimitedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().pinned().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().pinned().poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pinned().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pinned().poll_close(cx)
    }
}

impl<S> fmt::Debug for LimitedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedStream").finish_non_exhaustive()
    }
}
