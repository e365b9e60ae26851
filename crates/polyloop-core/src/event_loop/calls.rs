//! Calls in the future: [`Calls`] and the [`DelayedCall`] it hands out.
//!
//! Every loop has one queue of calls, ordered by deadline and then by creation,
//! and one task that makes them. So a call costs one allocation (its closure)
//! and no task of its own, and order, cancelling and moving are the same on
//! every runtime.

mod alarm;
mod deadlines;
mod driver;
mod pending;
mod queue;

use std::panic::Location;
use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use deadlines::Deadlines;
use pending::{Key, Work};
pub(crate) use queue::CallQueue;

use crate::event_loop::backend::Backend;
use crate::event_loop::lifecycle::{LoopClosed, Rejected};
use crate::event_loop::state::LoopState;
use crate::promise::discard::{Guarded, discard};
use crate::sync::primitive::Arc;

/// Makes calls later: asyncio's `call_soon`, `call_later` and `call_at`, Twisted's
/// `callLater`.
///
/// The calls of one loop never overlap and are made from a task of the loop,
/// never inside the method that asks for them (LOOP-12). A call asked for by a
/// running call waits for a later pass (LOOP-13). One that panics is reported to
/// the error hook, and the next is made (LOOP-32).
///
/// A call that is still pending when `main` is done is dropped, and one that a shutdown
/// hook asks for when the run is over. Whoever waits for one learns of it: the promise of
/// a [`delayed`](crate::schedule::delayed) or a looping call fails as cancelled, a
/// [`DelayedCall`] is not pending any more. What core itself waits for, such as the timer
/// of a connection, goes on until its task has ended (LOOP-49).
///
/// ```
/// # use polyloop_core::{Calls, Rejected};
/// # use std::time::Duration;
/// fn remind<L: Calls>(lp: &L) {
///     let reminder = lp
///         .call_later(Duration::from_secs(60), || println!("tea is ready"))
///         .expect("the loop is open");
///     // It may be moved, or taken back for as long as it has not been made.
///     reminder.reset(Duration::from_secs(90));
///     assert!(reminder.cancel());
///     assert!(!reminder.cancel());
/// }
/// ```
pub trait Calls: Send + Sync {
    /// Makes the call in the next pass, after those asked for before it. May be
    /// used from any thread (LOOP-23).
    ///
    /// A closed loop gives the closure back (LOOP-25).
    fn call_soon<F>(&self, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static;

    /// Makes the call when `delay` has passed, never before. A zero delay means the
    /// next pass; one too long for the clock means never, though it can be moved.
    fn call_later<F>(&self, delay: Duration, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static;

    /// Makes the call at `deadline` of the loop's clock; one in the past is due in
    /// the next pass (LOOP-16).
    fn call_at<F>(&self, deadline: Instant, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static;

    /// The calls neither made nor cancelled, in the order they are due (LOOP-21).
    /// For looking at: it copies.
    fn pending_calls(&self) -> Vec<PendingCall>;
}

impl<B: Backend> Calls for B {
    #[track_caller]
    fn call_soon<F>(&self, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        submit(self, None, call)
    }

    #[track_caller]
    fn call_later<F>(&self, delay: Duration, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        submit(self, Some(after(self.state().now(), delay)), call)
    }

    #[track_caller]
    fn call_at<F>(&self, deadline: Instant, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        submit(self, Some(deadline), call)
    }

    fn pending_calls(&self) -> Vec<PendingCall> {
        self.state().calls.pending()
    }
}

#[track_caller]
fn submit<B, F>(backend: &B, due: Option<Instant>, call: F) -> Result<DelayedCall, Rejected<F>>
where
    B: Backend,
    F: FnOnce() + Send + 'static,
{
    let state = backend.state();
    if let Err(closed) = ready_for_calls(backend) {
        return Err(Rejected { call, closed });
    }
    let work = Work::Call(Guarded::new(Box::new(call)));
    let key = state.calls.push(state, due, work, Location::caller());
    Ok(DelayedCall {
        state: state.clone(),
        key,
    })
}

/// Makes a call in the next pass of a loop that has been asked for one before, so that
/// somebody drives its calls: for what knows the loop and not its runtime. A closed loop
/// drops it.
pub(crate) fn call_started(
    state: &Arc<LoopState>,
    location: &'static Location<'static>,
    call: impl FnOnce() + Send + 'static,
) {
    if state.check_open().is_ok() {
        let work = Work::Call(Guarded::new(Box::new(call)));
        debug_assert!(
            state.calls.is_driven(),
            "nobody drives the calls of this loop"
        );
        state.calls.push(state, None, work, location);
    }
}

/// Whether calls are made here. The first one starts their driver, and a runtime that was
/// shut down shows by not taking it.
fn ready_for_calls<B: Backend>(backend: &B) -> Result<(), LoopClosed> {
    let state = backend.state();
    state.check_open()?;
    if state.calls.wants_driver() {
        driver::start(backend);
        state.check_open()?;
    }
    Ok(())
}

/// Wakes a task at a moment, by the same queue. It costs no allocation. It belongs to
/// whoever waits in the task: the end of `main` leaves it as it is, since tasks and
/// connections go on while shutdown hooks run.
pub(crate) struct WakeUp {
    state: Arc<LoopState>,
    key: Key,
}

impl WakeUp {
    pub(crate) fn at<B: Backend>(
        backend: &B,
        due: Instant,
        waker: &Waker,
    ) -> Result<Self, LoopClosed> {
        let state = backend.state();
        ready_for_calls(backend)?;
        let work = Work::Wake(waker.clone());
        let key = state.calls.push(state, Some(due), work, Location::caller());
        Ok(Self {
            state: state.clone(),
            key,
        })
    }
}

impl WakeUp {
    /// Whether it has yet to come.
    pub(crate) fn is_pending(&self) -> bool {
        self.state.calls.is_pending(self.key)
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        let taken = self.state.calls.cancel(self.key);
        discard(taken);
    }
}

/// A call that was asked for: Twisted's `IDelayedCall`, asyncio's `TimerHandle`.
/// Dropping it leaves the call as it is.
#[derive(Clone)]
pub struct DelayedCall {
    state: Arc<LoopState>,
    key: Key,
}

impl DelayedCall {
    /// Takes the call back. Its closure is dropped before this returns (LOOP-19).
    /// False if it is too late: the call was made, is being made, or was cancelled
    /// (LOOP-17).
    pub fn cancel(&self) -> bool {
        let Some((work, alive)) = self.state.calls.cancel(self.key) else {
            return false;
        };
        match work {
            Work::Call(call) => self.state.discard(call.into_inner()),
            Work::Wake(waker) => discard(waker),
        }
        drop(alive);
        true
    }

    /// Moves the call to `delay` from now, earlier or later (LOOP-20). False if it
    /// is too late: it was made, is being made, or was cancelled.
    ///
    /// As long as it has not been made it can be moved, also in the pass in which it is
    /// due; then it is made in a later pass, at its new time.
    pub fn reset(&self, delay: Duration) -> bool {
        self.reset_at(after(self.state.now(), delay))
    }

    /// Moves the call to `deadline`. False if it is too late.
    pub fn reset_at(&self, deadline: Instant) -> bool {
        self.state.calls.reset(self.key, deadline)
    }

    /// Whether the call is still to be made.
    pub fn is_pending(&self) -> bool {
        self.state.calls.is_pending(self.key)
    }
}

impl std::fmt::Debug for DelayedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DelayedCall")
            .field("pending", &self.is_pending())
            .finish_non_exhaustive()
    }
}

/// A call that is still to be made, as [`Calls::pending_calls`] lists it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PendingCall {
    /// When it is due; `None` for the next pass.
    pub deadline: Option<Instant>,
    /// Where it was asked for.
    pub location: &'static Location<'static>,
}

/// `now + delay`, or as far away as the clock can say.
pub(crate) fn after(now: Instant, delay: Duration) -> Instant {
    // A hundred years is beyond any program and within any clock.
    const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(delay)
        .unwrap_or_else(|| now.checked_add(FAR).unwrap_or(now))
}
