//! What a server knows of one of its connections, and a connection of its server.

use std::net::{SocketAddr, SocketAddrV4};
use std::task::Waker;

use super::registry::Registry;
use crate::event_loop::backend::Backend;
use crate::promise::deferred::Resolver;
use crate::protocol::CloseReason;
use crate::protocol::address::Address;
use crate::protocol::connection::Mailbox;
use crate::protocol::connection::driver::Origin;
use crate::protocol::peer::Peer;
use crate::protocol::transport::WriteLimits;
use crate::sync::primitive::Arc;

/// An entry in the server's list. Most connections are never reached from outside, so
/// the mailbox for that is made when somebody first asks for it.
pub(super) enum Member {
    Unasked {
        /// `None` until the connection's task runs.
        driver: Option<Waker>,
        /// Any other peer, which takes more room, is in a mailbox from the start.
        peer: SocketAddrV4,
        closing: bool,
    },
    Asked(Arc<Mailbox>),
    /// It is lost, and its socket has not gone yet; or it is none yet, and has a socket.
    Lost,
}

impl Member {
    pub(super) fn new(peer: Peer, make: impl FnOnce(Peer) -> Mailbox) -> Self {
        match peer.address() {
            Address::Ip(SocketAddr::V4(address)) if peer.is_plain() => Self::Unasked {
                driver: None,
                peer: *address,
                closing: false,
            },
            _ => Self::Asked(Arc::new(make(peer))),
        }
    }

    /// Its mailbox, if it has been made.
    pub(super) fn known_mailbox(&self) -> Option<&Arc<Mailbox>> {
        match self {
            Self::Asked(mailbox) => Some(mailbox),
            Self::Unasked { .. } | Self::Lost => None,
        }
    }

    /// Its mailbox, made if it isn't there. `None` once the connection is lost.
    pub(super) fn mailbox(&mut self, make: impl FnOnce(Peer) -> Mailbox) -> Option<Arc<Mailbox>> {
        let mailbox = match self {
            Self::Lost => return None,
            Self::Asked(mailbox) => return Some(mailbox.clone()),
            Self::Unasked {
                driver,
                peer,
                closing,
            } => {
                let mailbox = make(of_v4(*peer));
                if *closing {
                    mailbox.set_closing();
                }
                if let Some(driver) = driver {
                    // A new mailbox has none to give back.
                    let _ = mailbox.set_driver(driver);
                }
                Arc::new(mailbox)
            }
        };
        *self = Self::Asked(mailbox.clone());
        Some(mailbox)
    }

    /// Gives back a waker that no longer counts.
    fn attend(&mut self, waker: &Waker) -> Option<Waker> {
        match self {
            Self::Unasked { driver, .. } => driver.replace(waker.clone()),
            Self::Asked(mailbox) => mailbox.set_driver(waker),
            Self::Lost => None,
        }
    }

    fn set_closing(&mut self) {
        match self {
            Self::Unasked { closing, .. } => *closing = true,
            Self::Asked(mailbox) => mailbox.set_closing(),
            Self::Lost => {}
        }
    }

    fn peer(&self) -> Option<Peer> {
        match self {
            Self::Unasked { peer, .. } => Some(of_v4(*peer)),
            Self::Asked(mailbox) => Some(mailbox.peer()),
            Self::Lost => None,
        }
    }
}

fn of_v4(address: SocketAddrV4) -> Peer {
    Peer::new(SocketAddr::V4(address))
}

/// What the connections of a server have in common.
pub(super) struct Common<B> {
    pub(super) backend: B,
    pub(super) registry: Arc<Registry>,
}

/// A connection's place in its server's list, which it leaves when this is dropped: with
/// its socket.
pub(super) struct Membership<B> {
    common: Arc<Common<B>>,
    key: usize,
}

impl<B> Membership<B> {
    /// `None` if the server is closed.
    pub(super) fn new(common: &Arc<Common<B>>, peer: Peer, local: Option<Address>) -> Option<Self> {
        Some(Self {
            key: common.registry.enter(peer, local)?,
            common: common.clone(),
        })
    }
}

impl<B> Drop for Membership<B> {
    fn drop(&mut self) {
        self.common.registry.leave(self.key);
    }
}

/// Nothing is asked of a connection that is lost, so it has all of this until then.
const LIVES: &str = "a connection that is not lost is in its server's list";

impl<B: Backend> Origin for Membership<B> {
    type Backend = B;

    fn backend(&self) -> &B {
        &self.common.backend
    }

    fn limits(&self) -> WriteLimits {
        self.common.registry.limits()
    }

    fn peer(&self) -> Peer {
        let peer = self.common.registry.with(self.key, |member| member.peer());
        peer.expect(LIVES)
    }

    fn attend(&self, waker: &Waker) {
        // What it gives back is dropped when the list is no longer locked.
        drop(
            self.common
                .registry
                .with(self.key, |member| member.attend(waker)),
        );
    }

    fn known_mailbox(&self) -> Option<Arc<Mailbox>> {
        // Where nobody ever asked, one number says so.
        if !self.common.registry.has_been_asked() {
            return None;
        }
        self.common
            .registry
            .with(self.key, |member| member.known_mailbox().cloned())
    }

    fn mailbox(&self) -> Arc<Mailbox> {
        let registry = &self.common.registry;
        let mailbox = registry.with(self.key, |member| {
            member.mailbox(|peer| registry.new_mailbox(peer))
        });
        mailbox.expect(LIVES)
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
