//! [`Threads`]: blocking work beside a loop, and threads that call into it.

mod work;

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use thiserror::Error;

use work::Piece;
pub(crate) use work::WorkList;

use crate::event_loop::backend::Backend;
use crate::event_loop::calls::Calls as _;
use crate::event_loop::context;
use crate::event_loop::lifecycle::{LoopClosed, NobodyRuns};
use crate::promise::deferred::Deferred;
use crate::promise::discard::discard;
use crate::promise::failure::{Failure, catch};

/// Runs blocking code beside the loop: asyncio's `run_in_executor`, Twisted's
/// `deferToThread`.
///
/// ```
/// use polyloop_core::{Failure, Threads};
///
/// async fn read<T: Threads>(lp: &T, path: &'static str) -> Result<String, Failure> {
///     Ok(lp.run_in_thread(move || std::fs::read_to_string(path)).await??)
/// }
/// ```
pub trait Threads: Send + Sync {
    /// Runs `work` on a thread that may block, and promises its value (LOOP-27).
    ///
    /// Cancelling the promise lets go of the waiter at once; the thread runs to
    /// its end and what it returns is dropped (LOOP-28). No thread is interrupted, so
    /// the end of a run waits for it, within the
    /// [limit](crate::Lifecycle::set_shutdown_limit): what was handed over is done when
    /// [`run`](crate::MainLoop::run) returns, also if main returned at once (LOOP-39).
    /// Work that may take for ever, such as reading what somebody types, belongs on a
    /// thread of the program's own, which reaches the loop by `call_soon`.
    #[track_caller]
    fn run_in_thread<F, T>(&self, work: F) -> Deferred<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// Makes the call on the loop and blocks this thread for its result: Twisted's
    /// `blockingCallFromThread` (LOOP-29).
    ///
    /// It never waits for what can't come (LOOP-38): a thread that runs a loop, or that a
    /// runtime is polling on, is refused at once, and so is every thread while
    /// nobody drives the loop. That depends on the loop:
    ///
    /// | loop | is driven |
    /// | --- | --- |
    /// | tokio's, on a multi-thread runtime; smol's and async-std's global ones | always, by threads of its own |
    /// | `TokioLoop::current_thread`, the simulated one | while a thread is inside [`run`](crate::MainLoop::run) |
    /// | one made of an executor or of a current-thread runtime that the application has | while the application drives it. The loop can't tell, and so it waits |
    fn call_from_thread<F, T>(&self, call: F) -> Result<T, CallFromThreadError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
}

/// Why [`Threads::call_from_thread`] has no result.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CallFromThreadError {
    /// This thread is running a loop and must not block.
    #[error(
        "`call_from_thread` was used on a thread that runs the {running} loop and must not \
         block; use `call_soon` or spawn instead"
    )]
    OnLoop {
        /// The loop that this thread runs.
        running: &'static str,
    },
    /// This thread must not block, because a runtime is polling on it.
    #[error("`call_from_thread` of the {name} loop can't be used here: {reason}")]
    MayNotBlock {
        /// The loop that was to make the call.
        name: &'static str,
        /// What stands in the way, and what to do.
        reason: String,
    },
    /// Nobody drives the loop, or its run ended before the call was made.
    #[error(transparent)]
    NobodyRuns(#[from] NobodyRuns),
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
    /// The call panicked, or the loop dropped it because it was wound up.
    #[error("the call was not completed: {0}")]
    Failed(Failure),
}

impl<B: Backend> Threads for B {
    #[track_caller]
    fn run_in_thread<F, T>(&self, work: F) -> Deferred<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let state = self.state();
        if let Err(closed) = state.check_open() {
            state.discard(work);
            return Deferred::failed(closed);
        }
        let (piece, promise) = Piece::new(state, work);
        self.start_blocking(move || piece.run());
        promise
    }

    fn call_from_thread<F, T>(&self, call: F) -> Result<T, CallFromThreadError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let state = self.state();
        if let Some(running) = context::run_by_this_thread() {
            return Err(CallFromThreadError::OnLoop { running });
        }
        if let Some(reason) = self.refuses_to_wait() {
            let name = state.name();
            return Err(CallFromThreadError::MayNotBlock { name, reason });
        }
        state.check_open()?;
        let nobody = || NobodyRuns { name: state.name() };
        if !state.is_driven() {
            return Err(nobody().into());
        }
        let (resolver, mut called) = Deferred::new();
        let asked = self
            .call_soon(move || {
                // A thread that waits no more has gone with its process.
                discard(resolver.resolve(catch(|| Ok(call()))));
            })
            .map_err(|rejected| rejected.closed)?;
        let mut end = state.run_end.watch();
        let outcome = self.wait_on_thread(poll_fn(|cx| {
            if let Poll::Ready(outcome) = Pin::new(&mut called).poll(cx) {
                return Poll::Ready(Some(outcome));
            }
            // In this order: whoever ends the run after it wakes this.
            end.wake(cx.waker());
            if !state.is_driven() && asked.cancel() {
                return Poll::Ready(None);
            }
            Poll::Pending
        }));
        match outcome {
            Some(Ok(Ok(value))) => Ok(value),
            Some(Ok(Err(panic))) => Err(CallFromThreadError::Failed(panic)),
            Some(Err(_)) => Err(CallFromThreadError::Failed(Failure::cancelled(
                "the loop ended before the call",
            ))),
            None => Err(nobody().into()),
        }
    }
}
