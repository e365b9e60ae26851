//! Servers: listening, accepting, and the list of accepted connections.

mod acceptor;
mod adopting;
mod handshakes;
mod incoming;
mod listening;
mod member;
mod registry;

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::TcpListener;

use thiserror::Error;

use super::unix::{self, UnixPathError};
use super::{Layer, ListenOptions, Listener as _};
use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::names::LookupError;
use crate::event_loop::task;
use crate::net::Loop;
use crate::net::endpoint::{
    Endpoint, EndpointError, InheritedError, Unusable, for_server, inherited,
};
use crate::promise::Promise as _;
use crate::promise::failure::Failure;
use crate::protocol::Protocol;
use crate::protocol::address::Address;
use crate::protocol::connection::Connection;
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::sync::primitive::Arc;
use acceptor::Acceptor;
pub use adopting::UnfitSocket;
pub use incoming::Incoming;
use registry::Registry;

/// Why nothing is listening.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The text is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Something in the endpoint is for connecting.
    #[error("can't listen on {endpoint}: {problem}")]
    Misused {
        /// What was asked for.
        endpoint: Endpoint,
        /// What is for the other side.
        problem: String,
    },
    /// The loop has no such sockets, or nothing was given that speaks such a protocol.
    #[error("can't listen on {endpoint}: not supported: {problem}")]
    Unsupported {
        /// What was asked for.
        endpoint: Endpoint,
        /// What is not there.
        problem: String,
    },
    /// The [`Scheme`](crate::Scheme) of the endpoint failed.
    #[error("can't listen on {endpoint}: {source}")]
    Scheme {
        /// What was asked for.
        endpoint: Endpoint,
        /// What it said.
        source: Failure,
    },
    /// No such socket was passed on to this process.
    #[error("can't listen on {endpoint}: {source}")]
    Inherited {
        /// What was asked for.
        endpoint: Endpoint,
        /// Why not.
        source: InheritedError,
    },
    /// The host could not be resolved.
    #[error("can't listen on {endpoint}: the name can't be resolved: {source}")]
    Dns {
        /// What was asked for.
        endpoint: Endpoint,
        /// Why not.
        source: LookupError,
    },
    /// Another socket has the address.
    #[error("can't listen on {address}: the address is in use: {source}")]
    InUse {
        /// The address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else the system refused.
    #[error("can't listen on {address}: {source}")]
    Bind {
        /// The address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The name of a UNIX socket can't be had (UNIX-02).
    #[error("can't listen on {address}: {source}")]
    Path {
        /// The name.
        address: Address,
        /// What is wrong with it.
        source: UnixPathError,
    },
    /// The socket to be adopted is none that connections can be accepted from (SERV-14).
    #[error(
        "can't listen on the given socket: {0}; expected a TCP or UNIX socket on which `listen` \
         was called"
    )]
    Unfit(UnfitSocket),
    /// The socket to be adopted can't be used by this loop.
    #[error("can't listen on the given socket: {0}")]
    Adopt(io::Error),
    /// The factory's start hook panicked.
    #[error("can't listen: the factory failed to start: {0}")]
    Factory(Failure),
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

impl ListenError {
    fn unusable(endpoint: Endpoint, unusable: Unusable) -> Self {
        match unusable {
            Unusable::Misused(problem) => Self::Misused { endpoint, problem },
            Unusable::Unsupported(problem) => Self::Unsupported { endpoint, problem },
            Unusable::Scheme(source) => Self::Scheme { endpoint, source },
        }
    }
}

impl From<ListenError> for Failure {
    #[track_caller]
    fn from(error: ListenError) -> Self {
        Self::new(error)
    }
}

/// A listening server: Twisted's `IListeningPort`, asyncio's `Server`.
///
/// Dropping it leaves the port open, as dropping a task leaves the task running;
/// [`close`](Self::close) closes it.
#[must_use = "a server runs on when its handle is dropped; keep it to close it"]
pub struct Server<P: Protocol> {
    registry: Arc<Registry>,
    local: Arc<[Address]>,
    protocol: PhantomData<fn(&mut P)>,
}

