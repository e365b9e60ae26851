//! Which loop is current on this thread.
//!
//! While a loop polls a task or makes a callback, it is the *current* loop of
//! that thread. Nothing in core depends on it for correctness: it serves the
//! facade's free functions, the refusal of a nested `run`, and error reports.

use std::cell::RefCell;
use std::sync::Arc;

use crate::state::LoopState;

thread_local! {
    static CURRENT: RefCell<Option<Arc<LoopState>>> = const { RefCell::new(None) };
}

/// The state of the loop that is running code on this thread, if any.
///
/// ```
/// // Plain `main` is not run by a loop.
/// assert!(polyloop_core::context::current_state().is_none());
/// ```
pub fn current_state() -> Option<Arc<LoopState>> {
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// Whether a loop is running code on this thread.
pub fn is_entered() -> bool {
    CURRENT
        .try_with(|current| current.borrow().is_some())
        .unwrap_or(false)
}

/// Makes `state` current until the guard is dropped, on every way out.
///
/// The `Arc` is moved in and out of the thread's slot instead of cloned: this
/// happens once per poll, and two atomic operations would show.
pub(crate) struct Entered<'a> {
    state: &'a mut Option<Arc<LoopState>>,
    outer: Option<Arc<LoopState>>,
}

impl<'a> Entered<'a> {
    /// Takes the `Arc` out of `state` for the time of the guard.
    pub(crate) fn new(state: &'a mut Option<Arc<LoopState>>) -> Self {
        let outer = CURRENT
            .try_with(|current| current.replace(state.take()))
            .ok()
            .flatten();
        Self { state, outer }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // A thread whose locals are already gone took nothing in `new` either.
        if let Ok(state) = CURRENT.try_with(|current| current.replace(outer)) {
            *self.state = state;
        }
    }
}
