//! [`DatagramEndpoint`]: a protocol over datagrams from the outside.

use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;

use super::DatagramTransport;
use super::mailbox::{Closure, Mailbox};
use crate::net::udp::SendError;
use crate::promise::deferred::Deferred;
use crate::promise::discard::{Guarded, discard};
use crate::promise::failure::{Failure, catch};
use crate::sync::primitive::Arc;

/// A socket for datagrams, and the protocol that speaks over it: what
/// [`Udp::drive_datagrams`](crate::Udp::drive_datagrams) gives. It works from any thread.
///
/// Dropping it leaves the endpoint open; [`close`](Self::close) ends it. Clones are the same
/// endpoint.
pub struct DatagramEndpoint<P> {
    mailbox: Arc<Mailbox<P>>,
}

/// A call came too late: its endpoint had stopped.
#[derive(Clone, Debug, Error)]
#[error("the endpoint had stopped before the call was made")]
#[non_exhaustive]
pub struct EndpointStopped;

impl<P: Send + 'static> DatagramEndpoint<P> {
    pub(super) fn new(mailbox: Arc<Mailbox<P>>) -> Self {
        Self { mailbox }
    }

    /// Sends a datagram now, from this thread, or not at all: nothing is queued (UDP-07).
    pub fn send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        self.mailbox.outlet()?.send_to(data, to)
    }

    /// The same to the peer of a connected socket.
    pub fn send(&self, data: &[u8]) -> Result<(), SendError> {
        self.mailbox.outlet()?.send(data)
    }

    /// Runs `f` on the endpoint's own task, between two callbacks, and promises its result.
    ///
    /// Once the endpoint has stopped the promise fails with [`EndpointStopped`]. A panic in
    /// `f` fails the promise and nothing else. Cancelling the promise does not stop the call.
    pub fn call<F, R>(&self, f: F) -> Deferred<R>
    where
        F: FnOnce(&mut P, &mut dyn DatagramTransport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (resolver, promise) = Deferred::new();
        let call: Closure<P> = Box::new(move |target| {
            let Some((protocol, transport)) = target else {
                discard(f);
                let _ = resolver.reject(Failure::new(EndpointStopped));
                return;
            };
            match catch(|| Ok(f(protocol, transport))) {
                // Nobody may be waiting for it.
                Ok(value) => discard(resolver.resolve(value)),
                Err(failure) => drop(resolver.reject(failure)),
            }
        });
        if let Some(refused) = self.mailbox.post(Guarded::new(call)) {
            refused.into_inner()(None);
        }
        promise
    }

    /// Ends the endpoint: its protocol is [stopped](super::DatagramProtocol::stopped) at its
    /// next turn, behind the calls that were asked for before.
    pub fn close(&self) {
        self.mailbox.close();
    }

    /// Waits until the protocol was stopped and the socket has gone.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<P> {
        let stopped = self.mailbox.stopped();
        async {
            // It is settled by a stop alone, and whatever became of it, it is over.
            let _ = stopped.await;
        }
    }

    /// Whether it has stopped.
    pub fn has_stopped(&self) -> bool {
        self.mailbox.has_stopped()
    }

    /// This end's address, as it was in the beginning.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.mailbox.local
    }
}

impl<P> Clone for DatagramEndpoint<P> {
    fn clone(&self) -> Self {
        Self {
            mailbox: self.mailbox.clone(),
        }
    }
}

impl<P> fmt::Debug for DatagramEndpoint<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramEndpoint")
            .field("local", &self.mailbox.local)
            .finish_non_exhaustive()
    }
}
