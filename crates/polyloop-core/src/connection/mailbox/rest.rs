//! The part of a mailbox that most connections never have.

use std::net::SocketAddr;

use super::Message;
use crate::deferred::Resolver;
use crate::protocol::CloseReason;
use crate::transport::WriteLimits;

/// A longer list of messages is freed once they are read: a connection that waits
/// holds next to nothing.
pub(super) const KEPT: usize = 4;

/// Made when the first of these is needed, and kept.
pub(super) struct Rest<P> {
    pub(super) messages: Vec<Message<P>>,
    /// Bytes in `messages`, and in those that the driver has taken and not yet written:
    /// whoever asks meanwhile must not be told that there is room.
    pub(super) queued: usize,
    /// The latter alone.
    pub(super) taken: usize,
    pub(super) high: usize,
    pub(super) waiters: Vec<Waiter>,
    /// How it ended, if not cleanly.
    pub(super) lost: Option<CloseReason>,
    /// If it is an IPv6 peer.
    pub(super) peer: Option<SocketAddr>,
    /// Asked of the system when somebody first wants it, and at the latest before
    /// the socket goes.
    pub(super) local: Option<SocketAddr>,
}

/// Somebody outside who waits. One list for both kinds: most connections have neither.
pub(super) enum Waiter {
    /// For room in the write buffer.
    Ready(Resolver<()>),
    /// For the end.
    Closed(Resolver<CloseReason>),
}

impl Waiter {
    fn has_gone(&self) -> bool {
        match self {
            Self::Ready(resolver) => resolver.is_abandoned(),
            Self::Closed(resolver) => resolver.is_abandoned(),
        }
    }
}

impl<P> Default for Rest<P> {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            queued: 0,
            taken: 0,
            high: WriteLimits::default().high(),
            waiters: Vec::new(),
            lost: None,
            peer: None,
            local: None,
        }
    }
}

impl<P> Rest<P> {
    /// Those who wait for room, who are to be told once the lock is gone.
    pub(super) fn take_ready(&mut self) -> Vec<Resolver<()>> {
        let waits = |waiter: &Waiter| matches!(waiter, Waiter::Ready(_));
        // Most often nobody does, and then nothing is moved.
        if !self.waiters.iter().any(waits) {
            return Vec::new();
        }
        let (ready, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(waits);
        self.waiters = others;
        ready
            .into_iter()
            .filter_map(|waiter| match waiter {
                Waiter::Ready(resolver) => Some(resolver),
                Waiter::Closed(_) => None,
            })
            .collect()
    }

    pub(super) fn wait(&mut self, waiter: Waiter) {
        // Those who stopped waiting must not pile up.
        self.waiters.retain(|waiter| !waiter.has_gone());
        self.waiters.push(waiter);
    }

    pub(super) fn is_over_high(&self) -> bool {
        self.queued > self.high
    }
}
