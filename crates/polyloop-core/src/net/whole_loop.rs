//! [`Loop`], the sum of what a loop can do, and [`MainLoop`], which a program's top level
//! runs.
//!
//! They stand in this room, since to serve and to connect is a part of the sum: below it
//! nobody needs more than the abilities that they ask for one by one.

use std::future::Future;

use super::client::{self, ConnectError};
use super::drive::{self, DriveError, DriveOptions};
use super::endpoint::IntoEndpoint;
use super::server::{self, Incoming, ListenError, Server};
use super::{ConnectOptions, Connected, Layer, ListenOptions, Stream, Tcp, Unix};
use crate::event_loop::backend::{Backend, MainBackend};
use crate::event_loop::calls::Calls;
use crate::event_loop::lifecycle::Lifecycle;
use crate::event_loop::names::Resolve;
use crate::event_loop::spawner::Spawner;
use crate::event_loop::threads::Threads;
use crate::event_loop::timers::Timers;
use crate::event_loop::{self, RunError};
use crate::protocol::factory::ProtocolFactory;
use crate::protocol::peer::Peer;

/// An event loop: everything that a network library needs of a runtime.
///
/// It is a value: cheap to clone, usable from every thread, and bound to the
/// runtime it was made for. Each of its abilities is a trait of its own; a
/// library asks for the least it needs.
///
/// ```
/// use polyloop_core::{Failure, Loop, Protocol, Transport};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         transport.write(data)?;
///         Ok(())
///     }
/// }
///
/// /// Runs on any loop.
/// async fn serve_echo<L: Loop>(lp: &L) -> Result<(), Failure> {
///     let server = lp.serve("127.0.0.1:0", || Echo).await?;
///     println!("on {}", server.local_addr());
///     server.drained().await;
///     Ok(())
/// }
/// ```
pub trait Loop:
    Backend + Spawner + Timers + Calls + Threads + Resolve + Tcp + Unix + Lifecycle
{
    /// Connects to `endpoint` and gives the connection to a protocol that `factory`
    /// makes.
    ///
    /// Settles after [`connection_made`](crate::Protocol::connection_made) and before
    /// the first data (PROTO-02). A name with several addresses is tried as RFC
    /// 8305 says (CLI-06 to CLI-10), for 30 s at most (CLI-01).
    ///
    /// Cancel safe: dropping the future closes the sockets of every attempt.
    #[track_caller]
    fn connect<E, F>(
        &self,
        endpoint: E,
        factory: F,
    ) -> impl Future<Output = Result<Connected<F>, ConnectError>> + Send
    where
        E: IntoEndpoint,
        F: ProtocolFactory,
    {
        self.connect_with(endpoint, ConnectOptions::default(), factory)
    }

    /// [`connect`](Self::connect) with options of your own.
    #[track_caller]
    fn connect_with<E, Y, F>(
        &self,
        endpoint: E,
        options: ConnectOptions<Y>,
        factory: F,
    ) -> impl Future<Output = Result<Connected<F>, ConnectError>> + Send
    where
        E: IntoEndpoint,
        Y: Layer<Self::TcpStream>,
        F: ProtocolFactory,
    {
        client::connect(self.clone(), endpoint.into_endpoint(), options, factory)
    }

    /// Connects to `endpoint` and gives the stream: for code that speaks
    /// [`futures_io`](crate::futures_io). It does all that [`connect`](Self::connect) does
    /// before there is a protocol: every address of a name, the limits, the errors
    /// (CLI-32). A connection that its peer resets at once is an error here.
    ///
    /// Cancel safe: dropping the future closes the sockets of every attempt.
    ///
    /// ```
    /// use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
    /// use polyloop_core::{Failure, Loop};
    ///
    /// async fn ask<L: Loop>(lp: &L, question: &str) -> Result<String, Failure> {
    ///     let mut stream = lp.dial("localhost:7").await?;
    ///     stream.write_all(question.as_bytes()).await?;
    ///     stream.close().await?;
    ///     let mut answer = String::new();
    ///     stream.read_to_string(&mut answer).await?;
    ///     Ok(answer)
    /// }
    /// ```
    #[track_caller]
    fn dial<E: IntoEndpoint>(
        &self,
        endpoint: E,
    ) -> impl Future<Output = Result<Self::TcpStream, ConnectError>> + Send {
        self.dial_with(endpoint, ConnectOptions::default())
    }

    /// [`dial`](Self::dial) with options of your own.
    #[track_caller]
    fn dial_with<E, Y>(
        &self,
        endpoint: E,
        options: ConnectOptions<Y>,
    ) -> impl Future<Output = Result<Y::Stream, ConnectError>> + Send
    where
        E: IntoEndpoint,
        Y: Layer<Self::TcpStream>,
    {
        client::dial(self.clone(), endpoint.into_endpoint(), options)
    }

    /// Puts a protocol that `factory` makes for `peer` on a stream that is there already:
    /// one that somebody else has made, accepted or wrapped (CLI-29).
    ///
    /// It is what [`connect`](Self::connect) does last, and settles likewise. A stream that
    /// no protocol is put on is closed.
    ///
    /// Cancel safe: dropping the future closes the stream.
    ///
    /// ```
    /// # use polyloop_core::{Connected, Failure, Loop, ProtocolFactory, Stream, TcpOptions};
    /// # use std::net::SocketAddr;
    /// async fn by_hand<L: Loop, F: ProtocolFactory>(
    ///     lp: &L,
    ///     address: SocketAddr,
    ///     factory: F,
    /// ) -> Result<Connected<F>, Failure> {
    ///     let stream = lp.connect_tcp(address, &TcpOptions::new()).await?;
    ///     let peer = stream.peer()?;
    ///     Ok(lp.drive(stream, peer, factory).await?)
    /// }
    /// ```
    #[track_caller]
    fn drive<S, F>(
        &self,
        stream: S,
        peer: impl Into<Peer>,
        factory: F,
    ) -> impl Future<Output = Result<Connected<F>, DriveError>> + Send
    where
        S: Stream,
        F: ProtocolFactory,
    {
        self.drive_with(stream, peer, DriveOptions::default(), factory)
    }

    /// [`drive`](Self::drive) with options of your own.
    #[track_caller]
    fn drive_with<S, F>(
        &self,
        stream: S,
        peer: impl Into<Peer>,
        options: DriveOptions,
        factory: F,
    ) -> impl Future<Output = Result<Connected<F>, DriveError>> + Send
    where
        S: Stream,
        F: ProtocolFactory,
    {
        drive::drive(self.clone(), stream, peer.into(), options, factory)
    }

    /// Listens on `endpoint` and gives each connection to a protocol that `factory`
    /// makes. Settles once the port is open.
    #[track_caller]
    fn serve<E, F>(
        &self,
        endpoint: E,
        factory: F,
    ) -> impl Future<Output = Result<Server<F::Protocol>, ListenError>> + Send
    where
        E: IntoEndpoint,
        F: ProtocolFactory,
    {
        self.serve_with(endpoint, ListenOptions::default(), factory)
    }

    /// [`serve`](Self::serve) with options of your own.
    #[track_caller]
    fn serve_with<E, Y, F>(
        &self,
        endpoint: E,
        options: ListenOptions<Y>,
        factory: F,
    ) -> impl Future<Output = Result<Server<F::Protocol>, ListenError>> + Send
    where
        E: IntoEndpoint,
        Y: Layer<Self::TcpStream>,
        F: ProtocolFactory,
    {
        server::serve(self.clone(), endpoint.into_endpoint(), options, factory)
    }

    /// Listens on `endpoint` and gives what comes in as streams: for code that speaks
    /// [`futures_io`](crate::futures_io). It is what a [`Server`] is made of, with its
    /// errors, its rests and its limits (SERV-20). Settles once the port is open.
    #[track_caller]
    fn accept<E: IntoEndpoint>(
        &self,
        endpoint: E,
    ) -> impl Future<Output = Result<Incoming<Self>, ListenError>> + Send {
        self.accept_with(endpoint, ListenOptions::default())
    }

    /// [`accept`](Self::accept) with options of your own. Those of protocols
    /// (`start_serving`, `write_limits`) have no meaning here.
    #[track_caller]
    fn accept_with<E, Y>(
        &self,
        endpoint: E,
        options: ListenOptions<Y>,
    ) -> impl Future<Output = Result<Incoming<Self, Y>, ListenError>> + Send
    where
        E: IntoEndpoint,
        Y: Layer<Self::TcpStream>,
    {
        server::accept(self.clone(), endpoint.into_endpoint(), options)
    }

    /// Serves on a socket that listens already: one that a supervisor passed on, or
    /// that was bound before privileges were dropped (SERV-13). Only those of the
    /// options count that are about connections; they are set on each one as it is
    /// accepted, since the socket itself may be in use elsewhere, too.
    ///
    /// One of UNIX comes as a `TcpListener`, too: std keeps it as well, by its descriptor. The
    /// file stays, since it is not this server's.
    ///
    /// A socket that does not listen, or is of neither kind, is refused with
    /// [`ListenError::Unfit`] (SERV-14).
    fn serve_socket<Y, F>(
        &self,
        socket: std::net::TcpListener,
        options: ListenOptions<Y>,
        factory: F,
    ) -> Result<Server<F::Protocol>, ListenError>
    where
        Y: Layer<Self::TcpStream>,
        F: ProtocolFactory,
    {
        server::adopt(self.clone(), socket, options, factory)
    }
}