impl<P: Protocol> Server<P> {
    /// The address listened on, with the port that was really given (SERV-01); the
    /// first of several.
    pub fn local_addr(&self) -> Address {
        self.local[0].clone()
    }

    /// All the addresses listened on.
    pub fn local_addrs(&self) -> &[Address] {
        &self.local
    }

    /// Begins to accept, if it was made with
    /// [`start_serving(false)`](ListenOptions::start_serving) (SERV-12).
    pub fn start(&self) {
        self.registry.start();
    }

    /// Serves until this future is dropped or its task is cancelled, which closes the
    /// server, or until it is closed otherwise. A second caller is refused
    /// (SERV-12).
    pub fn serve_forever(&self) -> impl Future<Output = Result<(), AlreadyServed>> + Send + use<P> {
        let server = self.clone();
        async move {
            if !server.registry.begin_serving() {
                return Err(AlreadyServed {
                    address: server.local_addr(),
                });
            }
            let serving = Serving(&server);
            server.start();
            server.closed().await;
            drop(serving);
            Ok(())
        }
    }

    /// Stops accepting. Connections go on; closing twice is harmless (SERV-08).
    pub fn close(&self) {
        self.registry.close();
    }

    /// Waits until the listening sockets are released (SERV-09). Cancel safe.
    pub async fn closed(&self) {
        if let Some(waiting) = self.registry.until_closed() {
            // Broken only if the server went, and then its sockets have.
            let _ = waiting.await;
        }
    }

    /// Waits until the listening sockets are released, the last accepted connection is
    /// lost (SERV-09) and its socket has gone (TRAN-36). Cancel safe.
    pub async fn drained(&self) {
        if let Some(waiting) = self.registry.until_drained() {
            let _ = waiting.await;
        }
    }

    /// The connections that are open now, in no order. One that the factory is asked about at
    /// the moment is among them. Once the server is closed no further one comes: whoever closes
    /// it, and then all of these, has ended every one.
    pub fn connections(&self) -> Vec<Connection<P>> {
        let mailboxes = self.registry.connections();
        mailboxes.into_iter().map(Connection::new).collect()
    }

    /// How many connections are open now: each holds a descriptor. One that is lost counts
    /// until its socket has gone, which may take a moment longer (TRAN-36).
    pub fn connection_count(&self) -> usize {
        self.registry.connection_count()
    }
}

/// Closes its server on every way out of `serve_forever`.
struct Serving<'a, P: Protocol>(&'a Server<P>);

impl<P: Protocol> Drop for Serving<'_, P> {
    fn drop(&mut self) {
        self.0.registry.end_serving();
        self.0.close();
    }
}

/// [`Server::serve_forever`] was called while another call of it was waiting.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the server on {address} is being served by another `serve_forever` already")]
#[non_exhaustive]
pub struct AlreadyServed {
    /// Its address.
    pub address: Address,
}

impl From<AlreadyServed> for Failure {
    #[track_caller]
    fn from(error: AlreadyServed) -> Self {
        Self::new(error)
    }
}

impl<P: Protocol> Clone for Server<P> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            local: self.local.clone(),
            protocol: PhantomData,
        }
    }
}

impl<P: Protocol> std::fmt::Debug for Server<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("local", &self.local)
            .field("connections", &self.connection_count())
            .finish_non_exhaustive()
    }
}

pub(crate) async fn serve<L, Y, F>(
    lp: L,
    endpoint: Result<Endpoint, EndpointError>,
    options: ListenOptions<Y>,
    factory: F,
) -> Result<Server<F::Protocol>, ListenError>
where
    L: Loop,
    Y: Layer<L::TcpStream>,
    F: ProtocolFactory,
{
    let (mut options, layer) = options.split();
    let incoming = open(&lp, endpoint, &mut options, layer).await?;
    begin(lp, incoming, &options, factory)
}

pub(crate) fn adopt<L, Y, F>(
    lp: L,
    socket: TcpListener,
    options: ListenOptions<Y>,
    factory: F,
) -> Result<Server<F::Protocol>, ListenError>
where
    L: Loop,
    Y: Layer<L::TcpStream>,
    F: ProtocolFactory,
{
    let (options, layer) = options.split();
    lp.state().check_open()?;
    let incoming = incoming_of(&lp, socket, &options, layer)?;
    begin(lp, incoming, &options, factory)
}

