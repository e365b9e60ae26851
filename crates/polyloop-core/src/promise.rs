//! [`Promise`]: a value that isn't available yet.
//!
//! Every promise is a [`Future`], so sequential-looking code is an `async fn`. What
//! it adds is that it can be cancelled with a reason, asked whether it is done,
//! and chained with callbacks. A chain is a plain future built of plain structs:
//! its links run in the task that awaits or spawns it, cost no allocation, and
//! never run inside the call that settles or attaches (PROM-02, PROM-03).
//!
//! Awaiting one that has its outcome goes on at once (CORO-01). So that a task which finds
//! everything ready leaves others their turn, after a thousand such awaits the next one
//! waits for the task's next turn (LOOP-41); nobody has to yield by hand.
//!
//! This room knows no loop. What it needs of one it asks for by the least that will do:
//! [`Delays`] to let time pass, and a route for [reports](report) that a loop lays.

/// What a promise answers by asking its `source`, the one before it in a chain.
macro_rules! by_source {
    () => {
        fn cancel(&self, reason: &str) -> bool {
            self.source.cancel(reason)
        }

        fn is_done(&self) -> bool {
            self.source.is_done()
        }

        fn ignore_failure(&self) {
            self.source.ignore_failure();
        }
    };
}

mod as_promise;
pub(crate) mod budget;
mod cancel_on_drop;
pub(crate) mod combine;
pub(crate) mod crowd;
pub(crate) mod deferred;
pub(crate) mod delays;
pub(crate) mod discard;
pub(crate) mod failure;
mod from_future;
mod links;
#[cfg(all(test, shuttle))]
mod models;
pub(crate) mod report;
mod shared;
mod timeout;

use std::future::Future;

pub use as_promise::{AsPromise, IntoPromise, as_promise};
pub use cancel_on_drop::CancelOnDrop;
pub use from_future::{FromFuture, from_future};
pub use links::{AndThen, Finally, OnDone, OrElse, Then};
pub use shared::Shared;
pub use timeout::Timeout;

use crate::promise::delays::Delays;
use crate::promise::failure::Failure;

/// A value that isn't available yet: Twisted's Deferred, asyncio's Future.
///
/// ```
/// use polyloop_core::{Failure, Promise};
///
/// /// Any promise of a number becomes a promise of a text.
/// fn describe<P: Promise<Value = u32>>(number: P) -> impl Promise<Value = String> {
///     number
///         .then(|n| n.checked_mul(n).ok_or_else(|| Failure::from("too large to square")))
///         .or_else(|failure| if failure.is_timed_out() { Ok(0) } else { Err(failure) })
///         .then(|square| Ok(format!("the square is {square}")))
/// }
/// ```
pub trait Promise: Future<Output = Result<<Self as Promise>::Value, Failure>> + Send {
    /// What it promises.
    type Value;

    /// Asks the work to stop. Does not block; what the work does about it, the
    /// promise will say. The waiter sees a failure of kind
    /// [`Cancelled`](crate::FailureKind::Cancelled) with this reason, unless the
    /// work answers with an outcome of its own.
    ///
    /// False if there is nothing to cancel any more, and then nothing happens
    /// (PROM-19). A chain passes it to the promise that it waits for (PROM-21).
    fn cancel(&self, reason: &str) -> bool;

    /// Whether an outcome can be taken now (PROM-37).
    fn is_done(&self) -> bool;

    /// Lets go of it. A spawned task runs on by itself; dropping its handle does the
    /// same, and this says it aloud. Of any other promise, whoever was to settle it
    /// learns that nobody waits.
    fn detach(self)
    where
        Self: Sized,
    {
    }

    /// Says that nobody will take the outcome and that this is meant: a failure that
    /// it settles with is not reported when it is dropped. For a promise that is
    /// about to be dropped; what awaiting it gives afterwards is not specified.
    ///
    /// [`try_gather`](crate::try_gather) does this to the siblings of the one that
    /// failed (COMB-06). A chain passes it to the promise that it waits for. The
    /// default does nothing, which suits a promise that reports nothing.
    fn ignore_failure(&self) {}

    /// Ties the work to the returned guard: dropping the guard cancels it.
    fn cancel_on_drop(self) -> CancelOnDrop<Self>
    where
        Self: Sized,
    {
        CancelOnDrop::new(self)
    }

    /// Transforms the value; the closure may fail. A failure passes by unchanged
    /// (PROM-05, PROM-09).
    fn then<F, U>(self, f: F) -> Then<Self, F>
    where
        Self: Sized,
        F: FnOnce(Self::Value) -> Result<U, Failure> + Send,
    {
        Then::new(self, f)
    }

    /// Waits for the promise that the closure makes of the value (PROM-10).
    fn and_then<F, P>(self, f: F) -> AndThen<Self, F, P>
    where
        Self: Sized,
        F: FnOnce(Self::Value) -> P + Send,
        P: Promise,
    {
        AndThen::new(self, f)
    }

    /// Turns a failure back into a value, or into another failure (PROM-08). A
    /// value passes by unchanged.
    fn or_else<F>(self, f: F) -> OrElse<Self, F>
    where
        Self: Sized,
        F: FnOnce(Failure) -> Result<Self::Value, Failure> + Send,
    {
        OrElse::new(self, f)
    }

    /// Sees both outcomes and makes a new one.
    fn finally<F, U>(self, f: F) -> Finally<Self, F>
    where
        Self: Sized,
        F: FnOnce(Result<Self::Value, Failure>) -> Result<U, Failure> + Send,
    {
        Finally::new(self, f)
    }

    /// Observes the outcome by reference, as asyncio's done-callbacks do, and passes
    /// it on unchanged. If the observer panics, the error hook is told (PROM-06).
    fn on_done<F>(self, f: F) -> OnDone<Self, F>
    where
        Self: Sized,
        F: FnOnce(&Result<Self::Value, Failure>) + Send,
    {
        OnDone::new(self, f)
    }

    /// Lets many wait for it: each clone gives the same outcome (PROM-34).
    fn shared(self) -> Shared<Self>
    where
        Self: Sized,
        Self::Value: Clone,
    {
        Shared::new(self)
    }

    /// Fails with [`TimedOut`](crate::FailureKind::TimedOut) if it does not settle
    /// within `limit`, once the work has stopped (PROM-26, PROM-30). Work that
    /// answers its cancellation with an outcome of its own still gives that one (PROM-29),
    /// and work that somebody else had cancelled by then ends as cancelled, for their
    /// reason, however long it takes to stop (PROM-28): the limit cancels it once more.
    /// With a zero limit, only an outcome that is there already counts (PROM-31).
    fn timeout<D: Delays>(self, lp: &D, limit: std::time::Duration) -> Timeout<Self, D>
    where
        Self: Sized,
    {
        Timeout::new(self, lp, limit)
    }
}

impl<P: Promise + Unpin + ?Sized> Promise for Box<P> {
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        (**self).cancel(reason)
    }

    fn is_done(&self) -> bool {
        (**self).is_done()
    }

    fn ignore_failure(&self) {
        (**self).ignore_failure();
    }
}

impl<P: Promise + ?Sized> Promise for std::pin::Pin<Box<P>> {
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        (**self).cancel(reason)
    }

    fn is_done(&self) -> bool {
        (**self).is_done()
    }

    fn ignore_failure(&self) {
        (**self).ignore_failure();
    }
}
