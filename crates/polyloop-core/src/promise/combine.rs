//! Combinators: waiting for several promises at once.
//!
//! | what is wanted | which one | what happens to the others |
//! | --- | --- | --- |
//! | every outcome | [`gather`] | |
//! | every value, or the first failure | [`try_gather`] | run on |
//! | the first value | [`race`] | are cancelled |
//! | whatever settles first | [`select`] | are given back |
//! | some of them, or a time limit | [`wait`] | are given back |
//! | each as it comes | [`as_completed`] | |
//! | tasks that stand and fall together | [`TaskGroup`](crate::TaskGroup) | are cancelled, then waited for |
//! | to stop waiting without stopping the work | [`shield`] | |
//!
//! Each of them owns the promises it is given and polls only those that were
//! woken, so thousands cost no more per wake-up than two. Each is a promise itself,
//! where one outcome comes of it: [`cancel`](Promise::cancel) passes to every child
//! that is still running, the promise then waits for those to stop, and ends as
//! cancelled (COMB-07, COMB-08). Dropping one instead lets go of its children: a
//! spawned task runs on, a chain goes no further, and the resolver of a `Deferred`
//! learns that nobody waits.

mod as_completed;
mod gather;
mod race;
mod select;
mod shield;
mod wait;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{FuturesUnordered, Stream};
use pin_project_lite::pin_project;

pub use as_completed::{AsCompleted, as_completed};
pub use gather::{FirstFailure, Gather, TryGather, gather, try_gather};
pub use race::{AllFailed, NothingToWaitFor, Race, race};
pub use select::{Select, Selected, select};
pub use shield::{Shield, shield};
pub use wait::{Wait, WaitFor, Waited, wait};

use crate::promise::Promise;
use crate::promise::discard::{discard, discard_in_place};
use crate::promise::failure::Failure;
use crate::sync::primitive::OnceLock;

/// An outcome, with its promise's place in the input.
type Numbered<P> = (usize, Result<<P as Promise>::Value, Failure>);

/// When to stop waiting: a sleep of some loop.
type Limit = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The promises that a combinator waits for, each with its place in the input.
struct Children<P> {
    /// Those whose outcome was not taken yet.
    running: FuturesUnordered<Child<P>>,
    /// Why the aggregate was cancelled.
    cancelled: OnceLock<String>,
}

pin_project! {
    struct Child<P> {
        index: usize,
        // There until it is given back, or dropped: one that panics then keeps none of the
        // others from going.
        #[pin]
        promise: Option<P>,
    }

    impl<P> PinnedDrop for Child<P> {
        fn drop(this: Pin<&mut Self>) {
            discard_in_place(this.project().promise);
        }
    }
}

impl<P: Promise> Future for Child<P> {
    type Output = Numbered<P>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.promise.as_pin_mut() {
            Some(promise) => promise.poll(cx).map(|outcome| (*this.index, outcome)),
            None => Poll::Pending,
        }
    }
}

impl<P: Promise> Children<P> {
    fn new(promises: impl IntoIterator<Item = P>) -> Self {
        Self {
            running: promises
                .into_iter()
                .enumerate()
                .map(|(index, promise)| Child {
                    index,
                    promise: Some(promise),
                })
                .collect(),
            cancelled: OnceLock::new(),
        }
    }

    fn len(&self) -> usize {
        self.running.len()
    }

    fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    fn promises(&self) -> impl Iterator<Item = Pin<&P>> {
        Pin::new(&self.running)
            .iter_pin_ref()
            .filter_map(|child| child.project_ref().promise.as_pin_ref())
    }

    /// The places of those that are left, in no order.
    fn places(&self) -> impl Iterator<Item = usize> {
        Pin::new(&self.running)
            .iter_pin_ref()
            .map(|child| child.index)
    }

    /// The next child that settles; `None` when all have.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Numbered<P>>> {
        Pin::new(&mut self.running).poll_next(cx)
    }

    /// Takes the outcomes of all that are left. Ready once there are none.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some((_, outcome)) = ready!(self.poll_next(cx)) {
            discard(outcome);
        }
        Poll::Ready(())
    }

    /// Cancels all that are left; whether any of them could be.
    fn cancel(&self, reason: &str) -> bool {
        // Each is asked, whatever the others say.
        let asked = self
            .promises()
            .filter(|promise| promise.cancel(reason))
            .count();
        if asked > 0 {
            // The first reason stands.
            let _ = self.cancelled.set(reason.to_owned());
        }
        asked > 0
    }

    /// The failure that a cancelled aggregate ends with.
    fn cancelled(&self) -> Option<Failure> {
        self.cancelled
            .get()
            .map(|reason| Failure::cancelled(reason.clone()))
    }

    /// Lets go of all that are left. What they fail with is nobody's loss.
    fn let_go(&mut self) {
        self.ignore_failures();
        self.running.clear();
    }

    fn ignore_failures(&self) {
        for promise in self.promises() {
            promise.ignore_failure();
        }
    }
}

impl<P: Promise + Unpin> Children<P> {
    /// Gives back those that are left, in input order.
    fn take_rest(&mut self) -> Vec<(usize, P)> {
        let mut rest: Vec<_> = std::mem::take(&mut self.running)
            .into_iter()
            .filter_map(|mut child| Some((child.index, child.promise.take()?)))
            .collect();
        rest.sort_unstable_by_key(|(index, _)| *index);
        rest
    }
}

/// What a combinator says that is polled again after it had given its outcome.
pub(crate) fn polled_again<T>() -> Poll<Result<T, Failure>> {
    Poll::Ready(Err(Failure::message(
        "a combinator was polled again after it had given its outcome",
    )))
}

/// The texts of several failures as one line.
pub(crate) fn joined(failures: &[Failure]) -> String {
    failures
        .iter()
        .map(Failure::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
