//! [`Spawner`]: handing futures to a loop.

use std::future::Future;

use crate::event_loop::backend::Backend;
use crate::event_loop::task::{self, Task};
use crate::promise::Promise;

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
