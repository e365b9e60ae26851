//! The runtime that a thread happens to be in.

use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::coop::poll_proceed;

/// Whether this thread is inside a tokio runtime, a loop's or any other.
///
/// Nothing in this crate acts on it: a loop is a value, and an ambient runtime is
/// never adopted. It is for error texts that say what was found.
///
/// ```
/// assert!(!polyloop_tokio::is_inside_runtime());
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// assert!(runtime.block_on(async { polyloop_tokio::is_inside_runtime() }));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_inside_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Whether tokio is polling something on this thread, so that it would panic if the thread
/// blocked. A thread may be inside a runtime and block all the same: in `spawn_blocking`,
/// in `block_in_place`, after `enter`.
///
/// tokio can't be asked, but whatever it polls has a budget, and where one may block there
/// is none. So this spends it, and puts it back. What stands in `unconstrained` has none
/// either, and goes unnoticed.
pub(crate) fn is_polled_by_tokio() -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let mut untouched = None;
    for _ in 0..=u8::MAX {
        match poll_proceed(&mut cx) {
            Poll::Pending => return true,
            // Dropping the first one puts back what there was before all of them.
            Poll::Ready(spent) if untouched.is_none() => untouched = Some(spent),
            Poll::Ready(spent) => spent.made_progress(),
        }
    }
    false
}
