//! Who is there, and who has subscribed to what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use polyloop_core::sync::channel;
use polyloop_core::{Bytes, Connection, TransportHandle};

use super::session::BrokerSession;

/// What others need of a session to send it something.
#[derive(Debug)]
pub(super) struct Outside {
    inbox: channel::Sender<Bytes>,
    /// Messages that found the inbox full.
    lost: AtomicU64,
    handle: TransportHandle,
}

impl Outside {
    pub(super) fn new(inbox: channel::Sender<Bytes>, handle: TransportHandle) -> Arc<Self> {
        Arc::new(Self {
            inbox,
            lost: AtomicU64::new(0),
            handle,
        })
    }

    /// Puts a message where the session finds it. Nobody waits and nothing is allocated.
    fn send(&self, message: &Bytes) {
        if self.inbox.try_send(message.clone()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.handle.wake();
    }

    /// How many were lost since this was last asked.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

/// The directory, which is read with every message and changed seldom. It holds no message
/// and no state of a session.
#[derive(Debug, Default)]
pub(super) struct Topics {
    directory: RwLock<Directory>,
}

#[derive(Debug, Default)]
struct Directory {
    /// The sessions by name, with a number that tells a name's next from its last.
    sessions: HashMap<Box<str>, (u64, Connection<BrokerSession>)>,
    subscribers: HashMap<Box<str>, Vec<Arc<Outside>>>,
    next: u64,
}

impl Topics {
    /// Enters a session under its name. Gives back its number, and the session that it
    /// takes over from.
    pub(super) fn enter(
        &self,
        name: &str,
        address: Connection<BrokerSession>,
    ) -> (u64, Option<Connection<BrokerSession>>) {
        let mut directory = self.write();
        let number = directory.next;
        directory.next += 1;
        let old = directory.sessions.insert(name.into(), (number, address));
        (number, old.map(|(_, address)| address))
    }

    /// The session has gone, unless another has its name by now.
    pub(super) fn leave(&self, name: &str, number: u64) {
        let mut directory = self.write();
        if directory
            .sessions
            .get(name)
            .is_some_and(|(known, _)| *known == number)
        {
            directory.sessions.remove(name);
        }
    }

    pub(super) fn subscribe(&self, topic: &str, subscriber: &Arc<Outside>) {
        let mut directory = self.write();
        let subscribers = directory.subscribers.entry(topic.into()).or_default();
        if !subscribers
            .iter()
            .any(|known| Arc::ptr_eq(known, subscriber))
        {
            subscribers.push(subscriber.clone());
        }
    }

    pub(super) fn unsubscribe(&self, topic: &str, subscriber: &Arc<Outside>) {
        let mut directory = self.write();
        if let Some(subscribers) = directory.subscribers.get_mut(topic) {
            subscribers.retain(|known| !Arc::ptr_eq(known, subscriber));
            if subscribers.is_empty() {
                directory.subscribers.remove(topic);
            }
        }
    }

    /// Sends the line to whoever has subscribed.
    pub(super) fn publish(&self, topic: &str, line: &Bytes) {
        let directory = self
            .directory
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for subscriber in directory.subscribers.get(topic).into_iter().flatten() {
            subscriber.send(line);
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Directory> {
        self.directory
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
