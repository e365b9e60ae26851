//! The queue of calls: which are pending, and in what order they come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::Location;
use std::task::{Poll, Waker};
use std::time::Instant;

use slab::Slab;

use super::PendingCall;
use crate::event_loop::state::LoopState;
use crate::sync::primitive::{Arc, Mutex, lock};

/// Names one call for good: slots are used again, sequence numbers are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    slot: usize,
    seq: u64,
}

pub(crate) enum Work {
    Call(Box<dyn FnOnce() + Send>),
    Wake(Waker),
}

struct Entry {
    seq: u64,
    /// `None`: the next pass.
    due: Option<Instant>,
    work: Work,
    location: &'static Location<'static>,
}

/// A place in the order of deadlines. It is stale when its entry has gone or has
/// moved.
type Place = Reverse<(Instant, u64, usize)>;

#[derive(Default)]
struct Inner {
    entries: Slab<Entry>,
    soon: VecDeque<Key>,
    timed: BinaryHeap<Place>,
    next_seq: u64,
    driver: Driver,
    /// The loop lives while a call is pending on it.
    alive: Option<Arc<LoopState>>,
    /// `stop` was called: no further pass begins in this run.
    halted: bool,
    /// The driver is making the calls of a pass.
    in_pass: bool,
    /// Who waits for the pass to end.
    pass_waiter: Option<Waker>,
    closed: bool,
}

#[derive(Default)]
enum Driver {
    #[default]
    NotStarted,
    /// It looks at the queue, or is about to.
    Awake,
    /// It sleeps, until the moment if there is one.
    Asleep(Waker, Option<Instant>),
}

/// What the driver is to do next.
pub(super) enum Next {
    /// Make the calls of the batch.
    Pass(Arc<LoopState>),
    /// Sleep until the moment, or until it is woken.
    Sleep(Option<Instant>),
    /// The loop has gone.
    Exit,
}

pub(crate) struct CallQueue {
    inner: Mutex<Inner>,
}

