//! [`Task`]: the promise for a future that a loop runs.
//!
//! What a task does when its handle is dropped, when it is cancelled, when it
//! panics and when its loop ends is decided here, once. A backend only starts
//! the future ([`Backend::start`](crate::event_loop::backend::Backend::start)) and hands
//! back something to wait for its output with.

mod catch_cancel;
pub(crate) mod first_turn;
mod standing;
pub(crate) mod supervised;
pub(crate) mod table;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use catch_cancel::{CatchCancel, catch_cancel};
pub(crate) use standing::{has_same_waker, take_cancel};
pub use supervised::Outcome;

use crate::event_loop::backend::{Backend, StartedTask};
use crate::event_loop::state::{LoopId, LoopState};
use crate::promise::Promise;
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicBool, Ordering};
use supervised::{Guard, Supervised};
use table::TaskId;

/// The promise for a spawned future's output.
///
/// | what happens | what follows, on every loop |
/// | --- | --- |
/// | the handle is dropped | the task runs on, detached |
/// | [`cancel`](Promise::cancel) | the future is dropped at its next suspension, or sees the cancel in [`catch_cancel`] |
/// | the future panics | the promise fails with [`Panicked`](crate::FailureKind::Panicked); nobody else is touched |
/// | it panicked and nobody awaits it | the loop's error hook is told, once |
/// | the loop ends first | the promise fails with [`Cancelled`](crate::FailureKind::Cancelled) |
/// | it is cancelled while nobody drives its loop | the promise fails at once, and the future is dropped at its next turn, if it ever has one |
#[must_use = "a task runs on when its handle is dropped; say so with `detach()`, or tie the two together with `cancel_on_drop()`"]
pub struct Task<B: Backend, T: Send + 'static> {
    started: Started<B, T>,
    /// The outcome was given.
    taken: bool,
    /// It was cancelled through this handle.
    cancelled: AtomicBool,
}

enum Started<B: Backend, T: Send + 'static> {
    Running {
        task: B::Started<Outcome<T>>,
        on: LoopId,
        id: TaskId,
    },
    Refused(Box<Refused>),
}

/// A task that its loop did not take.
struct Refused {
    state: Arc<LoopState>,
    /// Says why, until somebody takes it.
    failure: Option<Failure>,
    ignored: AtomicBool,
}

impl Drop for Refused {
    fn drop(&mut self) {
        if let Some(failure) = &self.failure
            && !self.ignored.load(Ordering::Relaxed)
        {
            self.state
                .report("a task was not started and nobody awaited it", failure);
        }
    }
}

/// Starts `future` on the backend as a supervised task.
#[track_caller]
pub(crate) fn spawn<B, F>(backend: &B, future: F) -> Task<B, F::Output>
where
    B: Backend,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let state = backend.state();
    if let Err(closed) = state.check_open() {
        state.discard(future);
        return Task::refused(state, Failure::new(closed));
    }
    let guard = Guard::new(state);
    let id = guard.id();
    let started = Started::Running {
        task: backend.start(Supervised::new(guard, future)),
        on: state.id(),
        id,
    };
    Task {
        started,
        taken: false,
        cancelled: AtomicBool::new(false),
    }
}

impl<B: Backend, T: Send + 'static> Task<B, T> {
    #[cold]
    fn refused(state: &Arc<LoopState>, failure: Failure) -> Self {
        let refused = Refused {
            state: state.clone(),
            failure: Some(failure),
            ignored: AtomicBool::new(false),
        };
        Self {
            started: Started::Refused(Box::new(refused)),
            taken: false,
            cancelled: AtomicBool::new(false),
        }
    }
}

impl<B: Backend, T: Send + 'static> Future for Task<B, T> {
    type Output = Result<T, Failure>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.taken {
            return Poll::Ready(Err(Failure::message(
                "a task was polled again after it had given its outcome",
            )));
        }
        let this = &mut *self;
        let result = match &mut this.started {
            Started::Running { task, on, id } => match Pin::new(task).poll(cx) {
                Poll::Ready(Some(outcome)) => outcome.into_result(),
                // The runtime dropped the future without finishing it.
                Poll::Ready(None) => Err(Failure::cancelled("the loop's runtime was shut down")),
                Poll::Pending if this.cancelled.load(Ordering::Relaxed) => {
                    Err(ready!(cancelled_at_rest(*on, *id)))
                }
                Poll::Pending => return Poll::Pending,
            },
            Started::Refused(refused) => Err(refused
                .failure
                .take()
                .unwrap_or_else(|| Failure::cancelled("the loop is closed"))),
        };
        this.taken = true;
        Poll::Ready(result)
    }
}

/// Why a cancelled task has ended already, if nobody drives its loop: it does nothing any
/// more, and would have no turn to say so. Should the loop be run again, it is dropped at
/// its first turn (LOOP-42).
#[cold]
fn cancelled_at_rest(on: LoopId, id: TaskId) -> Poll<Failure> {
    let reason = on
        .find()
        .filter(|state| !state.is_driven())
        .and_then(|state| state.tasks.noted(id));
    match reason {
        Some(reason) => Poll::Ready(Failure::cancelled(reason)),
        None => Poll::Pending,
    }
}

impl<B: Backend, T: Send + 'static> Promise for Task<B, T> {
    type Value = T;

    fn cancel(&self, reason: &str) -> bool {
        let Started::Running { task, on, id } = &self.started else {
            return false;
        };
        if self.taken || task.is_finished() {
            return false;
        }
        // A loop that has gone has no tasks.
        let Some(state) = on.find() else {
            return false;
        };
        self.cancelled.store(true, Ordering::Relaxed);
        let left_a_note = state.tasks.cancel(*id, reason);
        // The task may have finished before the note was left; then nobody reads it.
        !(left_a_note && task.is_finished() && state.tasks.retract(*id))
    }

    fn is_done(&self) -> bool {
        match &self.started {
            _ if self.taken => false,
            Started::Running { task, .. } => task.is_finished(),
            Started::Refused(_) => true,
        }
    }

    fn ignore_failure(&self) {
        match &self.started {
            _ if self.taken => {}
            // The outcome looks for this when it is dropped.
            Started::Running { on, id, .. } => {
                if let Some(state) = on.find() {
                    state.tasks.ignore_failure(*id);
                }
            }
            Started::Refused(refused) => refused.ignored.store(true, Ordering::Relaxed),
        }
    }
}

impl<B: Backend, T: Send + 'static> std::fmt::Debug for Task<B, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = match &self.started {
            Started::Running { id, .. } => Some(id),
            Started::Refused(_) => None,
        };
        f.debug_struct("Task")
            .field("id", &id)
            .field("done", &self.is_done())
            .finish_non_exhaustive()
    }
}
