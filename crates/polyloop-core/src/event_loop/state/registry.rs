//! Finding a loop by its number.
//!
//! A task's handle needs its loop only to cancel. To hold it would be two atomic
//! operations for each spawn, which is what many tasks are too short for.

use std::collections::BTreeMap;

use super::LoopState;
use crate::promise::discard::{DESTRUCTOR, try_drop};
use crate::promise::report::report_here;
use crate::sync::primitive::process::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::sync::primitive::{Arc, PoisonError, Weak};

/// The loops of this process that are alive.
static LOOPS: Mutex<BTreeMap<LoopId, Weak<LoopState>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

fn loops() -> MutexGuard<'static, BTreeMap<LoopId, Weak<LoopState>>> {
    LOOPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says which loop, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LoopId(u64);

impl LoopId {
    pub(super) fn new() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// It as a number, which is never 0.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The loop, as long as somebody holds it or work is left on it.
    pub(crate) fn find(self) -> Option<Arc<LoopState>> {
        loops().get(&self)?.upgrade()
    }

    /// Drops what is a user's, on a thread that runs no loop. A destructor that panics is
    /// reported to this loop, or by the default if it has gone.
    pub(crate) fn discard<T>(self, value: T) {
        if let Err(failure) = try_drop(value) {
            match self.find() {
                Some(state) => state.report(DESTRUCTOR, &failure),
                None => report_here(DESTRUCTOR, &failure),
            }
        }
    }
}

pub(super) fn enter(state: &Arc<LoopState>) {
    loops().insert(state.id, Arc::downgrade(state));
}

pub(super) fn leave(id: LoopId) {
    loops().remove(&id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_found_as_long_as_somebody_holds_it() {
        let state = LoopState::new("first", ());
        let other = LoopState::new("second", ());
        let id = state.id();
        assert!(id.find().is_some_and(|found| Arc::ptr_eq(&found, &state)));
        drop(state);
        assert!(id.find().is_none());
        assert!(!loops().contains_key(&id), "it left something behind");
        assert!(other.id().find().is_some());
    }
}
