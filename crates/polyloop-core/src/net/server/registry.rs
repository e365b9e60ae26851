//! What a server, its acceptor and its connections share.

use std::task::Waker;

use slab::Slab;

use super::member::Member;
use crate::promise::crowd::{Crowd, tell};
use crate::promise::deferred::{Deferred, Resolver};
use crate::protocol::CloseReason;
use crate::protocol::address::Address;
use crate::protocol::connection::Mailbox;
use crate::protocol::peer::Peer;
use crate::protocol::transport::WriteLimits;
use crate::sync::primitive::atomic::{AtomicBool, Ordering};
use crate::sync::primitive::{Arc, Mutex, lock};

pub(crate) struct Registry {
    limits: WriteLimits,
    /// Where its connections are accepted, if that is one address.
    local: Option<Address>,
    /// The list was asked for once. From then on every connection in it has a mailbox,
    /// and looks for it here.
    asked: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    members: Slab<Member>,
    phase: Phase,
    /// Somebody is in `serve_forever`.
    served: bool,
    acceptor: Option<Waker>,
    closed: Crowd<Resolver<()>>,
    drained: Crowd<Resolver<()>>,
}

/// A place in the list of what is no connection yet, and has a socket. Given up when this
/// is dropped.
pub(super) struct Place {
    registry: Arc<Registry>,
    key: usize,
}

impl Place {
    pub(super) fn take(registry: &Arc<Registry>) -> Self {
        Self {
            key: lock(&registry.inner).members.insert(Member::Lost),
            registry: registry.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.leave(self.key);
    }
}

/// How far a server has come; it never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Nothing is accepted until it is started.
    Waiting,
    Accepting,
    Closing,
    /// The listening sockets have gone.
    Released,
}

