//! [`CancelOnDrop`]: a guard that ties work to a scope.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Promise;

/// Cancels its promise when dropped; awaiting it awaits the promise.
#[must_use = "dropping the guard cancels the work at once"]
#[derive(Debug)]
pub struct CancelOnDrop<P: Promise> {
    promise: P,
}

impl<P: Promise> CancelOnDrop<P> {
    pub(super) fn new(promise: P) -> Self {
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
