//! A protocol on a stream: what [`Loop::drive`](crate::Loop::drive) does, and the last step
//! of every client.

use std::io;
use std::task::Waker;
use std::time::Duration;

use thiserror::Error;

use crate::event_loop::backend::Backend;
use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::task;
use crate::net::client::Connected;
use crate::promise::Promise as _;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::connection::driver::{Driver, Origin};
use crate::protocol::connection::{Connection, Mailbox};
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;
use crate::protocol::stream::Stream;
use crate::protocol::transport::WriteLimits;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::Arc;

/// Options of a connection whose stream is there already.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DriveOptions {
    /// The watermarks of the write buffer.
    pub write_limits: WriteLimits,
    /// How long the connection may be silent: without end unless set (POL-03).
    pub idle_limit: Option<Duration>,
}

impl DriveOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`write_limits`](Self#structfield.write_limits).
    #[must_use]
    pub fn write_limits(mut self, write_limits: WriteLimits) -> Self {
        self.write_limits = write_limits;
        self
    }

    /// Sets [`idle_limit`](Self#structfield.idle_limit).
    #[must_use]
    pub fn idle_limit(mut self, idle_limit: Option<Duration>) -> Self {
        self.idle_limit = idle_limit;
        self
    }
}

/// Why no protocol drives the stream. It was closed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The factory's start hook panicked.
    #[error("can't drive the stream: the factory failed to start: {0}")]
    Factory(Failure),
    /// The factory declined the connection (FACT-02).
    #[error("connected to {peer}, but the factory has no protocol for it")]
    Declined {
        /// The other end.
        peer: Address,
    },
    /// The factory panicked, or the protocol's `connection_made` failed (FACT-04,
    /// PROTO-07).
    #[error("connected to {peer}, but the protocol failed: {source}")]
    Protocol {
        /// The other end.
        peer: Address,
        /// What failed.
        source: Failure,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

impl From<DriveError> for Failure {
    #[track_caller]
    fn from(error: DriveError) -> Self {
        Self::new(error)
    }
}

/// What a protocol is put on. The connection was made in either case.
pub(super) enum Reached<S> {
    Stream {
        stream: S,
        local: Option<Address>,
    },
    /// The peer has reset the connection before this side had a look at it. Whether a
    /// reset comes now or a moment later is chance, so it is told as it would be then: the
    /// connection is made, and lost (CLI-20).
    Reset(io::Error),
}

pub(crate) async fn drive<B: Backend, S: Stream, F: ProtocolFactory>(
    backend: B,
    stream: S,
    peer: Peer,
    options: DriveOptions,
    factory: F,
) -> Result<Connected<F>, DriveError> {
    backend.state().check_open()?;
    let factory = Started::new(factory).map_err(DriveError::Factory)?;
    let local = stream.local_addr().ok();
    let reached = Reached::Stream { stream, local };
    begin(&backend, reached, peer, &options, factory).await
}

/// Settles once the connection is made. Its factory is stopped when it is lost, or now if
/// there is none (FACT-06).
pub(super) async fn begin<B: Backend, S: Stream, F: ProtocolFactory>(
    backend: &B,
    reached: Reached<S>,
    peer: Peer,
    options: &DriveOptions,
    mut factory: Started<F>,
) -> Result<Connected<F>, DriveError> {
    let protocol = match factory.build(&peer) {
        Ok(Some(protocol)) => protocol,
        Ok(None) => {
            let peer = peer.into_address();
            return Err(DriveError::Declined { peer });
        }
        Err(source) => return Err(failed(peer, source)),
    };
    let mailbox = Arc::new(Mailbox::new(peer.clone(), options.write_limits));
    let (resolver, made) = Deferred::new();
    let origin = Alone {
        backend: backend.clone(),
        limits: options.write_limits,
        made: Some(resolver),
        factory: Some(factory),
        mailbox: mailbox.clone(),
    };
    let mut driver = match reached {
        Reached::Stream { stream, local } => {
            if let Some(local) = local {
                mailbox.set_local(local);
            }
            Driver::new(origin, stream, protocol)
        }
        Reached::Reset(error) => Driver::already_broken(origin, error, protocol),
    };
    driver.limit_idle(options.idle_limit);
    task::spawn(backend, driver).detach();
    let mut unclaimed = Unclaimed::new(mailbox);
    match made.await {
        Ok(()) => Ok(unclaimed.claim()),
        Err(source) => Err(failed(peer, source)),
    }
}

fn failed(peer: Peer, source: Failure) -> DriveError {
    let peer = peer.into_address();
    DriveError::Protocol { peer, source }
}

/// Where a connection comes from that no server knows.
struct Alone<B, F: ProtocolFactory> {
    backend: B,
    limits: WriteLimits,
    made: Option<Resolver<()>>,
    factory: Option<Started<F>>,
    mailbox: Arc<Mailbox>,
}

impl<B: Backend, F: ProtocolFactory> Origin for Alone<B, F> {
    type Backend = B;

    fn backend(&self) -> &B {
        &self.backend
    }

    fn limits(&self) -> WriteLimits {
        self.limits
    }

    fn take_made(&mut self) -> Option<Resolver<()>> {
        self.made.take()
    }

    fn peer(&self) -> Peer {
        self.mailbox.peer()
    }

    fn attend(&self, waker: &Waker) {
        drop(self.mailbox.set_driver(waker));
    }

    fn known_mailbox(&self) -> Option<Arc<Mailbox>> {
        Some(self.mailbox.clone())
    }

    fn mailbox(&self) -> Arc<Mailbox> {
        self.mailbox.clone()
    }

    fn set_closing(&self) {
        self.mailbox.set_closing();
    }

    fn lose(&mut self, reason: &CloseReason) {
        self.made = None;
        self.mailbox.lose(reason);
        self.factory = None;
    }
}

/// A new connection that nobody has been given yet. A connect that is dropped ends
/// it, also where `connection_made` has already run (CLI-05).
struct Unclaimed<P: Protocol> {
    connection: Connection<P>,
    claimed: bool,
}

impl<P: Protocol> Unclaimed<P> {
    fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            connection: Connection::new(mailbox),
            claimed: false,
        }
    }

    fn claim(&mut self) -> Connection<P> {
        self.claimed = true;
        self.connection.clone()
    }
}

impl<P: Protocol> Drop for Unclaimed<P> {
    fn drop(&mut self) {
        if !self.claimed {
            self.connection.abort();
        }
    }
}
