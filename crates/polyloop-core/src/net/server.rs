//! Servers: listening, accepting, and the list of accepted connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;
use thiserror::Error;

use super::socket::{ACCEPTED_INHERIT, configure};
use super::{ListenOptions, Listener, Resolve, Stream};
use crate::calls::{WakeUp, after};
use crate::connection::driver::{Driver, UntilLost};
use crate::connection::{Connection, Mailbox};
use crate::deferred::{Deferred, Resolver};
use crate::endpoint::{Endpoint, EndpointError};
use crate::event_loop::Loop;
use crate::factory::{ProtocolFactory, Started};
use crate::failure::Failure;
use crate::lifecycle::LoopClosed;
use crate::lock::lock;
use crate::promise::Promise as _;
use crate::protocol::Protocol;
use crate::task;

/// Why nothing is listening.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The text is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The host could not be resolved.
    #[error("can't listen on {endpoint}: the name can't be resolved: {source}")]
    Dns {
        /// What was asked for.
        endpoint: Endpoint,
        /// What the resolver said.
        source: io::Error,
    },
    /// Another socket has the address.
    #[error("can't listen on {address}: the address is in use: {source}")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else the system refused.
    #[error("can't listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The factory's start hook panicked.
    #[error("can't listen: the factory failed to start: {0}")]
    Factory(Failure),
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
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
    registry: Arc<Registry<P>>,
    local: SocketAddr,
}

impl<P: Protocol> Server<P> {
    /// The address listened on, with the port that was really given (SERV-01).
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Stops accepting. Connections go on; closing twice is harmless (SERV-08).
    pub fn close(&self) {
        let mut inner = lock(&self.registry.inner);
        inner.closing = true;
        let acceptor = inner.acceptor.take();
        drop(inner);
        if let Some(acceptor) = acceptor {
            acceptor.wake();
        }
    }

    /// Waits until the listening socket is released (SERV-09). Cancel safe.
    pub async fn closed(&self) {
        let waiting = {
            let mut inner = lock(&self.registry.inner);
            if inner.released {
                return;
            }
            wait_in(&mut inner.closed)
        };
        // Broken only if the server went, and then its socket has.
        let _ = waiting.await;
    }

    /// Waits until the listening socket is released and the last accepted connection
    /// is lost (SERV-09). Cancel safe.
    pub async fn drained(&self) {
        let waiting = {
            let mut inner = lock(&self.registry.inner);
            if inner.is_drained() {
                return;
            }
            wait_in(&mut inner.drained)
        };
        let _ = waiting.await;
    }

    /// The connections that are open now, in no order.
    pub fn connections(&self) -> Vec<Connection<P>> {
        lock(&self.registry.inner)
            .members
            .iter()
            .map(|(_, mailbox)| Connection::new(mailbox.clone()))
            .collect()
    }

    /// How many connections are open now.
    pub fn connection_count(&self) -> usize {
        lock(&self.registry.inner).members.len()
    }
}

impl<P: Protocol> Clone for Server<P> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry.clone(),
            local: self.local,
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

fn wait_in(waiters: &mut Vec<Resolver<()>>) -> Deferred<()> {
    waiters.retain(|resolver| !resolver.is_abandoned());
    let (resolver, promise) = Deferred::new();
    waiters.push(resolver);
    promise
}

/// What a server, its acceptor and its connections share.
pub(crate) struct Registry<P: Protocol> {
    inner: Mutex<Inner<P>>,
}

struct Inner<P: Protocol> {
    members: Slab<Arc<Mailbox<P>>>,
    closing: bool,
    /// The listening socket has gone.
    released: bool,
    acceptor: Option<Waker>,
    closed: Vec<Resolver<()>>,
    drained: Vec<Resolver<()>>,
}

impl<P: Protocol> Inner<P> {
    fn is_drained(&self) -> bool {
        self.released && self.members.is_empty()
    }

    /// Those to be told that nothing is left, if nothing is.
    fn take_drained(&mut self) -> Vec<Resolver<()>> {
        if self.is_drained() {
            std::mem::take(&mut self.drained)
        } else {
            Vec::new()
        }
    }
}

/// A connection's place in its server's list.
pub(crate) struct Membership<P: Protocol> {
    registry: Arc<Registry<P>>,
    key: usize,
}

impl<P: Protocol> Membership<P> {
    fn new(registry: &Arc<Registry<P>>, mailbox: Arc<Mailbox<P>>) -> Self {
        Self {
            key: lock(&registry.inner).members.insert(mailbox),
            registry: registry.clone(),
        }
    }
}

impl<P: Protocol> Drop for Membership<P> {
    fn drop(&mut self) {
        let mut inner = lock(&self.registry.inner);
        let mailbox = inner.members.try_remove(self.key);
        let drained = inner.take_drained();
        drop(inner);
        drop(mailbox);
        settle(drained);
    }
}

fn settle(waiters: Vec<Resolver<()>>) {
    for resolver in waiters {
        let _ = resolver.resolve(());
    }
}

