//! What a layer is at with new connections: each in a task of its own, so that a slow peer
//! keeps nobody waiting and several threads can do the work.

use std::any::type_name;
use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;

use super::incoming::report_failed;
use super::registry::{Place, Registry};
use crate::event_loop::task::{self, Task};
use crate::net::Loop;
use crate::net::layer::{self, Layer};
use crate::promise::Promise as _;
use crate::promise::discard::{discard, wake};
use crate::protocol::peer::Peer;
use crate::sync::primitive::{Arc, Mutex, lock};

/// Those under way, and those that are done. Dropping it ends them.
pub(super) struct Handshakes<L: Loop, S> {
    limit: Option<Duration>,
    shared: Arc<Mutex<Shared<L, S>>>,
    registry: Option<Arc<Registry>>,
}

struct Shared<L: Loop, S> {
    /// A task's handle comes a moment after its place, and the task may be quicker.
    under_way: Slab<Option<Task<L, ()>>>,
    done: VecDeque<(S, Peer)>,
    /// Who waits for those that are done.
    waiting: Option<Waker>,
    closed: bool,
}

impl<L: Loop, S: Send + 'static> Handshakes<L, S> {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        let shared = Shared {
            under_way: Slab::new(),
            done: VecDeque::new(),
            waiting: None,
            closed: false,
        };
        Self {
            limit,
            shared: Arc::new(Mutex::new(shared)),
            registry: None,
        }
    }

    pub(super) fn count_in(&mut self, registry: &Arc<Registry>) {
        self.registry = Some(registry.clone());
    }

    /// One that is done, if there is one; if not, whom to wake when there is.
    pub(super) fn take(&self, waker: &Waker) -> Option<(S, Peer)> {
        let mut shared = lock(&self.shared);
        let done = shared.done.pop_front();
        let replaced = match &shared.waiting {
            Some(known) if known.will_wake(waker) => None,
            _ if done.is_some() => None,
            _ => shared.waiting.replace(waker.clone()),
        };
        drop(shared);
        discard(replaced);
        done
    }

    /// Has the layer wrap a connection.
    pub(super) fn begin<Y>(&self, lp: &L, layer: &Arc<Y>, stream: L::TcpStream, peer: Peer)
    where
        Y: Layer<L::TcpStream, Stream = S>,
    {
        let place = self.registry.as_ref().map(Place::take);
        let key = lock(&self.shared).under_way.insert(None);
        let (limit, shared) = (self.limit, self.shared.clone());
        let (own, layer) = (lp.clone(), layer.clone());
        let task = task::spawn(lp, async move {
            let ended = Ended { shared, key };
            match layer::wrap(&own, &*layer, stream, peer, None, limit).await {
                Ok(wrapped) => ended.done(wrapped),
                Err(failure) => report_failed(&own, type_name::<Y>(), &failure),
            }
            drop(place);
        });
        task.ignore_failure();
        let mut shared = lock(&self.shared);
        if let Some(under_way) = shared.under_way.get_mut(key) {
            *under_way = Some(task);
        }
    }
}

impl<L: Loop, S> Handshakes<L, S> {
    /// Ends those under way, and drops those that are done.
    pub(super) fn close(&self) {
        let mut shared = lock(&self.shared);
        shared.closed = true;
        let tasks: Vec<_> = shared.under_way.drain().collect();
        let done = std::mem::take(&mut shared.done);
        let waiting = shared.waiting.take();
        drop(shared);
        for task in tasks.into_iter().flatten() {
            task.cancel("the listener was closed");
        }
        discard((done, waiting));
    }
}

impl<L: Loop, S> Drop for Handshakes<L, S> {
    fn drop(&mut self) {
        self.close();
    }
}

/// Leaves the list of those under way, however it ends.
struct Ended<L: Loop, S> {
    shared: Arc<Mutex<Shared<L, S>>>,
    key: usize,
}

impl<L: Loop, S> Ended<L, S> {
    fn done(self, wrapped: (S, Peer)) {
        let mut shared = lock(&self.shared);
        let refused = if shared.closed {
            Some(wrapped)
        } else {
            shared.done.push_back(wrapped);
            None
        };
        let waiting = shared.waiting.take();
        drop(shared);
        discard(refused);
        if let Some(waiting) = waiting {
            wake(waiting);
        }
    }
}

impl<L: Loop, S> Drop for Ended<L, S> {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        let own = if shared.closed {
            None
        } else {
            shared.under_way.try_remove(self.key)
        };
        drop(shared);
        drop(own);
    }
}