impl<L> Loop for L where
    L: Backend + Spawner + Timers + Calls + Threads + Resolve + Tcp + Unix + Lifecycle
{
}

/// A loop that can be run: only a program's top level may block, so libraries ask
/// for [`Loop`] and never for this.
pub trait MainLoop: Loop {
    /// Runs `main` on this thread, and the loop with it, until `main` is done.
    ///
    /// Then the loop is wound up: running tasks are cancelled, open transports
    /// deliver `connection_lost`, pending calls are dropped, and all their
    /// destructors have run before this returns (LOOP-09, LOOP-10). Tasks that do
    /// not end within the [limit](Lifecycle::set_shutdown_limit) are reported to
    /// the error hook, each with the place it was spawned at (LOOP-40). Work that was
    /// handed to [threads](Threads::run_in_thread) is waited for as long, and told of
    /// likewise (LOOP-39). A loop may be run again (LOOP-03).
    ///
    /// A destructor that panics on the way is reported, and what `main` gave is given all
    /// the same (ERR-09).
    ///
    /// # Panics
    /// With the panic of `main` itself, after winding up.
    fn run<F: Future>(&self, main: F) -> Result<F::Output, RunError>;
}

impl<L: Loop + MainBackend> MainLoop for L {
    fn run<F: Future>(&self, main: F) -> Result<F::Output, RunError> {
        event_loop::run(self, main)
    }
}
