//! [`SignalDesk`]: who of a loop wants to know of which signal.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::fmt;

use slab::Slab;

use super::handler::Handler;
use super::stream::Inbox;
use super::{Caught, SignalError, Signals};
use crate::event_loop::calls::Calls as _;
use crate::event_loop::lifecycle::Rejected;
use crate::event_loop::state::LoopState;
use crate::os::signal::Signal;
use crate::sync::primitive::{Arc, Mutex, Weak, lock};

/// Where a backend [tells](Self::tell) a loop of its signals, and core notes who wants them.
#[derive(Default)]
pub struct SignalDesk {
    entries: Mutex<BTreeMap<Signal, Entry>>,
    /// The first that asked the loop to stop.
    stopped_by: Mutex<Option<Signal>>,
}

/// There is one for each signal that somebody wants.
struct Entry {
    handler: Option<Arc<Handler>>,
    /// By a key of its own, so that many can go.
    inboxes: Slab<Weak<Inbox>>,
    /// How many want the loop to stop at it.
    stops: usize,
    _caught: Caught,
}

impl Entry {
    fn is_unwanted(&self) -> bool {
        self.handler.is_none() && self.stops == 0 && self.inboxes.is_empty()
    }
}

impl SignalDesk {
    /// The signal has come: tells whoever wants it. For backends, on whatever thread.
    pub fn tell(state: &Arc<LoopState>, signal: Signal) {
        let desk: Arc<Self> = state.attached();
        let (handler, inboxes, stops) = {
            let entries = lock(&desk.entries);
            let Some(entry) = entries.get(&signal) else {
                return;
            };
            let inboxes: Vec<_> = (entry.inboxes.iter())
                .filter_map(|(_, inbox)| inbox.upgrade())
                .collect();
            (entry.handler.clone(), inboxes, entry.stops > 0)
        };
        if let Some(handler) = handler {
            handler.ask(state);
        }
        for inbox in inboxes {
            inbox.put(signal);
        }
        if !stops {
            return;
        }
        lock(&desk.stopped_by).get_or_insert(signal);
        state.stop_this_run_or_the_next();
    }

    pub(super) fn set_handler<L: Signals>(
        &self,
        lp: &L,
        signal: Signal,
        handler: Arc<Handler>,
    ) -> Result<(), SignalError> {
        let old = self.enter(lp, signal, |entry| entry.handler.replace(handler))?;
        if let Some(old) = old {
            old.remove();
        }
        Ok(())
    }

    pub(super) fn remove_handler(&self, signal: Signal) -> bool {
        let removed = self.leave(signal, |entry| entry.handler.take()).flatten();
        if let Some(handler) = &removed {
            handler.remove();
        }
        removed.is_some()
    }

    /// Gives the key to remove it by.
    pub(super) fn add_inbox<L: Signals>(
        &self,
        lp: &L,
        signal: Signal,
        inbox: &Arc<Inbox>,
    ) -> Result<usize, SignalError> {
        self.enter(lp, signal, |entry| {
            entry.inboxes.insert(Arc::downgrade(inbox))
        })
    }

    pub(super) fn remove_inbox(&self, signal: Signal, key: usize) {
        self.leave(signal, |entry| entry.inboxes.try_remove(key));
    }

    pub(super) fn add_stop<L: Signals>(&self, lp: &L, signal: Signal) -> Result<(), SignalError> {
        self.enter(lp, signal, |entry| entry.stops += 1)
    }

    /// Somebody begins to want stops. What was asked of those who have gone counts no more.
    pub(super) fn begin_stops(&self) {
        if lock(&self.entries).values().all(|entry| entry.stops == 0) {
            *lock(&self.stopped_by) = None;
        }
    }

    pub(super) fn remove_stop(&self, signal: Signal) {
        self.leave(signal, |entry| entry.stops = entry.stops.saturating_sub(1));
    }

    pub(super) fn stopped_by(&self) -> Option<Signal> {
        *lock(&self.stopped_by)
    }

    /// Changes the signal's entry, which is made, and the signal caught, if there is none.
    fn enter<L: Signals, R>(
        &self,
        lp: &L,
        signal: Signal,
        change: impl FnOnce(&mut Entry) -> R,
    ) -> Result<R, SignalError> {
        SignalError::check(signal)?;
        // What is told later finds the driver of the calls there.
        lp.call_soon(|| {})
            .map_err(|Rejected { closed, .. }| closed)?;
        let mut entries = lock(&self.entries);
        let entry = match entries.entry(signal) {
            Occupied(known) => known.into_mut(),
            Vacant(place) => place.insert(Entry {
                handler: None,
                inboxes: Slab::new(),
                stops: 0,
                _caught: lp.signal_source().catch(signal)?,
            }),
        };
        Ok(change(entry))
    }

    /// Changes the signal's entry if there is one, and lets it go when nobody wants it any
    /// more.
    fn leave<R>(&self, signal: Signal, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut entries = lock(&self.entries);
        let entry = entries.get_mut(&signal)?;
        let changed = change(entry);
        let gone = if entry.is_unwanted() {
            entries.remove(&signal)
        } else {
            None
        };
        drop(entries);
        drop(gone);
        Some(changed)
    }
}

impl Drop for SignalDesk {
    fn drop(&mut self) {
        // Streams outlive the loop, and are told that nothing more comes.
        for entry in lock(&self.entries).values() {
            for (_, inbox) in &entry.inboxes {
                if let Some(inbox) = inbox.upgrade() {
                    inbox.end();
                }
            }
        }
    }
}

impl fmt::Debug for SignalDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignalDesk")
            .field(&lock(&self.entries).keys().collect::<Vec<_>>())
            .finish()
    }
}
