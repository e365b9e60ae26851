//! [`Claim`]: the promise of a token, and the place in the line that it stands in.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::places::Place;
use super::store::Store;
use super::{Grant, Line};
use crate::promise::deferred::Deferred;
use crate::promise::failure::Failure;
use crate::promise::{Promise, budget};
use crate::sync::primitive::{Weak, lock};

/// The promise of a token. Its place in the line is taken by the call that made
/// it, not by its first poll, and given up when this is dropped or cancelled.
pub(in crate::sync) struct Claim<T: Send, S: Store<T>>(Standing<T, S>);

enum Standing<T: Send, S: Store<T>> {
    Ready(Option<Grant<T, S>>),
    // The promise goes first: then nobody is woken when the seat goes.
    Waiting(Deferred<Grant<T, S>>, Option<Seat<T, S>>),
}

/// A place in a line, which doesn't keep the line.
struct Seat<T: Send, S: Store<T>> {
    line: Weak<Line<T, S>>,
    place: Place,
}

impl<T: Send, S: Store<T>> Seat<T, S> {
    fn leave(&self) {
        if let Some(line) = self.line.upgrade() {
            // Dropping a resolver may run code of a user, so not under the lock.
            let left = lock(&line.0).waiters.leave(self.place);
            drop(left);
        }
    }
}

impl<T: Send, S: Store<T>> Drop for Seat<T, S> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T: Send, S: Store<T>> Claim<T, S> {
    pub(super) fn ready(grant: Grant<T, S>) -> Self {
        Self(Standing::Ready(Some(grant)))
    }

    pub(super) fn waiting(
        promise: Deferred<Grant<T, S>>,
        line: Weak<Line<T, S>>,
        place: Place,
    ) -> Self {
        Self(Standing::Waiting(promise, Some(Seat { line, place })))
    }

    /// One that was refused.
    pub(in crate::sync) fn failed(failure: impl Into<Failure>) -> Self {
        Self(Standing::Waiting(Deferred::failed(failure), None))
    }
}

// Nothing in it is ever pinned.
impl<T: Send, S: Store<T>> Unpin for Claim<T, S> {}

impl<T: Send, S: Store<T>> Future for Claim<T, S> {
    type Output = Result<Grant<T, S>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Standing::Ready(_) if budget::is_spent(cx.waker()) => Poll::Pending,
            Standing::Ready(grant) => {
                budget::spend();
                Poll::Ready(grant.take().ok_or_else(|| {
                    Failure::message("a promise was polled again after it had given its outcome")
                }))
            }
            Standing::Waiting(promise, _) => {
                let outcome = ready!(Pin::new(promise).poll(cx));
                Poll::Ready(outcome)
            }
        }
    }
}

impl<T: Send, S: Store<T>> Promise for Claim<T, S> {
    type Value = Grant<T, S>;

    fn cancel(&self, reason: &str) -> bool {
        match &self.0 {
            Standing::Ready(_) => false,
            Standing::Waiting(promise, seat) => {
                let asked = promise.cancel(reason);
                if let (true, Some(seat)) = (asked, seat) {
                    seat.leave();
                }
                asked
            }
        }
    }

    fn is_done(&self) -> bool {
        match &self.0 {
            Standing::Ready(grant) => grant.is_some(),
            Standing::Waiting(promise, _) => promise.is_done(),
        }
    }

    fn ignore_failure(&self) {
        if let Standing::Waiting(promise, _) = &self.0 {
            promise.ignore_failure();
        }
    }
}
