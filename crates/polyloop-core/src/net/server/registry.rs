//! What a server, its acceptor and its connections share.

use std::sync::{Arc, Mutex};
use std::task::Waker;

use slab::Slab;

use crate::backend::Backend;
use crate::connection::driver::Origin;
use crate::connection::{Connection, Mailbox};
use crate::deferred::{Deferred, Resolver};
use crate::lock::lock;
use crate::protocol::Protocol;
use crate::transport::WriteLimits;

pub(crate) struct Registry<P: Protocol> {
    inner: Mutex<Inner<P>>,
}

struct Inner<P: Protocol> {
    members: Slab<Arc<Mailbox<P>>>,
    phase: Phase,
    /// Somebody is in `serve_forever`.
    served: bool,
    acceptor: Option<Waker>,
    closed: Vec<Resolver<()>>,
    drained: Vec<Resolver<()>>,
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

impl<P: Protocol> Registry<P> {
    pub(super) fn new(waiting: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                members: Slab::new(),
                phase: if waiting {
                    Phase::Waiting
                } else {
                    Phase::Accepting
                },
                served: false,
                acceptor: None,
                closed: Vec::new(),
                drained: Vec::new(),
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
        let closed = std::mem::take(&mut inner.closed);
        let drained = inner.take_drained();
        drop(inner);
        drop(acceptor);
        settle(closed);
        settle(drained);
    }

    /// `None` if they have gone already.
    pub(super) fn until_closed(&self) -> Option<Deferred<()>> {
        let mut inner = lock(&self.inner);
        (inner.phase < Phase::Released).then(|| wait_in(&mut inner.closed))
    }

    /// `None` if nothing is left already.
    pub(super) fn until_drained(&self) -> Option<Deferred<()>> {
        let mut inner = lock(&self.inner);
        (!inner.is_drained()).then(|| wait_in(&mut inner.drained))
    }

    pub(super) fn connections(&self) -> Vec<Connection<P>> {
        lock(&self.inner)
            .members
            .iter()
            .map(|(_, mailbox)| Connection::new(mailbox.clone()))
            .collect()
    }

    pub(super) fn connection_count(&self) -> usize {
        lock(&self.inner).members.len()
    }
}

impl<P: Protocol> Inner<P> {
    fn is_drained(&self) -> bool {
        self.phase == Phase::Released && self.members.is_empty()
    }

    /// Those to be told that nothing is left, if nothing is.
    fn take_drained(&mut self) -> Vec<Resolver<()>> {
        if self.is_drained() {
            std::mem::take(&mut self.drained)
        } else {
            Vec::new()
        }
    }
}

fn wait_in(waiters: &mut Vec<Resolver<()>>) -> Deferred<()> {
    // Those who stopped waiting must not pile up.
    waiters.retain(|resolver| !resolver.is_abandoned());
    let (resolver, promise) = Deferred::new();
    waiters.push(resolver);
    promise
}

fn settle(waiters: Vec<Resolver<()>>) {
    for resolver in waiters {
        let _ = resolver.resolve(());
    }
}

/// What the connections of a server have in common.
pub(super) struct Common<P: Protocol, B> {
    pub(super) backend: B,
    pub(super) limits: WriteLimits,
    pub(super) registry: Arc<Registry<P>>,
}

/// A connection's place in its server's list.
pub(super) struct Membership<P: Protocol, B> {
    common: Arc<Common<P, B>>,
    key: usize,
}

impl<P: Protocol, B> Membership<P, B> {
    pub(super) fn new(common: &Arc<Common<P, B>>, mailbox: Arc<Mailbox<P>>) -> Self {
        Self {
            key: lock(&common.registry.inner).members.insert(mailbox),
            common: common.clone(),
        }
    }
}

impl<P: Protocol, B: Backend> Origin for Membership<P, B> {
    type Backend = B;
    const LISTED: usize = 1;

    fn backend(&self) -> &B {
        &self.common.backend
    }

    fn limits(&self) -> WriteLimits {
        self.common.limits
    }

    fn take_made(&mut self) -> Option<Resolver<()>> {
        None
    }

    fn leave(&mut self) {
        let mut inner = lock(&self.common.registry.inner);
        let mailbox = inner.members.try_remove(self.key);
        let drained = inner.take_drained();
        drop(inner);
        drop(mailbox);
        settle(drained);
    }
}
