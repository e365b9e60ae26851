//! [`TransportHandle`]: a connection from the outside, whatever its protocol.

use std::time::Duration;

use bytes::Bytes;

use super::mailbox::{Mailbox, Message};
use super::{ConnectionLost, refuse, run};
use crate::promise::deferred::Deferred;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::protocol::CloseReason;
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::protocol::transport::{Flow, Transport, WriteError};
use crate::sync::primitive::Arc;

/// A connection, whatever its protocol: what a protocol keeps of its peers' or its
/// own transport for use outside of its callbacks. Usable from any thread.
pub struct TransportHandle {
    pub(super) mailbox: Arc<Mailbox>,
}

impl TransportHandle {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// Sends `data`, after everything sent before through handles and in callbacks that
    /// have returned (TRAN-37). From some 64 KiB on it is not copied, and is let go of when
    /// the system has taken all of it.
    ///
    /// [`Flow::Pause`] says that the connection has more waiting than its high mark, the
    /// mail on its way there included; then a considerate writer waits for
    /// [`ready`](Self::ready), which always comes. The protocol's
    /// [`pause_writing`](crate::Protocol::pause_writing) and
    /// [`resume_writing`](crate::Protocol::resume_writing) go by the write buffer alone: what a
    /// handle was told need not lead to them (TRAN-38).
    pub fn write(&self, data: impl Into<Bytes>) -> Result<Flow, WriteError> {
        self.mailbox.write(data.into())
    }

    /// Settles when writing may go on; fails once the connection is lost
    /// (PROD-08). asyncio calls it `drain`.
    pub fn ready(&self) -> Deferred<()> {
        self.mailbox.ready()
    }

    /// Runs `f` with the transport on the connection's own task. See
    /// [`Connection::call`](super::Connection::call).
    pub fn call<F, R>(&self, f: F) -> Deferred<R>
    where
        F: FnOnce(&mut dyn Transport) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (resolver, promise) = Deferred::new();
        self.mailbox
            .post(Message::Call(Guarded::new(Box::new(move |target| {
                let Some((_, transport)) = target else {
                    refuse(resolver, ConnectionLost);
                    return Ok(());
                };
                run(resolver, || f(transport))
            }))));
        promise
    }

    /// Runs `f` with the transport on the connection's own task, with nobody to wait for
    /// it. See [`Connection::post`](super::Connection::post).
    pub fn post<F>(&self, f: F)
    where
        F: FnOnce(&mut dyn Transport) -> Result<(), Failure> + Send + 'static,
    {
        self.mailbox.post(Message::Call(Guarded::new(Box::new(
            move |target| match target {
                Some((_, transport)) => f(transport),
                None => Ok(()),
            },
        ))));
    }

    /// Has the protocol's [`woken`](crate::Protocol::woken) called soon, on the connection's own
    /// task: once for all wakes until then. It allocates nothing, so any number of sessions
    /// may tell each other that there is something to look at (PROTO-14).
    pub fn wake(&self) {
        self.mailbox.wake();
    }

    /// Ends the connection once everything written so far has reached the peer. See
    /// [`Transport::close`].
    pub fn close(&self) {
        self.mailbox.post(Message::Close(None));
    }

    /// The same, and cuts what has not got there within `limit`. See
    /// [`Transport::close_within`].
    pub fn close_within(&self, limit: Duration) {
        self.mailbox.post(Message::Close(Some(limit)));
    }

    /// Sends what was written, then ends the connection with `reason`. See
    /// [`Transport::fail`].
    pub fn fail(&self, reason: impl Into<Failure>) {
        self.mailbox.post(Message::Fail(reason.into()));
    }

    /// Ends the connection now; the peer sees a reset.
    pub fn abort(&self) {
        self.mailbox.post(Message::Abort);
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
    pub fn local_addr(&self) -> Option<Address> {
        self.mailbox.known_local()
    }

    /// The other end's address.
    pub fn peer_addr(&self) -> Address {
        self.mailbox.peer_addr()
    }

    /// The other end. See [`Transport::peer`].
    pub fn peer(&self) -> Peer {
        self.mailbox.peer()
    }
}

impl Clone for TransportHandle {
    fn clone(&self) -> Self {
        Self {
            mailbox: self.mailbox.clone(),
        }
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