pub(crate) async fn serve<L: Loop, F: ProtocolFactory>(
    lp: L,
    endpoint: Result<Endpoint, EndpointError>,
    options: ListenOptions,
    factory: F,
) -> Result<Server<F::Protocol>, ListenError> {
    let endpoint = endpoint?;
    lp.state().check_open()?;
    let address = match endpoint.address() {
        Some(address) => address,
        None => resolve(&lp, &endpoint).await?,
    };
    let bind_error = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address, source },
        _ => ListenError::Bind { address, source },
    };
    let listener = lp.bind_tcp(address, &options).map_err(bind_error)?;
    let local = listener.local_addr().map_err(bind_error)?;
    // Only now: a failed bind leaves the factory unstarted (FACT-07).
    let factory = Started::new(factory).map_err(ListenError::Factory)?;

    let registry = Arc::new(Registry {
        inner: Mutex::new(Inner {
            members: Slab::new(),
            closing: false,
            released: false,
            acceptor: None,
            closed: Vec::new(),
            drained: Vec::new(),
        }),
    });
    let acceptor = Acceptor {
        lp: lp.clone(),
        listener: Some(listener),
        factory: Some(factory),
        options,
        registry: registry.clone(),
        failures: 0,
        resting: None,
    };
    task::spawn(&lp, acceptor).detach();
    Ok(Server { registry, local })
}

async fn resolve<L: Loop>(lp: &L, endpoint: &Endpoint) -> Result<SocketAddr, ListenError> {
    let found = Resolve::resolve(lp, endpoint.host(), endpoint.port()).await;
    found
        .and_then(|all| {
            all.first()
                .copied()
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })
        .map_err(|source| ListenError::Dns {
            endpoint: endpoint.clone(),
            source,
        })
}

/// The task that accepts connections.
struct Acceptor<L: Loop, F: ProtocolFactory> {
    lp: L,
    listener: Option<L::TcpListener>,
    factory: Option<Started<F>>,
    options: ListenOptions,
    registry: Arc<Registry<F::Protocol>>,
    /// Failures in a row.
    failures: usize,
    /// Out of descriptors: nothing is accepted until then.
    resting: Option<WakeUp>,
}

/// Accepts per poll, after which other tasks get their turn.
const ACCEPTS_PER_POLL: usize = 32;

/// How long nothing is accepted after the descriptors have run out (SERV-10).
const REST: Duration = Duration::from_secs(1);

impl<L: Loop, F: ProtocolFactory> Acceptor<L, F> {
    fn accept(&mut self, stream: L::TcpStream, peer: SocketAddr) {
        self.failures = 0;
        if !ACCEPTED_INHERIT && let Some(socket) = stream.socket() {
            // An option that can't be set is no reason to lose a connection.
            let _ = configure(socket, &self.options.tcp);
        }
        let Some(factory) = &mut self.factory else {
            return;
        };
        let protocol = match factory.build(peer) {
            Ok(Some(protocol)) => protocol,
            Ok(None) => return,
            Err(failure) => {
                self.lp
                    .state()
                    .report(&format!("the factory failed for {peer}"), &failure);
                return;
            }
        };
        let mailbox = Arc::new(Mailbox::new(peer, self.options.write_limits.high()));
        let membership = Membership::new(&self.registry, mailbox.clone());
        let driver = Driver::new(
            self.lp.clone(),
            stream,
            protocol,
            mailbox,
            self.options.write_limits,
        )
        .holding(UntilLost::Member(membership));
        task::spawn(&self.lp, driver).detach();
    }

    /// True if accepting goes on at once.
    fn accept_failed(&mut self, error: io::Error, cx: &Context<'_>) -> bool {
        self.failures += 1;
        if is_the_peers_affair(&error) && self.failures <= ACCEPTS_PER_POLL {
            return true;
        }
        self.failures = 0;
        let until = after(self.lp.state().now(), REST);
        self.resting = WakeUp::at(&self.lp, until, cx.waker()).ok();
        let address = self.listener.as_ref().and_then(|l| l.local_addr().ok());
        let place = address.map_or_else(String::new, |address| format!(" on {address}"));
        self.lp.state().report(
            &format!("accepting{place} failed and rests for {REST:?}"),
            &Failure::new(error),
        );
        false
    }
}

/// A connection that was gone before it was accepted says nothing about the next.
fn is_the_peers_affair(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    )
}

impl<L: Loop, F: ProtocolFactory> Unpin for Acceptor<L, F> {}

impl<L: Loop, F: ProtocolFactory> Future for Acceptor<L, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.resting.as_ref().is_some_and(WakeUp::is_pending) {
            // Woken by a close, perhaps.
            let mut inner = lock(&this.registry.inner);
            if inner.closing {
                return Poll::Ready(());
            }
            inner.acceptor = Some(cx.waker().clone());
            return Poll::Pending;
        }
        this.resting = None;
        for _ in 0..ACCEPTS_PER_POLL {
            {
                let mut inner = lock(&this.registry.inner);
                if inner.closing {
                    return Poll::Ready(());
                }
                match &mut inner.acceptor {
                    Some(known) if known.will_wake(cx.waker()) => {}
                    acceptor => *acceptor = Some(cx.waker().clone()),
                }
            }
            let Some(listener) = &mut this.listener else {
                return Poll::Ready(());
            };
            match listener.poll_accept(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((stream, peer))) => this.accept(stream, peer),
                Poll::Ready(Err(error)) => {
                    if !this.accept_failed(error, cx) {
                        return Poll::Pending;
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<L: Loop, F: ProtocolFactory> Drop for Acceptor<L, F> {
    fn drop(&mut self) {
        self.listener = None;
        self.factory = None;
        let mut inner = lock(&self.registry.inner);
        inner.closing = true;
        inner.released = true;
        inner.acceptor = None;
        let closed = std::mem::take(&mut inner.closed);
        let drained = inner.take_drained();
        drop(inner);
        settle(closed);
        settle(drained);
    }
}