impl CallQueue {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner::default()),
        }
    }

    /// Adds a call. True if its driver has to be started first.
    pub(super) fn push(
        &self,
        state: &Arc<LoopState>,
        due: Option<Instant>,
        work: Work,
        location: &'static Location<'static>,
    ) -> (Key, bool) {
        let mut inner = lock(&self.inner);
        let seq = inner.next_seq;
        inner.next_seq += 1;
        let slot = inner.entries.insert(Entry {
            seq,
            due,
            work,
            location,
        });
        let key = Key { slot, seq };
        match due {
            None => inner.soon.push_back(key),
            Some(due) => inner.timed.push(Reverse((due, seq, slot))),
        }
        if inner.alive.is_none() {
            inner.alive = Some(state.clone());
        }
        let first = matches!(inner.driver, Driver::NotStarted);
        if first {
            inner.driver = Driver::Awake;
        }
        let waker = inner.wake_for(due);
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        (key, first)
    }

    pub(super) fn cancel(&self, key: Key) -> bool {
        let mut inner = lock(&self.inner);
        if !inner.holds(key) {
            return false;
        }
        let entry = inner.entries.remove(key.slot);
        inner.compact();
        let alive = inner.release_if_empty();
        drop(inner);
        // Both may run code of a user, so the lock is gone by now.
        drop(entry);
        drop(alive);
        true
    }

    pub(super) fn reset(&self, key: Key, due: Instant) -> bool {
        let mut inner = lock(&self.inner);
        if !inner.holds(key) {
            return false;
        }
        let was = inner.entries[key.slot].due.replace(due);
        // A later deadline leaves the old place where it is: when that comes up,
        // the entry is put where it belongs. An idle timeout that is pushed back
        // at every read thus costs nothing here.
        if was.is_none_or(|was| due < was) {
            inner.timed.push(Reverse((due, key.seq, key.slot)));
            inner.compact();
        }
        let waker = inner.wake_for(Some(due));
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    pub(super) fn is_pending(&self, key: Key) -> bool {
        lock(&self.inner).holds(key)
    }

    pub(super) fn pending(&self) -> Vec<PendingCall> {
        let inner = lock(&self.inner);
        let mut entries: Vec<&Entry> = inner
            .entries
            .iter()
            .map(|(_, entry)| entry)
            .filter(|entry| matches!(entry.work, Work::Call(_)))
            .collect();
        entries.sort_by_key(|entry| (entry.due, entry.seq));
        entries
            .into_iter()
            .map(|entry| PendingCall {
                deadline: entry.due,
                location: entry.location,
            })
            .collect()
    }

    /// What the driver does next. For a pass, `batch` receives the calls that are
    /// due at `now`; one asked for from here on waits for the next pass.
    pub(super) fn next(
        &self,
        now: impl FnOnce(&LoopState) -> Instant,
        batch: &mut Vec<Key>,
        waker: &Waker,
    ) -> Next {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return Next::Exit;
        }
        let Some(state) = inner.alive.clone() else {
            inner.driver = Driver::Asleep(waker.clone(), None);
            return Next::Sleep(None);
        };
        if inner.halted {
            inner.driver = Driver::Asleep(waker.clone(), None);
            drop(inner);
            return Next::Sleep(None);
        }
        let now = now(&state);
        while let Some(key) = inner.soon.pop_front() {
            // One that was moved to a deadline is not due here any more.
            if inner.holds(key) && inner.entries[key.slot].due.is_none() {
                batch.push(key);
            }
        }
        let mut until = None;
        while let Some(&Reverse((place, seq, slot))) = inner.timed.peek() {
            let key = Key { slot, seq };
            let due = inner.holds(key).then(|| inner.entries[slot].due).flatten();
            match due {
                Some(due) if due == place && due > now => {
                    until = Some(due);
                    break;
                }
                Some(due) => {
                    inner.timed.pop();
                    if due == place {
                        batch.push(key);
                    } else if due > place {
                        inner.timed.push(Reverse((due, seq, slot)));
                    }
                }
                None => {
                    inner.timed.pop();
                }
            }
        }
        if batch.is_empty() {
            inner.driver = Driver::Asleep(waker.clone(), until);
            drop(inner);
            // Outside of the lock: it may be the last handle of the loop.
            drop(state);
            return Next::Sleep(until);
        }
        inner.driver = Driver::Awake;
        inner.in_pass = true;
        Next::Pass(state)
    }

    /// Takes a call of the batch out of the queue, unless an earlier call of the
    /// same pass has cancelled or moved it.
    pub(super) fn take(&self, key: Key, now: Instant) -> Option<Work> {
        let mut inner = lock(&self.inner);
        if !inner.holds(key) || inner.entries[key.slot].due.is_some_and(|due| due > now) {
            return None;
        }
        Some(inner.entries.remove(key.slot).work)
    }

    /// After a pass: lets the loop go if nothing is pending.
    pub(super) fn pass_done(&self) -> Option<Arc<LoopState>> {
        let mut inner = lock(&self.inner);
        inner.in_pass = false;
        let waiter = inner.pass_waiter.take();
        let released = inner.release_if_empty();
        drop(inner);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        released
    }

    /// Ready when no pass is under way.
    pub(crate) fn poll_between_passes(&self, waker: &Waker) -> Poll<()> {
        let mut inner = lock(&self.inner);
        if !inner.in_pass {
            return Poll::Ready(());
        }
        let old = inner.pass_waiter.replace(waker.clone());
        drop(inner);
        drop(old);
        Poll::Pending
    }

    /// Begins no further pass; the one that is under way goes on.
    pub(crate) fn halt(&self) {
        lock(&self.inner).halted = true;
    }

    /// Drops every pending call, and allows passes again.
    pub(crate) fn clear(&self) {
        let mut inner = lock(&self.inner);
        inner.halted = false;
        let entries: Vec<Entry> = inner.entries.drain().collect();
        inner.soon.clear();
        inner.timed.clear();
        let alive = inner.release_if_empty();
        drop(inner);
        drop(entries);
        drop(alive);
    }

    /// The driver was dropped; gives back the loop if calls were pending on it.
    pub(super) fn driver_lost(&self) -> Option<Arc<LoopState>> {
        let mut inner = lock(&self.inner);
        inner.driver = Driver::NotStarted;
        inner.in_pass = false;
        inner.alive.clone()
    }

    /// Lets the driver go.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let driver = std::mem::take(&mut inner.driver);
        drop(inner);
        if let Driver::Asleep(waker, _) = driver {
            waker.wake();
        }
    }
}

impl Inner {
    fn holds(&self, key: Key) -> bool {
        self.entries
            .get(key.slot)
            .is_some_and(|entry| entry.seq == key.seq)
    }

    /// The driver's waker, if it sleeps for longer than `due` allows.
    fn wake_for(&mut self, due: Option<Instant>) -> Option<Waker> {
        match &self.driver {
            Driver::Asleep(_, Some(until)) if due.is_some_and(|due| due >= *until) => None,
            Driver::Asleep(..) => match std::mem::replace(&mut self.driver, Driver::Awake) {
                Driver::Asleep(waker, _) => Some(waker),
                _ => None,
            },
            _ => None,
        }
    }

    /// Drops stale places once they outnumber the entries, so that calls which are
    /// made and cancelled all day do not pile up.
    fn compact(&mut self) {
        if self.timed.len() > 64 + 2 * self.entries.len() {
            let entries = &self.entries;
            self.timed.retain(|Reverse((place, seq, slot))| {
                entries
                    .get(*slot)
                    .is_some_and(|entry| entry.seq == *seq && entry.due >= Some(*place))
            });
        }
    }

    fn release_if_empty(&mut self) -> Option<Arc<LoopState>> {
        if self.entries.is_empty() {
            self.soon.clear();
            self.alive.take()
        } else {
            None
        }
    }
}
