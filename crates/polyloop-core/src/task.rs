//! [`Task`]: the promise for a future that a loop runs.
//!
//! What a task does when its handle is dropped, when it is cancelled, when it
//! panics and when its loop ends is decided here, once. A backend only starts
//! the future ([`Backend::start`](crate::backend::Backend::start)) and hands
//! back something to wait for its output with.

mod catch_cancel;
pub(crate) mod supervised;
pub(crate) mod table;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

pub use catch_cancel::{CatchCancel, catch_cancel};
pub use supervised::Outcome;

use crate::backend::{Backend, StartedTask};
use crate::failure::Failure;
use crate::promise::Promise;
use crate::state::LoopState;
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
#[must_use = "a task runs on when its handle is dropped; say so with `detach()`, or tie the two together with `cancel_on_drop()`"]
pub struct Task<B: Backend, T: Send + 'static> {
    started: Started<B, T>,
    state: Arc<LoopState>,
    id: TaskId,
    /// A cancel was noted for a task that had no entry in the table yet; of a task
    /// that was refused, that nobody minds.
    noted: AtomicBool,
}

enum Started<B: Backend, T: Send + 'static> {
    Running(B::Started<Outcome<T>>),
    /// The loop refused it; the failure says why.
    Refused(Option<Failure>),
    Taken,
}

/// Starts `future` on the backend as a supervised task.
#[track_caller]
pub(crate) fn spawn<B, F>(backend: &B, future: F) -> Task<B, F::Output>
where
    B: Backend,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let state = backend.state().clone();
    let (started, id) = match supervised::Supervised::new(&state, future) {
        Ok(supervised) => {
            let id = supervised.id();
            (Started::Running(backend.start(supervised)), id)
        }
        Err(closed) => (Started::Refused(Some(Failure::new(closed))), TaskId::NONE),
    };
    Task {
        started,
        state,
        id,
        noted: AtomicBool::new(false),
    }
}

impl<B: Backend, T: Send + 'static> Future for Task<B, T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.started {
            Started::Running(running) => match ready!(Pin::new(running).poll(cx)) {
                Some(outcome) => outcome.into_result(),
                // The runtime dropped the future without finishing it.
                None => Err(Failure::cancelled("the loop's runtime was shut down")),
            },
            Started::Refused(failure) => Err(failure
                .take()
                .unwrap_or_else(|| Failure::cancelled("the loop is closed"))),
            Started::Taken => Err(Failure::message(
                "a task was polled again after it had given its outcome",
            )),
        };
        self.started = Started::Taken;
        Poll::Ready(result)
    }
}

impl<B: Backend, T: Send + 'static> Promise for Task<B, T> {
    type Value = T;

    fn cancel(&self, reason: &str) -> bool {
        let Started::Running(running) = &self.started else {
            return false;
        };
        if running.is_finished() {
            return false;
        }
        if !self.state.tasks.cancel(self.id, reason) {
            return true;
        }
        self.noted.store(true, Ordering::Relaxed);
        // The task may have finished before the note was left; then nobody reads it.
        !(running.is_finished() && self.state.tasks.retract(self.id))
    }

    fn is_done(&self) -> bool {
        match &self.started {
            Started::Running(running) => running.is_finished(),
            Started::Refused(failure) => failure.is_some(),
            Started::Taken => false,
        }
    }

    fn ignore_failure(&self) {
        match &self.started {
            // The outcome looks for this when it is dropped.
            Started::Running(_) => self.state.tasks.ignore_failure(self.id),
            Started::Refused(_) => self.noted.store(true, Ordering::Relaxed),
            Started::Taken => {}
        }
    }
}

impl<B: Backend, T: Send + 'static> Drop for Task<B, T> {
    fn drop(&mut self) {
        if let Started::Refused(Some(failure)) = &self.started
            && !self.noted.load(Ordering::Relaxed)
        {
            self.state
                .report("a task was not started and nobody awaited it", failure);
        }
        // A cancel noted for a task that finished without ever being suspended has
        // nobody else to clear it.
        let running = matches!(&self.started, Started::Running(task) if !task.is_finished());
        if self.noted.load(Ordering::Relaxed) && !running {
            self.state.tasks.retract(self.id);
        }
    }
}

/// Cancels its promise when dropped; awaiting it awaits the promise.
#[must_use = "dropping the guard cancels the work at once"]
#[derive(Debug)]
pub struct CancelOnDrop<P: Promise> {
    promise: P,
}

impl<P: Promise> CancelOnDrop<P> {
    pub(crate) fn new(promise: P) -> Self {
        Self { promise }
    }
}

impl<P: Promise + Unpin> Future for CancelOnDrop<P> {
    type Output = P::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.promise).poll(cx)
    }
}

impl<P: Promise + Unpin> Promise for CancelOnDrop<P> {
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        self.promise.cancel(reason)
    }

    fn is_done(&self) -> bool {
        self.promise.is_done()
    }

    fn ignore_failure(&self) {
        self.promise.ignore_failure();
    }
}

impl<P: Promise> Drop for CancelOnDrop<P> {
    fn drop(&mut self) {
        self.promise.cancel("its guard was dropped");
    }
}

impl<B: Backend, T: Send + 'static> std::fmt::Debug for Task<B, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("done", &self.is_done())
            .finish_non_exhaustive()
    }
}
