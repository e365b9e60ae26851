//! Clients: name resolution, the race between addresses (RFC 8305), the time
//! limit, and the protocol on top.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use thiserror::Error;

use super::socket::LocalBindError;
use super::{ConnectOptions, Resolve, Stream};
use crate::calls::after;
use crate::connection::driver::{Driver, UntilLost};
use crate::connection::{Connection, Mailbox};
use crate::deferred::Deferred;
use crate::endpoint::{Endpoint, EndpointError};
use crate::event_loop::Loop;
use crate::factory::{ProtocolFactory, Started};
use crate::failure::Failure;
use crate::lifecycle::LoopClosed;
use crate::promise::Promise as _;
use crate::protocol::Protocol;
use crate::task;

/// What connecting with a factory gives.
pub type Connected<F> = Connection<<F as ProtocolFactory>::Protocol>;

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The host could not be resolved (CLI-04).
    #[error("can't connect to {endpoint}: the name can't be resolved: {source}")]
    Dns {
        /// What was asked for.
        endpoint: Endpoint,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nobody listens there (CLI-03).
    #[error("can't connect to {endpoint}: refused: {attempts}")]
    Refused {
        /// What was asked for.
        endpoint: Endpoint,
        /// What became of each address.
        attempts: Attempts,
    },
    /// The network or the host can't be reached.
    #[error("can't connect to {endpoint}: unreachable: {attempts}")]
    Unreachable {
        /// What was asked for.
        endpoint: Endpoint,
        /// What became of each address.
        attempts: Attempts,
    },
    /// The time limit passed, this one's or the system's (CLI-02).
    #[error("can't connect to {endpoint}: {}{attempts}", limit_text(*.limit))]
    TimedOut {
        /// What was asked for.
        endpoint: Endpoint,
        /// The limit, or `None` if it was the system's.
        limit: Option<Duration>,
        /// What became of the addresses that had failed by then.
        attempts: Attempts,
    },
    /// The local address could not be bound (CLI-11).
    #[error("can't connect to {endpoint}: {source}")]
    Bind {
        /// What was asked for.
        endpoint: Endpoint,
        /// What the system said, with the local address.
        source: io::Error,
    },
    /// The factory's start hook panicked.
    #[error("can't connect: the factory failed to start: {0}")]
    Factory(Failure),
    /// The factory declined the connection (FACT-02).
    #[error("connected to {peer}, but the factory has no protocol for it")]
    Declined {
        /// The other end.
        peer: SocketAddr,
    },
    /// The factory panicked, or the protocol's `connection_made` failed (FACT-04,
    /// PROTO-07). The connection was closed.
    #[error("connected to {peer}, but the protocol failed: {source}")]
    Protocol {
        /// The other end.
        peer: SocketAddr,
        /// What failed.
        source: Failure,
    },
    /// Anything else.
    #[error("can't connect to {endpoint}: {attempts}")]
    Other {
        /// What was asked for.
        endpoint: Endpoint,
        /// What became of each address.
        attempts: Attempts,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

fn limit_text(limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("not connected within {limit:?}"),
        None => "the system gave up waiting".to_owned(),
    }
}

impl From<ConnectError> for Failure {
    #[track_caller]
    fn from(error: ConnectError) -> Self {
        Self::new(error)
    }
}

impl ConnectError {
    /// What became of each address that was tried (CLI-10).
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        match self {
            Self::Refused { attempts, .. }
            | Self::Unreachable { attempts, .. }
            | Self::TimedOut { attempts, .. }
            | Self::Other { attempts, .. } => &attempts.0,
            _ => &[],
        }
    }

    /// The error as a standard kind, for code that treats all loops and libraries
    /// alike.
    pub fn io_kind(&self) -> io::ErrorKind {
        match self {
            Self::Endpoint(_) => io::ErrorKind::InvalidInput,
            Self::Dns { source, .. } | Self::Bind { source, .. } => source.kind(),
            Self::Refused { .. } => io::ErrorKind::ConnectionRefused,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Unreachable { attempts, .. } | Self::Other { attempts, .. } => attempts
                .0
                .last()
                .map_or(io::ErrorKind::Other, |(_, error)| error.kind()),
            _ => io::ErrorKind::Other,
        }
    }
}

/// The addresses that were tried and why each failed.
#[derive(Debug, Default)]
pub struct Attempts(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

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
    let (stream, peer) = connect_stream(&lp, &endpoint, &options).await?;
    let protocol = match factory.build(peer) {
        Ok(Some(protocol)) => protocol,
        Ok(None) => return Err(ConnectError::Declined { peer }),
        Err(source) => return Err(ConnectError::Protocol { peer, source }),
    };
    let mailbox = Arc::new(Mailbox::new(peer, options.write_limits.high()));
    if let Ok(local) = stream.local_addr() {
        mailbox.set_local(local);
    }
    let (resolver, made) = Deferred::new();
    let driver = Driver::new(
        lp.clone(),
        stream,
        protocol,
        mailbox.clone(),
        options.write_limits,
    )
    .tell_made(resolver)
    .holding(UntilLost::Client(Box::new(factory)));
    task::spawn(&lp, driver).detach();
    let mut unclaimed = Unclaimed::new(mailbox);
    match made.await {
        Ok(()) => Ok(unclaimed.claim()),
        Err(source) => Err(ConnectError::Protocol { peer, source }),
    }
}