/// What comes in on a socket that listens already.
fn incoming_of<L: Loop, Y: Layer<L::TcpStream>>(
    lp: &L,
    socket: TcpListener,
    options: &ListenOptions,
    layer: Y,
) -> Result<Incoming<L, Y>, ListenError> {
    let address = adopting::listening_on(&socket)?;
    socket.set_nonblocking(true).map_err(ListenError::Adopt)?;
    let listener = lp.adopt_tcp(socket).map_err(ListenError::Adopt)?;
    let local = Arc::new([address]);
    let (lp, listeners) = (lp.clone(), vec![listener]);
    Ok(Incoming::new(lp, listeners, local, options, layer, false))
}

pub(crate) async fn accept<L: Loop, Y: Layer<L::TcpStream>>(
    lp: L,
    endpoint: Result<Endpoint, EndpointError>,
    options: ListenOptions<Y>,
) -> Result<Incoming<L, Y>, ListenError> {
    let (mut options, layer) = options.split();
    open(&lp, endpoint, &mut options, layer).await
}

/// From an endpoint to what comes in there.
async fn open<L: Loop, Y: Layer<L::TcpStream>>(
    lp: &L,
    endpoint: Result<Endpoint, EndpointError>,
    options: &mut ListenOptions,
    layer: Y,
) -> Result<Incoming<L, Y>, ListenError> {
    let endpoint = endpoint?;
    lp.state().check_open()?;
    let endpoint = match for_server(&endpoint, options) {
        Ok(usable) => usable,
        Err(unusable) => return Err(ListenError::unusable(endpoint, unusable)),
    };
    if let Some(which) = endpoint.inherited() {
        let socket = inherited::take(which).map_err(|source| ListenError::Inherited {
            endpoint: endpoint.clone(),
            source,
        })?;
        return incoming_of(lp, socket, options, layer);
    }
    if let Some(address) = endpoint.unix_address() {
        let (listener, file) = unix::listening::listen(lp, &address, options).await?;
        // As it is called, and not what the system has kept of that.
        let local = Arc::new([address.into()]);
        let (lp, listeners) = (lp.clone(), vec![listener]);
        return Ok(Incoming::new(lp, listeners, local, options, layer, true).with_file(file));
    }
    let addresses = listening::addresses(lp, &endpoint, &options.lookup).await?;
    let every_interface = endpoint.is_every_interface();
    let listeners = listening::bind_all(lp, &addresses, options, every_interface)?;
    let local = listeners
        .iter()
        .zip(&addresses)
        .map(|(listener, asked)| {
            listener
                .local_addr()
                .map_err(|source| listening::bind_error(*asked, source))
        })
        .collect::<Result<Arc<[Address]>, _>>()?;
    if local.is_empty() {
        let none = io::Error::new(io::ErrorKind::AddrNotAvailable, "there is no interface");
        return Err(ListenError::Adopt(none));
    }
    let lp = lp.clone();
    Ok(Incoming::new(lp, listeners, local, options, layer, true))
}

fn begin<L: Loop, Y: Layer<L::TcpStream>, F: ProtocolFactory>(
    lp: L,
    incoming: Incoming<L, Y>,
    options: &ListenOptions,
    factory: F,
) -> Result<Server<F::Protocol>, ListenError> {
    // Only now: a failed bind leaves the factory unstarted (FACT-07).
    let factory = Started::new(factory).map_err(ListenError::Factory)?;
    let local: Arc<[Address]> = incoming.local_addrs().into();
    let registry = Registry::new(!options.start_serving, options.write_limits, &local);
    let idle_limit = options.idle_limit;
    let acceptor = Acceptor::new(lp.clone(), incoming, factory, registry.clone(), idle_limit);
    task::spawn(&lp, acceptor).detach();
    Ok(Server {
        registry,
        local,
        protocol: PhantomData,
    })
}
