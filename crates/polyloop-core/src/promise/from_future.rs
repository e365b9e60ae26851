//! [`from_future`]: any future as a promise.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;

use super::Promise;
use crate::promise::discard::{caught, discard_in_place};
use crate::promise::failure::Failure;
use crate::sync::primitive::OnceLock;

/// Makes a promise of any future that ends in a value or a [`Failure`] (PROM-40).
/// The other way round needs nothing: every promise is a future.
///
/// Cancelling it drops the future at the next poll, before anything else of it
/// runs, and fails with [`Cancelled`](crate::FailureKind::Cancelled). A panic in the
/// future fails the promise with [`Panicked`](crate::FailureKind::Panicked).
///
/// Nothing drives it but whoever awaits it; [`spawn`](crate::Spawner::spawn) gives
/// a promise for a future that runs by itself.
///
/// ```
/// use polyloop_core::{Failure, Promise, from_future};
///
/// fn answer() -> impl Promise<Value = u32> {
///     from_future(async { Ok::<_, Failure>(6) }).then(|n| Ok(n * 7))
/// }
/// # let answer = futures_util::FutureExt::now_or_never(answer());
/// # assert_eq!(answer.unwrap().unwrap(), 42);
/// ```
pub fn from_future<F, T>(future: F) -> FromFuture<F>
where
    F: Future<Output = Result<T, Failure>> + Send,
{
    FromFuture {
        future: Some(future),
        cancelled: OnceLock::new(),
        waiter: AtomicWaker::new(),
    }
}

pin_project! {
    /// What [`from_future`] returns.
    #[must_use = "a promise does nothing unless awaited or spawned"]
    pub struct FromFuture<F> {
        // Empty once the outcome was taken.
        #[pin]
        future: Option<F>,
        cancelled: OnceLock<String>,
        waiter: AtomicWaker,
    }
}

impl<F, T> Future for FromFuture<F>
where
    F: Future<Output = Result<T, Failure>>,
{
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Failure::message(
                "a future was polled again after it had given its outcome",
            )));
        };
        this.waiter.register(cx.waker());
        let outcome = match this.cancelled.get() {
            Some(reason) => Err(Failure::cancelled(reason.clone())),
            None => match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(outcome)) => outcome,
                Err(payload) => Err(caught(payload)),
            },
        };
        discard_in_place(this.future);
        Poll::Ready(outcome)
    }
}

impl<F, T> Promise for FromFuture<F>
where
    F: Future<Output = Result<T, Failure>> + Send,
{
    type Value = T;

    fn cancel(&self, reason: &str) -> bool {
        if self.future.is_none() {
            return false;
        }
        // The first reason stands.
        let _ = self.cancelled.set(reason.to_owned());
        self.waiter.wake();
        true
    }

    /// Whether the future is ready is only known once it is polled, so this is true
    /// after a cancel alone.
    fn is_done(&self) -> bool {
        self.future.is_some() && self.cancelled.get().is_some()
    }
}

impl<F> fmt::Debug for FromFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFuture")
            .field("cancelled", &self.cancelled.get())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::sync::primitive::Arc;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_cancel_drops_the_future() {
        let held = Arc::new(());
        let inside = held.clone();
        let mut promise = Box::pin(from_future(async move {
            std::future::pending::<()>().await;
            drop(inside);
            Ok(())
        }));
        assert!((&mut promise).now_or_never().is_none());
        assert!(promise.cancel("enough"));
        let failure = (&mut promise).now_or_never().unwrap().unwrap_err();
        assert!(failure.is_cancelled());
        assert_eq!(failure.text(), "enough");
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(!promise.cancel("again"));
    }

    #[test]
    fn a_cancel_before_the_first_poll_runs_nothing() {
        let promise = from_future(async { panic!("it ran") as Result<(), Failure> });
        assert!(promise.cancel("enough"));
        let failure = promise.now_or_never().unwrap().unwrap_err();
        assert!(failure.is_cancelled());
    }

    #[test]
    fn a_panic_fails_the_promise() {
        let promise = from_future(async { panic!("boo") as Result<(), Failure> });
        let failure = promise.now_or_never().unwrap().unwrap_err();
        assert!(failure.is_panicked());
        assert_eq!(failure.text(), "boo");
    }
}
