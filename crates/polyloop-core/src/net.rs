//! The network as a loop sees it: [`Tcp`], the streams and listeners below the
//! protocols, and the options of both.
//!
//! [`client`] and [`server`] put protocols on top: what [`Loop::connect`] and
//! [`Loop::serve`] do. This is the topmost room: it knows all others, and none knows it.

pub mod client;
mod client_service;
pub mod datagrams;
mod drive;
pub(crate) mod endpoint;
mod layer;
#[cfg(all(test, shuttle))]
mod models;
mod options;
pub(crate) mod policy;
mod retry;
pub mod server;
pub mod socket;
pub mod udp;
pub mod unix;
mod upgrade;
mod whole_loop;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

pub use client::Connected;
pub use client_service::{ClientService, ClientServiceBuilder};
pub use drive::{DriveError, DriveOptions};
pub use layer::Layer;
pub use options::{ConnectOptions, ListenOptions, TcpOptions};
pub use retry::{Backoff, GiveUpOn, RetryPolicy};
pub use unix::{Unix, UnixOptions, UnixPathError};
pub use upgrade::UpgradeOptions;
pub use whole_loop::{Loop, MainLoop};

pub use crate::protocol::stream::Stream;

use crate::protocol::address::Address;

/// TCP streams and listeners.
///
/// Those of UNIX sockets are the same: see [`Unix`].
///
/// Most code wants [`Loop::connect`] and
/// [`Loop::serve`]; this is for code that speaks
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
    ///
    /// This is the system's connect and no more: where nobody listens on a local port, the
    /// connection may lead back to itself (`local_addr` is `peer_addr`); and a peer that
    /// resets it right after the handshake is an error of kind `ConnectionReset` here, or
    /// of the first read, as it happens. [`Loop::connect`] decides both (CLI-20, CLI-21).
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
    ///
    /// A UNIX socket comes the same way: std keeps it as well, and only its own `accept` has
    /// no word for the address of who connects. [`socket::accept`] has (UNIX-01).
    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<Self::TcpListener>;

    /// Takes over a stream socket that is connected already and does not block, whether of
    /// TCP or a UNIX socket: one that a supervisor or another process passed on, one end of a
    /// pair. A loop whose network is not the system's has an error of kind `Unsupported`.
    ///
    /// ```
    /// use polyloop_core::{Failure, Tcp};
    /// use std::os::fd::OwnedFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// fn pair<T: Tcp>(lp: &T) -> Result<(T::TcpStream, T::TcpStream), Failure> {
    ///     let (one, other) = UnixStream::pair()?;
    ///     one.set_nonblocking(true)?;
    ///     other.set_nonblocking(true)?;
    ///     let adopt = |end| lp.adopt_stream(OwnedFd::from(end).into());
    ///     Ok((adopt(one)?, adopt(other)?))
    /// }
    /// ```
    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<Self::TcpStream>;
}

/// Where streams come from.
pub trait Listener: Send + 'static {
    /// What it accepts.
    type Stream: Stream;

    /// Accepts one connection. Only the last task that polled is woken.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Address)>>;

    /// The address listened on, with the port that was really given (SERV-01).
    fn local_addr(&self) -> io::Result<Address>;
}
