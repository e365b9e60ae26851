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

use super::drive::{self, Reached};
use super::{ConnectOptions, Layer};
use crate::event_loop::calls::after;
use crate::event_loop::names::LookupError;
use crate::net::Loop;
use crate::net::endpoint::{Endpoint, EndpointError, for_client};
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::connection::Connection;
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;

/// What connecting with a factory gives.
pub type Connected<F> = Connection<<F as ProtocolFactory>::Protocol>;

pub(crate) async fn connect<L, Y, F>(
    lp: L,
    endpoint: Result<Endpoint, EndpointError>,
    options: ConnectOptions<Y>,
    factory: F,
) -> Result<Connected<F>, ConnectError>
where
    L: Loop,
    Y: Layer<L::TcpStream>,
    F: ProtocolFactory,
{
    let (endpoint, (mut options, layer)) = (endpoint?, options.split());
    lp.state().check_open()?;
    let endpoint = for_client(&endpoint, &mut options)
        .map_err(|unusable| ConnectError::unusable(&endpoint, unusable))?;
    // Stopped on every way out, and otherwise when the connection is lost (FACT-06).
    let factory = Started::new(factory).map_err(ConnectError::Factory)?;
    let (reached, peer) = reach(&lp, &endpoint, &options, &layer).await?;
    Ok(drive::begin(&lp, reached, peer, options.write_limits, factory).await?)
}

pub(crate) async fn dial<L, Y>(
    lp: L,
    endpoint: Result<Endpoint, EndpointError>,
    options: ConnectOptions<Y>,
) -> Result<Y::Stream, ConnectError>
where
    L: Loop,
    Y: Layer<L::TcpStream>,
{
    let (endpoint, (mut options, layer)) = (endpoint?, options.split());
    lp.state().check_open()?;
    let endpoint = for_client(&endpoint, &mut options)
        .map_err(|unusable| ConnectError::unusable(&endpoint, unusable))?;
    match reach(&lp, &endpoint, &options, &layer).await? {
        (Reached::Stream { stream, .. }, _) => Ok(stream),
        (Reached::Reset(error), peer) => {
            let attempts = Attempts(vec![(peer.into_address(), error)]);
            Err(judge(&endpoint, attempts))
        }
    }
}

/// A connection and the peer that it leads to, within the limit.
async fn reach<L: Loop, Y: Layer<L::TcpStream>>(
    lp: &L,
    endpoint: &Endpoint,
    options: &ConnectOptions,
    layer: &Y,
) -> Result<(Reached<Y::Stream>, Peer), ConnectError> {
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
            let won = if let Some(address) = endpoint.address() {
                if !families.include(&address) {
                    let address = address.ip();
                    return Err(unknown(LookupError::WrongFamily { address, families }));
                }
                // One address alone runs no race.
                match attempt(lp, address, &options.tcp).await {
                    Ok(reached) => Some((reached, address.into())),
                    Err(error) => {
                        race.lost(address, error);
                        None
                    }
                }
            } else {
                let addresses = lp
                    .resolve_with(
                        endpoint.host().unwrap_or_default(),
                        endpoint.port().unwrap_or_default(),
                        &lookup,
                    )
                    .await
                    .map_err(unknown)?;
                race.enter(addresses);
                poll_fn(|cx| race.poll(cx)).await
            };
            match won {
                Some((reached, address)) => {
                    wrap(lp, reached, address, endpoint, layer).await.map(Some)
                }
                None => Ok(None),
            }
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

/// The layer's part. A connection that is reset before it can begin has failed in it.
async fn wrap<L: Loop, Y: Layer<L::TcpStream>>(
    lp: &L,
    reached: Reached<L::TcpStream>,
    address: Address,
    endpoint: &Endpoint,
    layer: &Y,
) -> Result<(Reached<Y::Stream>, Peer), ConnectError> {
    let peer = Peer::new(address);
    let failed = |peer: Peer, source| ConnectError::Layer {
        endpoint: endpoint.clone(),
        peer: peer.into_address(),
        source,
    };
    match reached {
        Reached::Stream { stream, local } => {
            match layer.wrap(lp, stream, peer.clone(), Some(endpoint)).await {
                Ok((stream, peer)) => Ok((Reached::Stream { stream, local }, peer)),
                Err(source) => Err(failed(peer, source)),
            }
        }
        Reached::Reset(error) if Y::WAITS => Err(failed(peer, Failure::new(error))),
        Reached::Reset(error) => Ok((Reached::Reset(error), peer)),
    }
}
