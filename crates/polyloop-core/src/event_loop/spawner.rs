//! [`Spawner`] and [`Threads`]: handing work to a loop.

use std::future::Future;

use thiserror::Error;

use crate::event_loop::backend::Backend;
use crate::event_loop::calls::Calls as _;
use crate::event_loop::context;
use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::task::{self, Task};
use crate::promise::Promise;
use crate::promise::deferred::Deferred;
use crate::promise::failure::{Failure, catch};

/// Runs futures.
///
/// ```
/// use polyloop_core::{Failure, Promise, Spawner};
///
/// async fn sum_of_two<S: Spawner>(lp: &S) -> Result<u32, Failure> {
///     let left = lp.spawn(async { 20 });
///     let right = lp.spawn(async { 22 });
///     Ok(left.await? + right.await?)
/// }
/// ```
pub trait Spawner: Clone + Send + Sync + 'static {
    /// The promise for a spawned future's output.
    type Task<T: Send + 'static>: Promise<Value = T> + Unpin + 'static;

    /// Runs `future` on this loop, whatever thread or runtime the caller is on.
    ///
    /// No part of it runs before this returns (LOOP-35). Its panic becomes the
    /// promise's failure. On a closed loop the promise fails with
    /// [`LoopClosed`](crate::LoopClosed).
    fn spawn<F>(&self, future: F) -> Self::Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
}

impl<B: Backend> Spawner for B {
    type Task<T: Send + 'static> = Task<B, T>;

    #[track_caller]
    fn spawn<F>(&self, future: F) -> Task<B, F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(self, future)
    }
}

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
    /// its end and what it returns is dropped (LOOP-28).
    fn run_in_thread<F, T>(&self, work: F) -> Deferred<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;

    /// Makes the call on the loop and blocks this thread for its result: Twisted's
    /// `blockingCallFromThread` (LOOP-29). For threads beside the loop only; on the
    /// loop itself it would wait for ever, so there it fails at once.
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
    #[error("`call_from_thread` was used on the {running} loop itself, which must not block")]
    OnLoop {
        /// The loop that this thread runs.
        running: &'static str,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
    /// The call panicked, or the loop ended before it was made.
    #[error("the call was not completed: {0}")]
    Failed(Failure),
}

impl<B: Backend> Threads for B {
    fn run_in_thread<F, T>(&self, work: F) -> Deferred<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Err(closed) = self.state().check_open() {
            return Deferred::failed(closed);
        }
        let (resolver, promise) = Deferred::new();
        self.start_blocking(move || match catch(|| Ok(work())) {
            // A value that nobody waits for any more is dropped quietly.
            Ok(value) => drop(resolver.resolve(value)),
            Err(failure) => drop(resolver.reject(failure)),
        });
        promise
    }

    fn call_from_thread<F, T>(&self, call: F) -> Result<T, CallFromThreadError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Some(running) = context::current_state() {
            return Err(CallFromThreadError::OnLoop {
                running: running.name(),
            });
        }
        let (resolver, called) = Deferred::new();
        self.call_soon(move || {
            // A thread that waits no more has gone with its process.
            let _ = resolver.resolve(catch(|| Ok(call())));
        })
        .map_err(|rejected| rejected.closed)?;
        let outcome = self
            .wait_on_thread(called)
            .unwrap_or_else(|_| Err(Failure::cancelled("the loop ended before the call")));
        outcome.map_err(CallFromThreadError::Failed)
    }
}
