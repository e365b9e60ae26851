//! [`Shared`]: one promise, many waiters.
//!
//! The work is in one waiter's hands at a time: whoever finds it free takes it out, polls
//! or asks it without a lock, and puts it back. Who comes meanwhile is turned away, and
//! woken by whoever puts it back if there is something to see.

mod signal;

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use signal::{Place, Signal};

use super::{Promise, budget};
use crate::promise::discard::{caught, discard};
use crate::promise::failure::Failure;
use crate::promise::report::report_here;
use crate::sync::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::primitive::{Arc, Mutex, lock};

/// What [`Promise::shared`] returns. Each clone is a promise of its own with the
/// same outcome; any of them may cancel the work for all.
///
/// Whichever is polled drives the work. Those that are dropped, or never polled again,
/// leave it to the others (PROM-41). Work that panics fails all of them (PROM-42).
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct Shared<P: Promise> {
    inner: Arc<Inner<P>>,
    /// This clone's place among the waiters.
    place: Option<Place>,
    /// Nobody minds what this clone fails with.
    ignored: AtomicBool,
}

struct Inner<P: Promise> {
    stage: Mutex<Stage<P>>,
    signal: Arc<Signal>,
    /// How many clones there are that mind a failure.
    minding: AtomicUsize,
}

enum Stage<P: Promise> {
    /// Nobody looks at the work.
    Idle(Pin<Box<P>>),
    /// Somebody has the work in hand, and will see the cancel that comes meanwhile.
    Working {
        cancel: Option<String>,
    },
    Settled(Result<P::Value, Failure>),
    /// Somebody copies the outcome: that is code of a user, which no lock may surround.
    Copying,
}

impl<P: Promise> Stage<P> {
    fn is_settled(&self) -> bool {
        matches!(self, Self::Settled(_) | Self::Copying)
    }

    /// Takes the work into the caller's hands, if nobody has it.
    fn take_work(&mut self) -> Option<Pin<Box<P>>> {
        if !matches!(self, Self::Idle(_)) {
            return None;
        }
        match mem::replace(self, Self::Working { cancel: None }) {
            Self::Idle(work) => Some(work),
            _ => None,
        }
    }

    fn take_outcome(&mut self) -> Option<Result<P::Value, Failure>> {
        if !matches!(self, Self::Settled(_)) {
            return None;
        }
        match mem::replace(self, Self::Copying) {
            Self::Settled(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl<P: Promise> Inner<P> {
    /// Puts the work back, once it was told of a cancel that came meanwhile, and wakes
    /// those who were turned away if there is something to see.
    fn put_back(&self, work: Pin<Box<P>>) {
        loop {
            let mut stage = lock(&self.stage);
            let reason = match &mut *stage {
                Stage::Working { cancel } => cancel.take(),
                _ => None,
            };
            let Some(reason) = reason else {
                *stage = Stage::Idle(work);
                break;
            };
            drop(stage);
            self.cancel(&work, &reason);
        }
        self.signal.wake_if_raised();
    }

    /// Cancels the work that the caller has in hand; whether it could be. Whatever it
    /// answers, it is to be polled.
    fn cancel(&self, work: &Pin<Box<P>>, reason: &str) -> bool {
        let answer = catch_unwind(AssertUnwindSafe(|| work.cancel(reason)));
        self.signal.raise();
        answer.unwrap_or_else(|payload| {
            report_here("the cancel of a shared promise panicked", &caught(payload));
            false
        })
    }

    /// Asks the work something; `None` while somebody else has it, or if it is over.
    fn ask<R>(&self, question: impl FnOnce(&P) -> R) -> Option<R> {
        let work = lock(&self.stage).take_work()?;
        let answer = catch_unwind(AssertUnwindSafe(|| question(&work)));
        self.put_back(work);
        Some(answer.unwrap_or_else(|payload| resume_unwind(payload)))
    }

    /// The outcome, or a poll of the work that may give it. If somebody else has either
    /// in hand, they wake the waiters once there is something to see.
    fn look(&self) -> Poll<Result<P::Value, Failure>> {
        let mut stage = lock(&self.stage);
        if let Some(outcome) = stage.take_outcome() {
            return Poll::Ready(outcome);
        }
        let work = stage.take_work();
        drop(stage);
        work.map_or(Poll::Pending, |work| self.poll(work))
    }

    /// Polls the work, if there is reason to.
    fn poll(&self, mut work: Pin<Box<P>>) -> Poll<Result<P::Value, Failure>> {
        if !self.signal.take() {
            self.put_back(work);
            return Poll::Pending;
        }
        let waker = Waker::from(self.signal.clone());
        let mut cx = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut cx)));
        let outcome = match polled {
            Ok(Poll::Pending) => {
                self.put_back(work);
                return Poll::Pending;
            }
            Ok(Poll::Ready(outcome)) => outcome,
            // Unwinding from here would leave the others waiting for ever.
            Err(payload) => Err(caught(payload)),
        };
        // The work goes before its outcome is seen.
        discard(work);
        Poll::Ready(outcome)
    }
}

impl<P: Promise<Value: Clone>> Inner<P> {
    /// Gives a copy, and puts the outcome where everybody finds it.
    fn settle(&self, outcome: Result<P::Value, Failure>) -> Result<P::Value, Failure> {
        let copy = catch_unwind(AssertUnwindSafe(|| outcome.clone()));
        *lock(&self.stage) = Stage::Settled(outcome);
        self.signal.wake_waiters();
        copy.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<P: Promise> Shared<P> {
    pub(super) fn new(promise: P) -> Self {
        Self {
            inner: Arc::new(Inner {
                stage: Mutex::new(Stage::Idle(Box::pin(promise))),
                signal: Signal::new(),
                minding: AtomicUsize::new(1),
            }),
            place: None,
            ignored: AtomicBool::new(false),
        }
    }

    /// It waits no longer.
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.inner.signal.leave(place);
        }
    }
}

impl<P: Promise> Clone for Shared<P> {
    fn clone(&self) -> Self {
        self.inner.minding.fetch_add(1, Ordering::Relaxed);
        Self {
            inner: self.inner.clone(),
            place: None,
            ignored: AtomicBool::new(false),
        }
    }
}

impl<P> Future for Shared<P>
where
    P: Promise<Value: Clone + Send>,
{
    type Output = Result<P::Value, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if budget::is_spent(cx.waker()) {
            return Poll::Pending;
        }
        let this = &mut *self;
        let found = lock(&this.inner.stage).take_outcome();
        let outcome = if let Some(outcome) = found {
            outcome
        } else {
            // Registered before the work is looked at, so that no wake-up is missed.
            this.inner.signal.register(&mut this.place, cx.waker());
            match this.inner.look() {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => return Poll::Pending,
            }
        };
        budget::spend();
        // Not to be woken by itself.
        this.leave();
        Poll::Ready(this.inner.settle(outcome))
    }
}

