//! Clients: name resolution, the race between addresses (RFC 8305), the time
//! limit, and the protocol on top.

mod attempt;
mod error;
mod race;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

use attempt::{Reached, attempt};
use error::judge;
pub use error::{Attempts, ConnectError};
use race::Race;

use super::ConnectOptions;
use crate::event_loop::calls::after;
use crate::event_loop::names::LookupError;
use crate::event_loop::task;
use crate::net::Loop;
use crate::net::endpoint::{Endpoint, EndpointError};
use crate::promise::Promise as _;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::connection::driver::{Driver, Origin};
use crate::protocol::connection::{Connection, Mailbox};
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;
use crate::protocol::transport::WriteLimits;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::Arc;

/// What connecting with a factory gives.
pub type Connected<F> = Connection<<F as ProtocolFactory>::Protocol>;

pub(crate) async fn connect<L: Loop, F: ProtocolFactory>(
    lp: L,
    endpoint: Result<Endpoint, EndpointError>,
    options: ConnectOptions,
    factory: F,
) -> Result<Connected<F>, ConnectError> {
    let endpoint = endpoint?;
    lp.state().check_open()?;
    // Stopped on every way out, and otherwise when the connection is lost (FACT-06).
    let mut factory = Started::new(factory).map_err(ConnectError::Factory)?;
    let (reached, address) = reach(&lp, &endpoint, &options).await?;
    let peer = Peer::new(address);
    let protocol = match factory.build(&peer) {
        Ok(Some(protocol)) => protocol,
        Ok(None) => return Err(declined(peer)),
        Err(source) => return Err(failed(peer, source)),
    };
    let mailbox = Arc::new(Mailbox::new(peer.clone(), options.write_limits));
    let (resolver, made) = Deferred::new();
    let dialled = Dialled {
        lp: lp.clone(),
        limits: options.write_limits,
        made: Some(resolver),
        factory: Some(factory),
        mailbox: mailbox.clone(),
    };
    let driver = match reached {
        Reached::Stream { stream, local } => {
            if let Some(local) = local {
                mailbox.set_local(local);
            }
            Driver::new(dialled, stream, protocol)
        }
        Reached::Reset(error) => Driver::already_broken(dialled, error, protocol),
    };
    task::spawn(&lp, driver).detach();
    let mut unclaimed = Unclaimed::new(mailbox);
    match made.await {
        Ok(()) => Ok(unclaimed.claim()),
        Err(source) => Err(failed(peer, source)),
    }
}

fn declined(peer: Peer) -> ConnectError {
    ConnectError::Declined {
        peer: peer.into_address(),
    }
}

fn failed(peer: Peer, source: Failure) -> ConnectError {
    ConnectError::Protocol {
        peer: peer.into_address(),
        source,
    }
}

/// Where a client's connection comes from.
struct Dialled<L, F: ProtocolFactory> {
    lp: L,
    limits: WriteLimits,
    made: Option<Resolver<()>>,
    factory: Option<Started<F>>,
    mailbox: Arc<Mailbox>,
}

impl<L: Loop, F: ProtocolFactory> Origin for Dialled<L, F> {
    type Backend = L;

    fn backend(&self) -> &L {
        &self.lp
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

/// A connection and the address it leads to, within the limit.
async fn reach<L: Loop>(
    lp: &L,
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<(Reached<L::TcpStream>, Address), ConnectError> {
    let mut race = Race::new(lp, options);
    let outcome = if options.timeout.is_some_and(|limit| limit.is_zero()) {
        // Whether the system would be done at once differs from loop to loop.
        None
    } else {
        let unknown = |source| ConnectError::Dns {
            endpoint: endpoint.clone(),
            source,
        };
        let families = options.lookup.families;
        // The limit counts for the lookup, too.
        let lookup = options.lookup.within(options.timeout);
        let mut work = pin!(async {
            // One address alone runs no race.
            if let Some(address) = endpoint.address() {
                if !families.include(&address) {
                    let address = address.ip();
                    return Err(unknown(LookupError::WrongFamily { address, families }));
                }
                return match attempt(lp, address, &options.tcp).await {
                    Ok(reached) => Ok(Some((reached, address.into()))),
                    Err(error) => {
                        race.lost(address, error);
                        Ok(None)
                    }
                };
            }
            let addresses = lp
                .resolve_with(endpoint.host(), endpoint.port(), &lookup)
                .await
                .map_err(unknown)?;
            race.enter(addresses);
            Ok(poll_fn(|cx| race.poll(cx)).await)
        });
        let mut limit = pin!(
            options
                .timeout
                .map(|limit| lp.timer(after(lp.state().now(), limit)))
        );
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            match limit.as_mut().as_pin_mut() {
                Some(timer) => timer.poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await
    };
    let failed = Attempts(race.into_failed());
    match outcome {
        Some(Ok(Some(won))) => Ok(won),
        Some(Ok(None)) => Err(judge(endpoint, failed)),
        Some(Err(error)) => Err(error),
        None => Err(ConnectError::TimedOut {
            endpoint: endpoint.clone(),
            limit: options.timeout,
            attempts: failed,
        }),
    }
}
