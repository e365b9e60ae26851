//! Clients: name resolution, the race between addresses (RFC 8305) and the time limit.
//! The protocol on top is for `drive` to see to.

mod attempt;
mod error;
mod local;
mod race;

use std::future::poll_fn;

use attempt::attempt;
use error::judge;
pub use error::{Attempts, ConnectError};
use race::Race;

use super::drive::{self, Reached};
use super::{ConnectOptions, DriveOptions, Layer, Stream as _};
use crate::event_loop::names::LookupError;
use crate::event_loop::timers::within;
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
    let options = DriveOptions {
        write_limits: options.write_limits,
        idle_limit: options.idle_limit,
    };
    Ok(drive::begin(&lp, reached, peer, &options, factory).await?)
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
    let unknown = |source| ConnectError::Dns {
        endpoint: endpoint.clone(),
        source,
    };
    let families = options.lookup.families;
    // The limit counts for the lookup, too.
    let lookup = options.lookup.within(options.timeout);
    let work = async {
        let won = if let Some(address) = endpoint.unix_address() {
            match local::attempt(lp, &address, &options.tcp).await {
                Ok(reached) => Some((reached, address.into())),
                Err(error) => {
                    race.lost(address.into(), error);
                    None
                }
            }
        } else if let Some(address) = endpoint.address() {
            if !families.include(&address) {
                let address = address.ip();
                return Err(unknown(LookupError::WrongFamily { address, families }));
            }
            // One address alone runs no race.
            match attempt(lp, address, &options.tcp).await {
                Ok(reached) => Some((reached, address.into())),
                Err(error) => {
                    race.lost(address.into(), error);
                    None
                }
            }
        } else {
            let host = endpoint.host().unwrap_or_default();
            let port = endpoint.port().unwrap_or_default();
            let addresses = lp.resolve_with(host, port, &lookup).await;
            race.enter(addresses.map_err(unknown)?);
            poll_fn(|cx| race.poll(cx)).await
        };
        match won {
            Some((reached, address)) => wrap(lp, reached, address, endpoint, layer).await.map(Some),
            None => Ok(None),
        }
    };
    let outcome = within(lp, options.timeout, work).await;
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
    let failed = |peer: Peer, source| ConnectError::Layer {
        endpoint: endpoint.clone(),
        peer: peer.into_address(),
        source,
    };
    match reached {
        Reached::Stream { stream, local } => {
            let peer = stream.peer_at(address);
            match layer.wrap(lp, stream, peer.clone(), Some(endpoint)).await {
                Ok((stream, peer)) => Ok((Reached::Stream { stream, local }, peer)),
                Err(source) => Err(failed(peer, source)),
            }
        }
        Reached::Reset(error) if Y::WAITS => Err(failed(address.into(), Failure::new(error))),
        Reached::Reset(error) => Ok((Reached::Reset(error), address.into())),
    }
}