impl<P> Promise for Shared<P>
where
    P: Promise<Value: Clone + Send>,
{
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        let mut stage = lock(&self.inner.stage);
        match &mut *stage {
            Stage::Settled(_) | Stage::Copying => false,
            // Whoever has the work tells it, perhaps the very callback that cancels. The
            // first reason stands.
            Stage::Working { cancel } => {
                cancel.get_or_insert_with(|| reason.to_owned());
                true
            }
            Stage::Idle(_) => {
                let work = stage.take_work();
                drop(stage);
                work.is_some_and(|work| {
                    let answer = self.inner.cancel(&work, reason);
                    self.inner.put_back(work);
                    answer
                })
            }
        }
    }

    fn is_done(&self) -> bool {
        lock(&self.inner.stage).is_settled() || self.inner.ask(P::is_done) == Some(true)
    }

    /// Speaks for this clone alone: while there are others, the failure is theirs to
    /// take or to leave.
    fn ignore_failure(&self) {
        if !self.ignored.swap(true, Ordering::Relaxed)
            && self.inner.minding.fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.inner.ask(P::ignore_failure);
        }
    }
}

impl<P: Promise> Drop for Shared<P> {
    fn drop(&mut self) {
        self.leave();
        if !self.ignored.load(Ordering::Relaxed) {
            self.inner.minding.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl<P: Promise> std::fmt::Debug for Shared<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::Deferred;

    /// A waker that is the last to hold a waiter.
    struct Holder(
        #[expect(dead_code, reason = "it is there to be dropped")] Mutex<Shared<Deferred<u32>>>,
    );

    impl Wake for Holder {
        fn wake(self: Arc<Self>) {}
    }

    fn held_by_a_waker_of(promise: &mut Shared<Deferred<u32>>) {
        let mut other = promise.clone();
        assert!((&mut other).now_or_never().is_none());
        let waker = Waker::from(Arc::new(Holder(Mutex::new(other))));
        let polled = Pin::new(promise).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }

    #[test]
    fn a_waker_may_be_the_last_to_hold_another_waiter() {
        let (_resolver, work) = Deferred::<u32>::new();
        let mut promise = Promise::shared(work);
        held_by_a_waker_of(&mut promise);
        assert!((&mut promise).now_or_never().is_none());
        held_by_a_waker_of(&mut promise);
        drop(promise);
    }

    #[test]
    fn a_place_is_good_for_one_round() {
        let (signal, mut first, mut second) = (Signal::new(), None, None);
        signal.register(&mut first, Waker::noop());
        signal.wake_waiters();
        signal.register(&mut second, Waker::noop());
        signal.leave(first.unwrap());
        assert_eq!(signal.waiting(), 1, "the place is the second's by now");
        signal.register(&mut first, Waker::noop());
        assert_eq!(signal.waiting(), 2);
    }

    #[test]
    fn both_clones_that_are_not_minded_say_nothing() {
        let promise = Promise::shared(Deferred::<u32>::failed("nobody minds"));
        let other = promise.clone();
        promise.ignore_failure();
        promise.ignore_failure();
        assert_eq!(promise.inner.minding.load(Ordering::Relaxed), 1);
        other.ignore_failure();
        drop((promise, other));
    }

    #[test]
    fn work_that_was_not_woken_is_not_polled() {
        struct Counted(Arc<AtomicUsize>);
        impl Future for Counted {
            type Output = Result<u32, Failure>;
            fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
                self.0.fetch_add(1, Ordering::Relaxed);
                Poll::Pending
            }
        }
        impl Promise for Counted {
            type Value = u32;
            fn cancel(&self, _: &str) -> bool {
                false
            }
            fn is_done(&self) -> bool {
                false
            }
        }
        let polls = Arc::new(AtomicUsize::new(0));
        let promise = Promise::shared(Counted(polls.clone()));
        for _ in 0..100 {
            assert!(promise.clone().now_or_never().is_none());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        promise.cancel("look again");
        assert!(promise.now_or_never().is_none());
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }
}
