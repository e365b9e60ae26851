//! [`Event`]: something has happened, and everybody may know.

use std::fmt;

use crate::promise::crowd::{Crowd, tell};
use crate::promise::deferred::{Deferred, Resolver};
use crate::sync::primitive::{Arc, Mutex, lock};

/// A flag to wait for: asyncio's `Event`.
///
/// Setting it wakes all who wait, even if it is cleared straight after (SYNC-10).
///
/// ```
/// use polyloop_core::{Promise, sync::Event};
///
/// let ready = Event::new();
/// let waiting = ready.wait();
/// ready.set();
/// ready.clear();
/// assert!(waiting.is_done());
/// assert!(!ready.wait().is_done());
/// ```
#[derive(Clone, Default)]
pub struct Event(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    set: bool,
    crowd: Crowd<Resolver<()>>,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it, and wakes all who wait.
    pub fn set(&self) {
        let mut state = lock(&self.0);
        state.set = true;
        let told = state.crowd.leave();
        drop(state);
        tell(told);
    }

    /// Makes later waiters wait again.
    pub fn clear(&self) {
        lock(&self.0).set = false;
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        lock(&self.0).set
    }

    /// Waits until it is set. If it is, the promise is resolved already.
    pub fn wait(&self) -> Deferred<()> {
        let mut state = lock(&self.0);
        if state.set {
            return Deferred::resolved(());
        }
        let (promise, left) = state.crowd.wait();
        drop(state);
        drop(left);
        promise
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.is_set())
            .finish_non_exhaustive()
    }
}
