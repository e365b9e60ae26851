//! [`shield`]: a wait that can be cancelled without touching the work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;

use crate::promise::Promise;
use crate::promise::failure::Failure;
use crate::sync::primitive::OnceLock;

/// Waits for `promise` without passing a cancel on to it (COMB-17).
///
/// Cancelling the shield ends the wait alone; if `promise` is itself cancelled, the
/// waiter sees that. After a cancelled wait the work is still there to be taken
/// out, with [`into_inner`](Shield::into_inner); if the shield is dropped instead,
/// a spawned task runs on, and its failure goes to the error hook. Shield one clone
/// of a [`shared`](Promise::shared) promise to keep another.
///
/// ```
/// use polyloop_core::{Deferred, Promise, shield};
/// # use futures_util::FutureExt as _;
///
/// let (resolver, work) = Deferred::new();
/// let mut wait = shield(work);
/// assert!(wait.cancel("not interested"));
/// assert!((&mut wait).now_or_never().unwrap().unwrap_err().is_cancelled());
/// resolver.resolve("done all the same").unwrap();
/// let work = wait.into_inner();
/// assert_eq!(work.now_or_never().unwrap().unwrap(), "done all the same");
/// ```
pub fn shield<P: Promise>(promise: P) -> Shield<P> {
    Shield {
        promise,
        cancelled: OnceLock::new(),
        waiter: AtomicWaker::new(),
        taken: false,
    }
}

pin_project! {
    /// What [`shield`] returns.
    #[must_use = "a promise does nothing unless awaited or spawned"]
    #[derive(Debug)]
    pub struct Shield<P> {
        #[pin]
        promise: P,
        cancelled: OnceLock<String>,
        waiter: AtomicWaker,
        taken: bool,
    }
}

impl<P> Shield<P> {
    /// The shielded promise.
    pub fn into_inner(self) -> P {
        self.promise
    }
}

impl<P: Promise> Future for Shield<P> {
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.taken {
            return super::polled_again();
        }
        this.waiter.register(cx.waker());
        let outcome = match this.cancelled.get() {
            Some(reason) => Err(Failure::cancelled(reason.clone())),
            None => ready!(this.promise.poll(cx)),
        };
        *this.taken = true;
        Poll::Ready(outcome)
    }
}

impl<P: Promise> Promise for Shield<P> {
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        if self.taken || self.promise.is_done() {
            return false;
        }
        // The first reason stands.
        let _ = self.cancelled.set(reason.to_owned());
        self.waiter.wake();
        true
    }

    fn is_done(&self) -> bool {
        !self.taken && (self.cancelled.get().is_some() || self.promise.is_done())
    }

    fn ignore_failure(&self) {
        self.promise.ignore_failure();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::Deferred;

    #[test]
    fn the_inner_cancel_reaches_the_waiter() {
        let (_resolver, work) = Deferred::<u32>::new();
        work.cancel("from inside");
        let mut wait = shield(work);
        assert!(!wait.cancel("too late"));
        let failure = (&mut wait).now_or_never().unwrap().unwrap_err();
        assert!(failure.is_cancelled());
        assert_eq!(failure.text(), "from inside");
    }

    #[test]
    fn a_cancel_does_not_reach_the_work() {
        let (resolver, work) = Deferred::<u32>::new();
        let mut wait = shield(work);
        assert!((&mut wait).now_or_never().is_none());
        assert!(!wait.is_done());
        assert!(wait.cancel("enough"));
        assert!(wait.is_done());
        assert!(!resolver.is_abandoned());
        assert!((&mut wait).now_or_never().unwrap().is_err());
        assert!(!wait.is_done());
    }
}
