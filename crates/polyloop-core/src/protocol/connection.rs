//! Connections from the outside: the typed [`Connection`] and the untyped
//! [`TransportHandle`].
//!
//! Both post to the connection's mailbox; its own task does the work, between two
//! callbacks. Nothing is locked to read, to write or to call back, and a protocol's
//! state needs no lock. A connection that nobody reaches from outside has no mailbox.

pub(crate) mod driver;
mod io;
mod mailbox;
mod rare;
mod read_buffer;
mod write_buffer;

use std::net::SocketAddr;

use bytes::Bytes;
use thiserror::Error;

pub(crate) use mailbox::Mailbox;
use mailbox::{Message, Post};

use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::{Failure, catch};
use crate::protocol::transport::{Flow, Transport, WriteError};
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::Arc;

/// A connection, and the protocol that drives it.
///
/// Dropping it leaves the connection open; [`close`](Self::close) or
/// [`abort`](Self::abort) end it. Clones are the same connection.
///
/// ```no_run
/// # use polyloop_core::*;
/// struct Client { received: Vec<u8> }
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
/// #         self.received.extend_from_slice(data); Ok(())
/// #     }
/// # }
/// # async fn demo<L: Loop>(lp: &L) -> Result<(), Failure> {
/// let connection = lp.connect("127.0.0.1:7", || Client { received: Vec::new() }).await?;
/// // The closure runs on the connection's own task.
/// let so_far = connection.call(|client, transport| {
///     transport.write(b"hello").map(|_| client.received.len())
/// }).await??;
/// connection.close();
/// println!("{so_far} bytes, {}", connection.closed().await);
/// # Ok(()) }
/// ```
pub struct Connection<P: Protocol> {
    mailbox: Arc<Mailbox<P>>,
}

impl<P: Protocol> Connection<P> {
    pub(crate) fn new(mailbox: Arc<Mailbox<P>>) -> Self {
        Self { mailbox }
    }

    /// Runs `f` on the connection's own task and promises its result.
    ///
    /// Calls run in the order they were made, between two callbacks. Once the
    /// connection is lost the promise fails with [`ConnectionLost`]. A panic in `f`
    /// fails the promise and, since the protocol's state can't be trusted any more,
    /// ends the connection. Cancelling the promise does not stop the call.
    pub fn call<F, R>(&self, f: F) -> Deferred<R>
    where
        F: FnOnce(&mut P, &mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (resolver, promise) = Deferred::new();
        self.mailbox.post(Message::Protocol(Box::new(move |target| {
            if let Some((protocol, transport)) = target {
                run(resolver, || f(protocol, transport))
            } else {
                lost(resolver);
                Ok(())
            }
        })));
        promise
    }

    /// Runs `f` on the connection's own task, with nobody to wait for it. An error or a
    /// panic in it ends the connection, as in any callback; a connection that is lost
    /// drops it.
    pub fn post<F>(&self, f: F)
    where
        F: FnOnce(&mut P, &mut dyn Transport) -> Result<(), Failure> + Send + 'static,
    {
        self.mailbox
            .post(Message::Protocol(Box::new(move |target| match target {
                Some((protocol, transport)) => f(protocol, transport),
                None => Ok(()),
            })));
    }

    /// An untyped handle to the same connection.
    pub fn handle(&self) -> TransportHandle {
        TransportHandle {
            mailbox: self.mailbox.clone(),
        }
    }

    /// See [`TransportHandle::write`].
    pub fn write(&self, data: impl Into<Bytes>) -> Result<Flow, WriteError> {
        self.mailbox.write(data.into())
    }

    /// See [`TransportHandle::ready`].
    pub fn ready(&self) -> Deferred<()> {
        self.mailbox.ready()
    }

    /// See [`TransportHandle::close`].
    pub fn close(&self) {
        self.mailbox.post(Message::Close);
    }

    /// See [`TransportHandle::abort`].
    pub fn abort(&self) {
        self.mailbox.post(Message::Abort);
    }

    /// See [`TransportHandle::closed`].
    pub async fn closed(&self) -> CloseReason {
        self.handle().closed().await
    }

