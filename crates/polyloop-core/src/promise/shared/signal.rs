//! [`Signal`]: what the work of a shared promise wakes, and through it all who wait.

use std::task::{Wake, Waker};

use slab::Slab;

use crate::promise::discard::wake;
use crate::sync::primitive::{Arc, Mutex, MutexGuard, lock};

/// The waker of the work, and the waiters' own wakers behind it.
///
/// All of them are woken each time, since any may be gone by then, or never look again;
/// the first to look polls the work. No waker is woken or dropped under the lock: it may
/// be the last to hold its task, and with it another waiter.
pub(super) struct Signal(Mutex<State>);

struct State {
    /// The work has something new since it was last polled.
    raised: bool,
    waiters: Slab<Waker>,
    /// How often all were woken. A place is good for one round.
    round: u64,
}

/// Where a waiter's waker stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    round: u64,
    key: usize,
}

impl Signal {
    /// Raised, for work that was never polled.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            raised: true,
            waiters: Slab::new(),
            round: 0,
        })))
    }

    /// Notes how to wake a waiter next time, in the place that it has.
    pub(super) fn register(&self, place: &mut Option<Place>, waker: &Waker) {
        let waker = waker.clone();
        let mut state = lock(&self.0);
        let old = match *place {
            Some(Place { round, key }) if round == state.round => {
                Some(std::mem::replace(&mut state.waiters[key], waker))
            }
            _ => {
                let key = state.waiters.insert(waker);
                *place = Some(Place {
                    round: state.round,
                    key,
                });
                None
            }
        };
        drop(state);
        drop(old);
    }

    /// A waiter goes.
    pub(super) fn leave(&self, place: Place) {
        let mut state = lock(&self.0);
        let old = (place.round == state.round).then(|| state.waiters.remove(place.key));
        drop(state);
        drop(old);
    }

    /// Whether the work is to be polled. Whoever is told so polls it.
    pub(super) fn take(&self) -> bool {
        std::mem::take(&mut lock(&self.0).raised)
    }

    /// The work is to be looked at.
    pub(super) fn raise(&self) {
        let mut state = lock(&self.0);
        state.raised = true;
        wake_all(state);
    }

    /// Wakes those who came while the work was in somebody's hands and had something new
    /// then: their own look found nothing.
    pub(super) fn wake_if_raised(&self) {
        let state = lock(&self.0);
        if state.raised {
            wake_all(state);
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.0).waiters.len()
    }

    /// Wakes all who wait.
    pub(super) fn wake_waiters(&self) {
        wake_all(lock(&self.0));
    }
}

fn wake_all(mut state: MutexGuard<'_, State>) {
    if state.waiters.is_empty() {
        return;
    }
    state.round += 1;
    let waiters = std::mem::take(&mut state.waiters);
    drop(state);
    for (_, waker) in waiters {
        wake(waker);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}
