//! The network as a loop sees it: [`Tcp`] and [`Resolve`], the streams and
//! listeners below the protocols, and the options of both.
//!
//! [`client`] and [`server`] put protocols on top: what [`Loop::connect`] and
//! [`Loop::serve`] do.
//!
//! [`Loop::connect`]: crate::Loop::connect
//! [`Loop::serve`]: crate::Loop::serve

pub mod client;
mod client_service;
pub(crate) mod endpoint;
mod options;
mod retry;
pub mod server;
pub mod socket;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

pub use client::Connected;
pub use client_service::{ClientService, ClientServiceBuilder};
pub use options::{ConnectOptions, ListenOptions, TcpOptions};
pub use retry::{Backoff, RetryPolicy};

use crate::event_loop::backend::Backend;

/// TCP streams and listeners.
///
/// Most code wants [`Loop::connect`](crate::Loop::connect) and
/// [`Loop::serve`](crate::Loop::serve); this is for code that speaks
/// `futures_io::{AsyncRead, AsyncWrite}`.
///
/// ```
/// use polyloop_core::{Tcp, TcpOptions};
/// # use std::{io, net::SocketAddr};
///
/// async fn dial<T: Tcp>(lp: &T, address: SocketAddr) -> io::Result<T::TcpStream> {
///     lp.connect_tcp(address, &TcpOptions::default()).await
/// }
/// ```
pub trait Tcp: Send + Sync {
    /// A connected stream.
    type TcpStream: Stream;
    /// A listening socket.
    type TcpListener: Listener<Stream = Self::TcpStream>;

    /// Connects to one address, with no limit in time. Cancel safe.
    fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send;

    /// Listens on one address. The default makes the socket and
    /// [adopts](Self::adopt_tcp) it.
    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
    ) -> io::Result<Self::TcpListener> {
        self.adopt_tcp(socket::listen(address, options)?)
    }

    /// Takes over a socket that listens already and does not block (SERV-13). A loop
    /// whose network is not the system's has an error of kind `Unsupported`.
    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<Self::TcpListener>;
}

/// A byte stream with addresses: what a connection is driven over.
///
/// A real socket says so in [`socket`](Self::socket), and the rest follows; a
/// simulated one overrides what it can do.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket below, if there is one.
    fn socket(&self) -> Option<SockRef<'_>>;

    /// This end's address.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        socket_of(self)?
            .local_addr()?
            .as_socket()
            .ok_or_else(no_ip_address)
    }

    /// The other end's address.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        socket_of(self)?
            .peer_addr()?
            .as_socket()
            .ok_or_else(no_ip_address)
    }

    /// Whether small writes leave at once instead of being gathered by the system.
    fn nodelay(&self) -> io::Result<bool> {
        socket_of(self)?.tcp_nodelay()
    }

    /// See [`nodelay`](Self::nodelay).
    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        socket_of(self)?.set_tcp_nodelay(on)
    }

    /// Whether the system probes an idle peer.
    fn keepalive(&self) -> io::Result<bool> {
        socket_of(self)?.keepalive()
    }

    /// See [`keepalive`](Self::keepalive).
    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        socket_of(self)?.set_keepalive(on)
    }

    /// Makes dropping the stream reset the connection, so that the peer can tell it
    /// from a clean end (TRAN-09).
    fn reset_on_drop(&self) -> io::Result<()> {
        socket_of(self)?.set_linger(Some(std::time::Duration::ZERO))
    }
}

/// Where streams come from.
pub trait Listener: Send + 'static {
    /// What it accepts.
    type Stream: Stream;

    /// Accepts one connection. Only the last task that polled is woken.
    fn poll_accept(&mut self, cx: &mut Context<'_>)
    -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// The address listened on, with the port that was really given (SERV-01).
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

fn socket_of<S: Stream + ?Sized>(stream: &S) -> io::Result<SockRef<'_>> {
    stream
        .socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "the stream has no socket"))
}

fn no_ip_address() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the socket has no IP address")
}

/// Name resolution.
pub trait Resolve: Send + Sync {
    /// Looks `host` up without blocking the loop (DNS-01), in the resolver's order,
    /// with `port` filled in. An empty answer is an error of kind `NotFound`
    /// (DNS-02).
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

impl<B: Backend> Resolve for B {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = self.lookup(host, port).await?;
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ));
        }
        Ok(found)
    }
}