/// A new connection that nobody has been given yet. A connect that is dropped ends
/// it, also where `connection_made` has already run (CLI-05).
struct Unclaimed<P: Protocol> {
    connection: Connection<P>,
    claimed: bool,
}

impl<P: Protocol> Unclaimed<P> {
    fn new(mailbox: Arc<Mailbox<P>>) -> Self {
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

/// A connected stream and the address it leads to, within the limit.
async fn connect_stream<L: Loop>(
    lp: &L,
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<(L::TcpStream, SocketAddr), ConnectError> {
    let mut race = Race {
        lp,
        options,
        waiting: VecDeque::new(),
        running: Vec::new(),
        failed: Vec::new(),
        stagger: None,
    };
    let outcome = {
        let mut work = pin!(async {
            let addresses = match endpoint.address() {
                Some(address) => vec![address],
                None => Resolve::resolve(lp, endpoint.host(), endpoint.port())
                    .await
                    .map_err(|source| ConnectError::Dns {
                        endpoint: endpoint.clone(),
                        source,
                    })?,
            };
            race.waiting = interleave(addresses).into();
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
    let failed = Attempts(std::mem::take(&mut race.failed));
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

/// The error for a race that nobody won. Where the attempts failed differently, the
/// last one to fail names it; all are listed.
fn judge(endpoint: &Endpoint, mut attempts: Attempts) -> ConnectError {
    use io::ErrorKind::{
        ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable, TimedOut,
    };
    let endpoint = endpoint.clone();
    let is_bind = |error: &io::Error| {
        error.get_ref().is_some_and(
            <dyn std::error::Error + std::marker::Send + std::marker::Sync + 'static>::is::<
                LocalBindError,
            >,
        )
    };
    if let Some(index) = attempts.0.iter().position(|(_, error)| is_bind(error)) {
        let (_, source) = attempts.0.swap_remove(index);
        return ConnectError::Bind { endpoint, source };
    }
    match attempts.0.last().map(|(_, error)| error.kind()) {
        Some(ConnectionRefused) => ConnectError::Refused { endpoint, attempts },
        Some(HostUnreachable | NetworkUnreachable | NetworkDown) => {
            ConnectError::Unreachable { endpoint, attempts }
        }
        Some(TimedOut) => ConnectError::TimedOut {
            endpoint,
            limit: None,
            attempts,
        },
        _ => ConnectError::Other { endpoint, attempts },
    }
}

/// Alternates the families, beginning with the resolver's first choice (CLI-08).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::new();
    while !first.is_empty() || !second.is_empty() {
        mixed.extend(first.pop_front());
        mixed.extend(second.pop_front());
    }
    mixed
}

type Attempt<'a, L> =
    Pin<Box<dyn Future<Output = io::Result<<L as super::Tcp>::TcpStream>> + Send + 'a>>;

/// Attempts side by side: the next starts when the last has taken its time, or at
/// once when one fails; the first success wins and the others are dropped, which
/// closes their sockets (CLI-06, CLI-07, CLI-09).
struct Race<'a, L: Loop> {
    lp: &'a L,
    options: &'a ConnectOptions,
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Attempt<'a, L>)>,
    failed: Vec<(SocketAddr, io::Error)>,
    stagger: Option<Pin<Box<L::Timer>>>,
}

impl<L: Loop> Race<'_, L> {
    /// `None` when every attempt has failed.
    fn poll(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<(L::TcpStream, SocketAddr)>> {
        loop {
            let mut start_next = self.running.is_empty();
            let mut index = 0;
            while index < self.running.len() {
                let (address, attempt) = &mut self.running[index];
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => {
                        let address = *address;
                        self.running.clear();
                        return Poll::Ready(Some((stream, address)));
                    }
                    Poll::Ready(Err(error)) => {
                        self.failed.push((*address, error));
                        drop(self.running.remove(index));
                        start_next = true;
                    }
                    Poll::Pending => index += 1,
                }
            }
            if let Some(stagger) = &mut self.stagger
                && stagger.as_mut().poll(cx).is_ready()
            {
                start_next = true;
            }
            if !start_next {
                return Poll::Pending;
            }
            self.stagger = None;
            let Some(address) = self.waiting.pop_front() else {
                if self.running.is_empty() {
                    return Poll::Ready(None);
                }
                return Poll::Pending;
            };
            let (lp, options) = (self.lp, self.options);
            self.running
                .push((address, Box::pin(lp.connect_tcp(address, &options.tcp))));
            if !self.waiting.is_empty() {
                let at = after(lp.state().now(), options.attempt_delay);
                self.stagger = Some(Box::pin(lp.timer(at)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate_from_the_resolvers_first_choice() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mixed = interleave(vec![
            address("[::1]:1"),
            address("[::2]:1"),
            address("[::3]:1"),
            address("127.0.0.1:1"),
        ]);
        assert_eq!(
            mixed,
            [
                address("[::1]:1"),
                address("127.0.0.1:1"),
                address("[::2]:1"),
                address("[::3]:1"),
            ]
        );
    }
}
