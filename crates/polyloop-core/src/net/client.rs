//! Clients: name resolution, the race between addresses (RFC 8305) and the time limit.
//! The protocol on top is for `drive` to see to.

mod attempt;
mod error;
mod race;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use attempt::attempt;
use error::judge;
pub use error::{Attempts, ConnectError};
use race::Race;

use super::ConnectOptions;
use super::drive::{self, Reached};
use crate::event_loop::calls::after;
use crate::event_loop::names::LookupError;
use crate::net::Loop;
use crate::net::endpoint::{Endpoint, EndpointError};
use crate::protocol::address::Address;
use crate::protocol::connection::Connection;
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;

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
    let factory = Started::new(factory).map_err(ConnectError::Factory)?;
    let (reached, address) = reach(&lp, &endpoint, &options).await?;
    let peer = Peer::new(address);
    Ok(drive::begin(&lp, reached, peer, options.write_limits, factory).await?)
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
