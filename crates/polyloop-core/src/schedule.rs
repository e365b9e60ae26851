//! Work in time: [`LoopingCall`] again and again, [`Cooperator`] a little at a
//! time, [`BatchedTimer`] many at once, and [`delayed`] once, later.
//!
//! All of it stands on a loop's [`Calls`]: functions are called on the loop, in
//! turn with its other calls, and never inside the method that asks for them.

mod batched;
mod cooperator;
mod looping_call;
#[cfg(all(test, shuttle))]
mod models;
mod step;

use std::time::Duration;

pub use batched::{BatchedCall, BatchedFailures, BatchedTimer, InvalidBatch};
pub use cooperator::{CooperativeTask, Cooperator, NotPaused, SchedulerStopped, TaskFinished};
pub use looping_call::{LoopingCall, LoopingCallError};
pub use step::{IntoStep, Step};

use crate::event_loop::calls::{Calls, DelayedCall};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::sync::primitive::{Arc, Mutex, OnceLock, Weak, lock};

/// Calls `f` on the loop when `delay` has passed, and promises what it gives:
/// Twisted's `deferLater`.
///
/// Cancelling the promise removes the timer, and `f` never runs (SCHED-09); once
/// `f` has begun, it only lets go of the waiter. Dropping the promise lets `f` run
/// unobserved. If the loop ends first, the promise fails as cancelled (LOOP-50).
///
/// ```
/// use polyloop_core::{Calls, Failure, Promise, schedule::delayed};
/// use std::time::Duration;
///
/// async fn reconnect<L: Calls>(lp: &L) -> Result<u32, Failure> {
///     delayed(lp, Duration::from_secs(5), || Ok(7)).then(|n| Ok(n + 1)).await
/// }
/// ```
#[track_caller]
pub fn delayed<L, F, T>(lp: &L, delay: Duration, f: F) -> Deferred<T>
where
    L: Calls,
    F: FnOnce() -> Result<T, Failure> + Send + 'static,
    T: Send + 'static,
{
    let slot = Arc::new(Mutex::new(None::<Resolver<T>>));
    let timer = Arc::new(OnceLock::<DelayedCall>::new());
    let (resolver, promise) = {
        let (slot, timer) = (Arc::downgrade(&slot), timer.clone());
        Deferred::with_canceller(move |reason| {
            let resolver = Weak::upgrade(&slot).and_then(|slot| lock(&slot).take());
            if let Some(timer) = timer.get() {
                timer.cancel();
            }
            // Settled here, since a resolver dropped now would break the promise.
            if let Some(resolver) = resolver {
                let _ = resolver.reject(Failure::cancelled(reason.to_owned()));
            }
            None
        })
    };
    *lock(&slot) = Some(resolver);
    let asking = Asking(slot.clone());
    let asked = lp.call_later(delay, move || {
        let resolver = asking.take();
        let Some(resolver) = resolver else {
            return; // cancelled meanwhile, from another thread
        };
        // Whoever cancels from here on is too late for `f`.
        match catch(f) {
            Ok(value) => drop(resolver.resolve(value)),
            Err(failure) => {
                if let Err(failure) = resolver.reject(failure)
                    && !failure.is_cancelled()
                {
                    report_here("a delayed call failed and nobody waits for it", &failure);
                }
            }
        }
    });
    match asked {
        Ok(call) => {
            let _ = timer.set(call);
        }
        Err(rejected) => {
            let resolver = lock(&slot).take();
            if let Some(resolver) = resolver {
                let _ = resolver.reject(rejected.closed);
            }
        }
    }
    promise
}

/// The resolver of a [`delayed`] promise, in the call that is to settle it.
struct Asking<T: Send>(Arc<Mutex<Option<Resolver<T>>>>);

impl<T: Send> Asking<T> {
    fn take(&self) -> Option<Resolver<T>> {
        lock(&self.0).take()
    }
}

impl<T: Send> Drop for Asking<T> {
    /// The call was dropped, and nobody had cancelled it: its loop has ended.
    fn drop(&mut self) {
        if let Some(resolver) = self.take() {
            let _ = resolver.reject(Failure::cancelled("the loop ended before the delayed call"));
        }
    }
}
