//! What a server knows of one of its connections, and a connection of its server.

use std::net::{SocketAddr, SocketAddrV4};
use std::task::Waker;

use super::registry::Registry;
use crate::event_loop::backend::Backend;
use crate::promise::deferred::Resolver;
use crate::protocol::connection::Mailbox;
use crate::protocol::connection::driver::Origin;
use crate::protocol::transport::WriteLimits;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::Arc;

/// An entry in the server's list. Most connections are never reached from outside, so
/// the mailbox for that is made when somebody first asks for it.
pub(super) enum Member<P> {
    Unasked {
        /// `None` until the connection's task runs.
        driver: Option<Waker>,
        /// An IPv6 peer, whose address is longer, is in a mailbox from the start.
        peer: SocketAddrV4,
        closing: bool,
    },
    Asked(Arc<Mailbox<P>>),
}

impl<P: Protocol> Member<P> {
    pub(super) fn new(peer: SocketAddr, limits: WriteLimits) -> Self {
        match peer {
            SocketAddr::V4(peer) => Self::Unasked {
                driver: None,
                peer,
                closing: false,
            },
            SocketAddr::V6(_) => Self::Asked(Arc::new(Mailbox::new(peer, limits))),
        }
    }

    /// Its mailbox, if it has been made.
    pub(super) fn known_mailbox(&self) -> Option<&Arc<Mailbox<P>>> {
        match self {
            Self::Unasked { .. } => None,
            Self::Asked(mailbox) => Some(mailbox),
        }
    }

    /// Its mailbox, made if it isn't there.
    pub(super) fn mailbox(&mut self, limits: WriteLimits) -> Arc<Mailbox<P>> {
        let mailbox = match self {
            Self::Asked(mailbox) => return mailbox.clone(),
            Self::Unasked {
                driver,
                peer,
                closing,
            } => {
                let mailbox = Mailbox::new((*peer).into(), limits);
                if *closing {
                    mailbox.set_closing();
                }
                if let Some(driver) = driver {
                    mailbox.set_driver(driver);
                }
                Arc::new(mailbox)
            }
        };
        *self = Self::Asked(mailbox.clone());
        mailbox
    }

    /// Gives back a waker that no longer counts.
    fn attend(&mut self, waker: &Waker) -> Option<Waker> {
        match self {
            Self::Unasked { driver, .. } => driver.replace(waker.clone()),
            Self::Asked(mailbox) => {
                mailbox.set_driver(waker);
                None
            }
        }
    }

    fn set_closing(&mut self) {
        match self {
            Self::Unasked { closing, .. } => *closing = true,
            Self::Asked(mailbox) => mailbox.set_closing(),
        }
    }

    fn peer(&self) -> SocketAddr {
        match self {
            Self::Unasked { peer, .. } => (*peer).into(),
            Self::Asked(mailbox) => mailbox.peer(),
        }
    }
}

/// What the connections of a server have in common.
pub(super) struct Common<P: Protocol, B> {
    pub(super) backend: B,
    pub(super) registry: Arc<Registry<P>>,
}

/// A connection's place in its server's list.
pub(super) struct Membership<P: Protocol, B> {
    common: Arc<Common<P, B>>,
    key: usize,
}

impl<P: Protocol, B> Membership<P, B> {
    pub(super) fn new(common: &Arc<Common<P, B>>, peer: SocketAddr) -> Self {
        Self {
            key: common.registry.enter(peer),
            common: common.clone(),
        }
    }
}

impl<P: Protocol, B: Backend> Origin<P> for Membership<P, B> {
    type Backend = B;

    fn backend(&self) -> &B {
        &self.common.backend
    }

    fn limits(&self) -> WriteLimits {
        self.common.registry.limits()
    }

    fn peer(&self) -> SocketAddr {
        self.common.registry.with(self.key, |member| member.peer())
    }

    fn attend(&self, waker: &Waker) {
        // What it gives back is dropped when the list is no longer locked.
        drop(
            self.common
                .registry
                .with(self.key, |member| member.attend(waker)),
        );
    }

    fn known_mailbox(&self) -> Option<Arc<Mailbox<P>>> {
        // Where nobody ever asked, one number says so.
        if !self.common.registry.has_been_asked() {
            return None;
        }
        self.common
            .registry
            .with(self.key, |member| member.known_mailbox().cloned())
    }

    fn mailbox(&self) -> Arc<Mailbox<P>> {
        self.common
            .registry
            .with(self.key, |member| member.mailbox(self.limits()))
    }

    fn set_closing(&self) {
        self.common.registry.with(self.key, Member::set_closing);
    }

    fn take_made(&mut self) -> Option<Resolver<()>> {
        None
    }

    fn lose(&mut self, reason: &CloseReason) {
        self.common.registry.lose(self.key, reason);
    }
}
