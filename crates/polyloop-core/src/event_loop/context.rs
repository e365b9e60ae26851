//! Which loop is current on this thread.
//!
//! While a loop polls a task or makes a callback, it is the *current* loop of
//! that thread. Nothing in core depends on it for correctness: it serves the
//! facade's free functions, the refusal of a nested `run`, and error reports.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::event_loop::state::LoopState;
use crate::sync::primitive::{Arc, thread_local};

thread_local! {
    /// Whoever puts a loop here takes it away before it returns, so there is nothing to
    /// drop when the thread ends. A slot without a destructor is reached at once, and
    /// for as long as the thread runs code.
    static CURRENT: ManuallyDrop<Cell<Option<Arc<LoopState>>>> =
        const { ManuallyDrop::new(Cell::new(None)) };
}

/// The state of the loop that is running code on this thread, if any.
///
/// ```
/// // Plain `main` is not run by a loop.
/// assert!(polyloop_core::context::current_state().is_none());
/// ```
pub fn current_state() -> Option<Arc<LoopState>> {
    CURRENT.with(|current| {
        let state = current.take();
        let found = state.clone();
        current.set(state);
        found
    })
}

thread_local! {
    /// The name of the loop that this thread is inside `run` of, the innermost one.
    static RUNS: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs `f` as what a thread does that is inside the `run` of the loop of that name.
pub(crate) fn running<R>(name: &'static str, f: impl FnOnce() -> R) -> R {
    struct Outer(Option<&'static str>);
    impl Drop for Outer {
        fn drop(&mut self) {
            RUNS.set(self.0);
        }
    }
    let _outer = Outer(RUNS.replace(Some(name)));
    f()
}

/// The name of the loop that this thread runs: one that runs code here, or whose `run` this
/// is inside of, whatever its runtime polls.
pub(crate) fn run_by_this_thread() -> Option<&'static str> {
    current_state().map_or_else(|| RUNS.get(), |state| Some(state.name()))
}

/// Whether a loop is running code on this thread.
pub fn is_entered() -> bool {
    CURRENT.with(|current| {
        let state = current.take();
        let entered = state.is_some();
        current.set(state);
        entered
    })
}

/// Whether what runs here is being dropped with a loop that was killed: then it is told
/// nothing.
pub(crate) fn is_killed() -> bool {
    current_state().is_some_and(|state| state.is_killed())
}

/// Makes a loop current until the guard is dropped, on every way out.
///
/// The `Arc` changes places with the one in the thread's slot instead of being cloned:
/// this happens once per poll, and two atomic operations would show.
pub(crate) struct Entered<'a>(&'a mut Option<Arc<LoopState>>);

impl<'a> Entered<'a> {
    /// Takes the `Arc` out of `state` for the time of the guard.
    pub(crate) fn new(state: &'a mut Option<Arc<LoopState>>) -> Self {
        exchange(state);
        Self(state)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        exchange(self.0);
    }
}

fn exchange(state: &mut Option<Arc<LoopState>>) {
    CURRENT.with(|current| *state = current.replace(state.take()));
}