impl Registry {
    pub(super) fn new(waiting: bool, limits: WriteLimits, listening: &[Address]) -> Arc<Self> {
        let local = match listening {
            [one] if !one.ip().is_some_and(|ip| ip.is_unspecified()) => Some(one.clone()),
            _ => None,
        };
        Arc::new(Self {
            limits,
            local,
            asked: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                members: Slab::new(),
                phase: if waiting {
                    Phase::Waiting
                } else {
                    Phase::Accepting
                },
                served: false,
                acceptor: None,
                closed: Crowd::default(),
                drained: Crowd::default(),
            }),
        })
    }

    pub(super) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.phase = inner.phase.max(Phase::Closing);
        let acceptor = inner.acceptor.take();
        drop(inner);
        if let Some(acceptor) = acceptor {
            acceptor.wake();
        }
    }

    pub(super) fn start(&self) {
        let mut inner = lock(&self.inner);
        inner.phase = inner.phase.max(Phase::Accepting);
        let acceptor = inner.acceptor.clone();
        drop(inner);
        if let Some(acceptor) = acceptor {
            acceptor.wake();
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        lock(&self.inner).phase == Phase::Waiting
    }

    pub(super) fn is_closing(&self) -> bool {
        lock(&self.inner).phase >= Phase::Closing
    }

    /// Notes whom a close or a start wakes. False if it is closing already.
    pub(super) fn wait_for_close(&self, waker: &Waker) -> bool {
        let mut inner = lock(&self.inner);
        if inner.phase >= Phase::Closing {
            return false;
        }
        let old = match &mut inner.acceptor {
            Some(known) if known.will_wake(waker) => None,
            acceptor => acceptor.replace(waker.clone()),
        };
        drop(inner);
        drop(old);
        true
    }

    /// False if somebody serves already.
    pub(super) fn begin_serving(&self) -> bool {
        !std::mem::replace(&mut lock(&self.inner).served, true)
    }

    pub(super) fn end_serving(&self) {
        lock(&self.inner).served = false;
    }

    /// The listening sockets have gone.
    pub(super) fn released(&self) {
        let mut inner = lock(&self.inner);
        inner.phase = Phase::Released;
        let acceptor = inner.acceptor.take();
        let closed = inner.closed.leave();
        let drained = inner.take_drained();
        drop(inner);
        drop(acceptor);
        tell(closed);
        tell(drained);
    }

    /// `None` if they have gone already.
    pub(super) fn until_closed(&self) -> Option<Deferred<()>> {
        let mut inner = lock(&self.inner);
        let waits = inner.phase < Phase::Released;
        let (promise, left) = waits.then(|| inner.closed.wait())?;
        drop(inner);
        drop(left);
        Some(promise)
    }

    /// `None` if nothing is left already.
    pub(super) fn until_drained(&self) -> Option<Deferred<()>> {
        let mut inner = lock(&self.inner);
        let waits = !inner.is_drained();
        let (promise, left) = waits.then(|| inner.drained.wait())?;
        drop(inner);
        drop(left);
        Some(promise)
    }

    /// The watermarks that its connections begin with.
    pub(super) fn limits(&self) -> WriteLimits {
        self.limits
    }

    /// Whether a connection that says it is at `local` is where all of them are, or will be
    /// asked for it in any case.
    pub(super) fn listens_at(&self, local: &Address) -> bool {
        self.local.as_ref().is_none_or(|own| own == local)
    }

    /// A mailbox for a connection with `peer`.
    pub(super) fn new_mailbox(&self, peer: Peer) -> Mailbox {
        let mailbox = Mailbox::new(peer, self.limits);
        if let Some(local) = &self.local {
            mailbox.set_local(local.clone());
        }
        mailbox
    }

    /// Takes a new connection into the list, unless the server is closed: whoever has closed
    /// it finds all of its connections there. `local`: this end's address, where it is not the
    /// one listened on.
    pub(super) fn enter(&self, peer: Peer, local: Option<Address>) -> Option<usize> {
        let mut member = match local {
            Some(local) => {
                let mailbox = Mailbox::new(peer, self.limits);
                mailbox.set_local(local);
                Member::Asked(Arc::new(mailbox))
            }
            None => Member::new(peer, |peer| self.new_mailbox(peer)),
        };
        let mut inner = lock(&self.inner);
        if inner.phase >= Phase::Closing {
            drop(inner);
            return None;
        }
        if self.has_been_asked() {
            member.mailbox(|peer| self.new_mailbox(peer));
        }
        Some(inner.members.insert(member))
    }

    /// Looks at a connection in the list.
    pub(super) fn with<R>(&self, key: usize, look: impl FnOnce(&mut Member) -> R) -> R {
        look(&mut lock(&self.inner).members[key])
    }

    /// The connection is lost: whoever reaches it is told. It counts until its socket has
    /// gone (TRAN-36).
    pub(super) fn lose(&self, key: usize, reason: &CloseReason) {
        let member = self.with(key, |member| std::mem::replace(member, Member::Lost));
        if let Some(mailbox) = member.known_mailbox() {
            mailbox.lose(reason);
        }
    }

    /// Its socket has gone, too: it leaves the list. One that never came to have a protocol is
    /// lost to whoever has found it there.
    pub(super) fn leave(&self, key: usize) {
        let mut inner = lock(&self.inner);
        let member = inner.members.try_remove(key);
        let drained = inner.take_drained();
        drop(inner);
        if let Some(mailbox) = member.as_ref().and_then(Member::known_mailbox) {
            mailbox.lose(&CloseReason::Aborted);
        }
        drop(member);
        tell(drained);
    }

    pub(super) fn has_been_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(super) fn connections(&self) -> Vec<Arc<Mailbox>> {
        let mut inner = lock(&self.inner);
        self.asked.store(true, Ordering::Release);
        let members = inner.members.iter_mut();
        members
            .filter_map(|(_, member)| member.mailbox(|peer| self.new_mailbox(peer)))
            .collect()
    }

    pub(super) fn connection_count(&self) -> usize {
        lock(&self.inner).members.len()
    }
}

impl Inner {
    fn is_drained(&self) -> bool {
        self.phase == Phase::Released && self.members.is_empty()
    }

    /// Those to be told that nothing is left, if nothing is.
    fn take_drained(&mut self) -> Vec<Resolver<()>> {
        if self.is_drained() {
            self.drained.leave()
        } else {
            Vec::new()
        }
    }
}
