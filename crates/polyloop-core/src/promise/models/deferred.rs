//! A promise and its resolver, each on a thread of its own.

use shuttle::future::block_on;
use shuttle::thread;

use crate::promise::deferred::Deferred;
use crate::promise::{Failure, Promise as _};
use crate::sync::primitive::Arc;
use crate::sync::primitive::exploring::{exhaust, look};

#[test]
fn who_waits_is_woken() {
    exhaust(|| {
        let (resolver, promise) = Deferred::new();
        let settling = thread::spawn(move || resolver.resolve(5).unwrap());
        assert_eq!(block_on(promise).unwrap(), 5);
        settling.join().unwrap();
    });
}

#[test]
fn the_last_who_looked_is_woken() {
    exhaust(|| {
        let (resolver, mut promise) = Deferred::new();
        let settling = thread::spawn(move || resolver.resolve(5).unwrap());
        let looking = thread::spawn(move || {
            let seen = look(&mut promise);
            (seen, promise)
        });
        let value = match looking.join().unwrap() {
            (Some(seen), _) => seen,
            // Another waker is left behind.
            (None, promise) => block_on(promise),
        };
        assert_eq!(value.unwrap(), 5);
        settling.join().unwrap();
    });
}

#[test]
fn a_value_is_taken_or_comes_back() {
    exhaust(|| {
        let (resolver, promise) = Deferred::new();
        let value = Arc::new(());
        let given = value.clone();
        let settling = thread::spawn(move || resolver.resolve(given).is_ok());
        let cancelled = promise.cancel("no more");
        let got = block_on(promise);
        let taken = settling.join().unwrap();
        match &got {
            Ok(_) => assert!(taken),
            Err(failure) => assert!(failure.is_cancelled() && cancelled && !taken),
        }
        drop(got);
        assert_eq!(Arc::strong_count(&value), 1, "the value is somewhere still");
    });
}

#[test]
fn one_reason_stands_when_the_resolver_goes_as_it_is_cancelled() {
    exhaust(|| {
        let (resolver, promise) = Deferred::<u32>::new();
        let breaking = thread::spawn(move || drop(resolver));
        let cancelled = promise.cancel("no more");
        let failure = block_on(promise).unwrap_err();
        assert_eq!(failure.is_cancelled(), cancelled);
        breaking.join().unwrap();
    });
}

#[test]
fn nothing_is_left_of_a_promise_dropped_as_it_settles() {
    exhaust(|| {
        let (resolver, promise) = Deferred::new();
        let value = Arc::new(());
        let given = value.clone();
        let settling = thread::spawn(move || drop(resolver.resolve(given)));
        drop(promise);
        settling.join().unwrap();
        assert_eq!(Arc::strong_count(&value), 1, "the value is somewhere still");
    });
}

#[test]
fn a_canceller_and_a_resolver_settle_it_once() {
    exhaust(|| {
        let asked = Arc::new(());
        let held = asked.clone();
        let (resolver, promise) = Deferred::with_canceller(move |_| {
            drop(held);
            Some(Err(Failure::message("stopped")))
        });
        let settling = thread::spawn(move || resolver.resolve(1).is_ok());
        let cancelled = promise.cancel("no more");
        let outcome = block_on(promise);
        let taken = settling.join().unwrap();
        assert_ne!(taken, outcome.is_err());
        // A value that comes as the canceller runs is an answer, too.
        assert!(cancelled || taken);
        assert_eq!(Arc::strong_count(&asked), 1, "the canceller is kept");
    });
}
