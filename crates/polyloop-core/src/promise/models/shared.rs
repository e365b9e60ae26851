//! One promise, and many who wait for it, look at it, cancel it or leave.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use shuttle::future::block_on;
use shuttle::thread;

use crate::promise::deferred::Deferred;
use crate::promise::{Failure, Promise};
use crate::sync::primitive::exploring::{draw, look};

#[test]
fn everybody_who_waits_is_told() {
    draw(|| {
        let (resolver, promise) = Deferred::new();
        let shared = promise.shared();
        let waiting = [shared.clone(), shared.clone()]
            .map(|waiter| thread::spawn(move || assert_eq!(block_on(waiter).unwrap(), 1)));
        let settling = thread::spawn(move || resolver.resolve(1).unwrap());
        for thread in waiting {
            thread.join().unwrap();
        }
        settling.join().unwrap();
        assert!(shared.is_done());
    });
}

#[test]
fn who_waits_is_told_though_another_leaves() {
    draw(|| {
        let (resolver, promise) = Deferred::new();
        let mut leaver = promise.shared();
        let waiter = leaver.clone();
        let settling = thread::spawn(move || resolver.resolve(1).unwrap());
        let leaving = thread::spawn(move || {
            look(&mut leaver);
            drop(leaver);
        });
        assert_eq!(block_on(waiter).unwrap(), 1);
        settling.join().unwrap();
        leaving.join().unwrap();
    });
}

#[test]
fn who_waits_is_told_though_another_only_looks() {
    draw(|| {
        let (resolver, promise) = Deferred::new();
        let onlooker = promise.shared();
        let waiter = onlooker.clone();
        let settling = thread::spawn(move || resolver.resolve(1).unwrap());
        let looking = thread::spawn(move || {
            onlooker.is_done();
            onlooker.ignore_failure();
        });
        assert_eq!(block_on(waiter).unwrap(), 1);
        settling.join().unwrap();
        looking.join().unwrap();
    });
}

#[test]
fn a_cancel_reaches_everybody() {
    draw(|| {
        let (resolver, promise) = Deferred::<u32>::new();
        let shared = promise.shared();
        let waiting = [shared.clone(), shared.clone()].map(|waiter| {
            thread::spawn(move || assert!(block_on(waiter).unwrap_err().is_cancelled()))
        });
        assert!(shared.cancel("no more"));
        for thread in waiting {
            thread.join().unwrap();
        }
        assert!(resolver.is_abandoned());
    });
}

#[test]
fn a_cancel_that_meets_the_value_is_one_outcome_for_all() {
    draw(|| {
        let (resolver, promise) = Deferred::new();
        let shared = promise.shared();
        let waiting = [shared.clone(), shared.clone()]
            .map(|waiter| thread::spawn(move || block_on(waiter).ok()));
        let settling = thread::spawn(move || resolver.resolve(1).is_ok());
        let cancelled = shared.cancel("no more");
        let taken = settling.join().unwrap();
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), taken.then_some(1));
        }
        assert!(taken || cancelled);
    });
}

/// Panics once it may go on.
struct Fragile(Deferred<()>);

impl Future for Fragile {
    type Output = Result<u32, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if Pin::new(&mut self.0).poll(cx).is_ready() {
            // Without the hook, which would take it for a failure of the model.
            resume_unwind(Box::new("fragile"));
        }
        Poll::Pending
    }
}

impl Promise for Fragile {
    type Value = u32;

    fn cancel(&self, reason: &str) -> bool {
        self.0.cancel(reason)
    }

    fn is_done(&self) -> bool {
        self.0.is_done()
    }
}

#[test]
fn everybody_is_told_of_a_panic() {
    draw(|| {
        let (resolver, promise) = Deferred::new();
        let shared = Fragile(promise).shared();
        let waiting = [shared.clone(), shared].map(|waiter| {
            thread::spawn(move || catch_unwind(AssertUnwindSafe(|| block_on(waiter))))
        });
        let settling = thread::spawn(move || resolver.resolve(()).unwrap());
        for thread in waiting {
            // The panic itself, or a failure that tells of it.
            assert!(!matches!(thread.join().unwrap(), Ok(Ok(_))));
        }
        settling.join().unwrap();
    });
}

#[test]
fn one_takes_it_as_the_other_comes() {
    draw(|| {
        let shared = Deferred::resolved(1).shared();
        let other = shared.clone();
        let taking = thread::spawn(move || assert_eq!(block_on(other).unwrap(), 1));
        assert_eq!(block_on(shared).unwrap(), 1);
        taking.join().unwrap();
    });
}