    /// Whether the connection has been lost.
    pub fn is_lost(&self) -> bool {
        self.mailbox.is_lost()
    }

    /// This end's address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.mailbox.local_addr()
    }

    /// The other end's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.mailbox.peer_addr()
    }
}

/// A connection, whatever its protocol: what a protocol keeps of its peers' or its
/// own transport for use outside of its callbacks. Usable from any thread.
pub struct TransportHandle {
    mailbox: Arc<dyn Post>,
}

impl TransportHandle {
    /// Sends `data`, after everything sent before. [`Flow::Pause`] says that the
    /// connection has more waiting than its high mark; then a considerate writer
    /// waits for [`ready`](Self::ready).
    pub fn write(&self, data: impl Into<Bytes>) -> Result<Flow, WriteError> {
        self.mailbox.write(data.into())
    }

    /// Settles when writing may go on; fails once the connection is lost
    /// (PROD-08). asyncio calls it `drain`.
    pub fn ready(&self) -> Deferred<()> {
        self.mailbox.ready()
    }

    /// Runs `f` with the transport on the connection's own task. See
    /// [`Connection::call`].
    pub fn call<F, R>(&self, f: F) -> Deferred<R>
    where
        F: FnOnce(&mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (resolver, promise) = Deferred::new();
        self.mailbox.post_transport_call(Box::new(move |target| {
            if let Some(transport) = target {
                run(resolver, || f(transport))
            } else {
                lost(resolver);
                Ok(())
            }
        }));
        promise
    }

    /// Runs `f` with the transport on the connection's own task, with nobody to wait for
    /// it. See [`Connection::post`].
    pub fn post<F>(&self, f: F)
    where
        F: FnOnce(&mut dyn Transport) -> Result<(), Failure> + Send + 'static,
    {
        self.mailbox
            .post_transport_call(Box::new(move |target| match target {
                Some(transport) => f(transport),
                None => Ok(()),
            }));
    }

    /// Ends the connection once everything written so far is sent.
    pub fn close(&self) {
        self.mailbox.post_close();
    }

    /// Ends the connection now; the peer sees a reset.
    pub fn abort(&self) {
        self.mailbox.post_abort();
    }

    /// Waits until the connection is lost, and says how it ended. Cancel safe.
    pub async fn closed(&self) -> CloseReason {
        match self.mailbox.closed().await {
            Ok(reason) => reason,
            Err(failure) => CloseReason::Error(failure),
        }
    }

    /// Whether the connection has been lost.
    pub fn is_lost(&self) -> bool {
        self.mailbox.is_lost()
    }

    /// This end's address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.mailbox.local_addr()
    }

    /// The other end's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.mailbox.peer_addr()
    }
}

/// A call came too late: its connection was lost.
#[derive(Clone, Debug, Error)]
#[error("the connection was lost before the call was made")]
#[non_exhaustive]
pub struct ConnectionLost;

/// Settles the promise; what a panic left behind is for the driver to judge.
fn run<R: Send>(resolver: Resolver<R>, f: impl FnOnce() -> R) -> Result<(), Failure> {
    match catch(|| Ok(f())) {
        Ok(value) => {
            // Nobody may be waiting for it.
            let _ = resolver.resolve(value);
            Ok(())
        }
        Err(failure) => {
            let _ = resolver.reject(failure.clone());
            Err(failure)
        }
    }
}

fn lost<R: Send>(resolver: Resolver<R>) {
    let _ = resolver.reject(Failure::new(ConnectionLost));
}

impl<P: Protocol> Clone for Connection<P> {
    fn clone(&self) -> Self {
        Self {
            mailbox: self.mailbox.clone(),
        }
    }
}

impl Clone for TransportHandle {
    fn clone(&self) -> Self {
        Self {
            mailbox: self.mailbox.clone(),
        }
    }
}

impl<P: Protocol> std::fmt::Debug for Connection<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer_addr())
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TransportHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransportHandle")
            .field("peer", &self.peer_addr())
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}
