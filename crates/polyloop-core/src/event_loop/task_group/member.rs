//! One task of a group, and the promise of its value.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::roll::{Group, Number, Roll};
use crate::event_loop::spawner::Spawner;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::discard;
use crate::promise::failure::Failure;
use crate::promise::{FromFuture, Promise, from_future};
use crate::sync::primitive::Arc;

pin_project! {
    /// The future of a task, as its loop runs it. The fields are dropped in order:
    /// the future goes before the group learns that it has gone.
    pub(super) struct Member<F, T: Send, S: Spawner> {
        #[pin]
        future: FromFuture<F>,
        place: Place<T, S>,
    }
}

/// A task's place in its group, given up on every way out.
struct Place<T: Send, S: Spawner> {
    roll: Arc<Roll<S>>,
    number: Number,
    /// Empty once the task has returned.
    resolver: Option<Resolver<T>>,
}

pub(super) fn member<F, T, S>(
    future: F,
    roll: Arc<Roll<S>>,
    number: Number,
) -> (Member<F, T, S>, GroupTask<T>)
where
    F: Future<Output = Result<T, Failure>> + Send,
    T: Send,
    S: Spawner,
{
    let (resolver, outcome) = Deferred::new();
    let member = Member {
        future: from_future(future),
        place: Place {
            roll: roll.clone(),
            number,
            resolver: Some(resolver),
        },
    };
    let handle = GroupTask {
        outcome,
        roll,
        number,
    };
    (member, handle)
}

impl<F, T, S> Future for Member<F, T, S>
where
    F: Future<Output = Result<T, Failure>> + Send,
    T: Send,
    S: Spawner,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let outcome = ready!(this.future.poll(cx));
        let Some(resolver) = this.place.resolver.take() else {
            return Poll::Ready(());
        };
        match outcome {
            // Nobody may want the value.
            Ok(value) => discard(resolver.resolve(value)),
            Err(failure) => {
                this.place.fail(failure.clone());
                drop(resolver.reject(failure));
            }
        }
        Poll::Ready(())
    }
}

impl<T: Send, S: Spawner> Place<T, S> {
    fn fail(&self, failure: Failure) {
        // To end as cancelled when asked to is no failure; unasked, it is one.
        if !(failure.is_cancelled() && self.roll.is_asked(self.number)) {
            self.roll.fail(self.number, failure);
        }
    }
}

impl<T: Send, S: Spawner> Drop for Place<T, S> {
    fn drop(&mut self) {
        let Some(resolver) = self.resolver.take() else {
            self.roll.leave(self.number);
            return;
        };
        // It was dropped before it returned.
        let unasked = Failure::cancelled("its loop dropped the task");
        self.fail(unasked.clone());
        let failure = match self.roll.leave(self.number) {
            Some(reason) => Failure::cancelled(reason),
            None => unasked,
        };
        drop(resolver.reject(failure));
    }
}

/// The promise of what a task of a [`TaskGroup`](crate::TaskGroup) returns.
///
/// Dropping it loses nothing: the task runs on, and its failure is the group's.
/// Cancelling it cancels the one task, which is no failure of the group.
#[must_use = "the task runs whether or not this is awaited; say so with `detach()`"]
pub struct GroupTask<T: Send> {
    outcome: Deferred<T>,
    roll: Arc<dyn Group>,
    number: Number,
}

impl<T: Send> Future for GroupTask<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        if outcome.is_err() {
            self.roll.failure_seen(self.number);
        }
        Poll::Ready(outcome)
    }
}

impl<T: Send> Promise for GroupTask<T> {
    type Value = T;

    fn cancel(&self, reason: &str) -> bool {
        !self.outcome.is_done() && self.roll.cancel_one(self.number, reason)
    }

    fn is_done(&self) -> bool {
        self.outcome.is_done()
    }

    fn ignore_failure(&self) {
        self.outcome.ignore_failure();
    }
}

impl<T: Send> Drop for GroupTask<T> {
    fn drop(&mut self) {
        // The join reports it.
        self.outcome.ignore_failure();
    }
}

impl<T: Send> fmt::Debug for GroupTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupTask")
            .field("number", &self.number)
            .field("done", &self.outcome.is_done())
            .finish_non_exhaustive()
    }
}
