//! [`as_promise`]: call, and always get a promise.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Promise;
use crate::promise::deferred::Deferred;
use crate::promise::discard::caught;
use crate::promise::failure::Failure;

/// Calls `f`, now, and gives a promise whatever comes of it: txaio's `as_future`,
/// Twisted's `maybeDeferred` (PROM-38). A value resolves it, a failure or a panic
/// fails it (PROM-39), and a promise is passed through.
///
/// ```
/// use polyloop_core::{Deferred, as_promise};
/// # use futures_util::FutureExt as _;
///
/// let plain = as_promise(|| Ok(1));
/// assert_eq!(plain.now_or_never().unwrap().unwrap(), 1);
///
/// let passed = as_promise(|| Deferred::resolved(2));
/// assert_eq!(passed.now_or_never().unwrap().unwrap(), 2);
///
/// let panicked = as_promise(|| -> Result<u32, _> { panic!("boo") });
/// assert!(panicked.now_or_never().unwrap().unwrap_err().is_panicked());
/// ```
#[track_caller]
pub fn as_promise<F, R>(f: F) -> AsPromise<R::Promise>
where
    F: FnOnce() -> R,
    R: IntoPromise,
{
    AsPromise {
        outcome: match catch_unwind(AssertUnwindSafe(f)) {
            Ok(made) => Outcome::Promise {
                promise: made.into_promise(),
            },
            Err(payload) => Outcome::Panicked {
                failure: Deferred::failed(caught(payload)),
            },
        },
    }
}

/// What [`as_promise`] takes from its closure: a promise, or a result.
pub trait IntoPromise {
    /// The promise it becomes.
    type Promise: Promise<Value: Send>;

    /// Makes a promise of it.
    fn into_promise(self) -> Self::Promise;
}

impl<P: Promise<Value: Send>> IntoPromise for P {
    type Promise = P;

    fn into_promise(self) -> P {
        self
    }
}

impl<T: Send> IntoPromise for Result<T, Failure> {
    type Promise = Deferred<T>;

    fn into_promise(self) -> Deferred<T> {
        self.map_or_else(Deferred::failed, Deferred::resolved)
    }
}

pin_project! {
    /// What [`as_promise`] returns.
    #[must_use = "a promise does nothing unless awaited or spawned"]
    pub struct AsPromise<P: Promise> {
        #[pin]
        outcome: Outcome<P>,
    }
}

pin_project! {
    #[project = OutcomeProjection]
    enum Outcome<P: Promise> {
        Promise { #[pin] promise: P },
        Panicked { #[pin] failure: Deferred<P::Value> },
    }
}

impl<P: Promise<Value: Send>> Future for AsPromise<P> {
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().outcome.project() {
            OutcomeProjection::Promise { promise } => promise.poll(cx),
            OutcomeProjection::Panicked { failure } => failure.poll(cx),
        }
    }
}

impl<P: Promise<Value: Send>> Promise for AsPromise<P> {
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        match &self.outcome {
            Outcome::Promise { promise } => promise.cancel(reason),
            Outcome::Panicked { failure } => failure.cancel(reason),
        }
    }

    fn is_done(&self) -> bool {
        match &self.outcome {
            Outcome::Promise { promise } => promise.is_done(),
            Outcome::Panicked { failure } => failure.is_done(),
        }
    }

    fn ignore_failure(&self) {
        match &self.outcome {
            Outcome::Promise { promise } => promise.ignore_failure(),
            Outcome::Panicked { failure } => failure.ignore_failure(),
        }
    }
}

impl<P: Promise> fmt::Debug for AsPromise<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsPromise").finish_non_exhaustive()
    }
}
