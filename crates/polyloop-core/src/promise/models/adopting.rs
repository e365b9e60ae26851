//! Promises that are settled with other promises, while somebody cancels, settles or
//! adopts as well.

use shuttle::future::block_on;
use shuttle::thread;

use crate::promise::Promise as _;
use crate::promise::deferred::Deferred;
use crate::sync::primitive::Arc;
use crate::sync::primitive::exploring::{draw, exhaust};

#[test]
fn a_cancel_that_meets_an_adoption_is_not_lost() {
    exhaust(|| {
        let (outer, promise) = Deferred::<u32>::new();
        let (inner, adopted) = Deferred::<u32>::new();
        let adopting = thread::spawn(move || drop(outer.adopt(adopted)));
        assert!(promise.cancel("no more"));
        adopting.join().unwrap();
        // Either it is over, or the work that it now waits for was asked to stop.
        assert!(promise.is_done() || inner.is_abandoned());
    });
}

#[test]
fn who_waits_for_a_cancelled_promise_is_told_though_it_adopts() {
    exhaust(|| {
        let (outer, promise) = Deferred::<u32>::new();
        let (inner, adopted) = Deferred::<u32>::new();
        let adopting = thread::spawn(move || drop(outer.adopt(adopted)));
        // What a timeout does once its limit has passed. Nobody settles the inner one.
        assert!(promise.cancel("too late"));
        assert!(block_on(promise).unwrap_err().is_cancelled());
        adopting.join().unwrap();
        drop(inner);
    });
}

#[test]
fn a_value_comes_through_an_adoption_that_is_under_way() {
    exhaust(|| {
        let (outer, promise) = Deferred::new();
        let (inner, adopted) = Deferred::new();
        let adopting = thread::spawn(move || drop(outer.adopt(adopted)));
        let settling = thread::spawn(move || inner.resolve(3).unwrap());
        assert_eq!(block_on(promise).unwrap(), 3);
        adopting.join().unwrap();
        settling.join().unwrap();
    });
}

#[test]
fn a_chain_that_two_threads_build_carries_the_value() {
    draw(|| {
        let (first, promise) = Deferred::new();
        let (second, adopted) = Deferred::new();
        let (third, innermost) = Deferred::new();
        let one = thread::spawn(move || drop(first.adopt(adopted)));
        let two = thread::spawn(move || drop(second.adopt(innermost)));
        let settling = thread::spawn(move || third.resolve(3).unwrap());
        assert_eq!(block_on(promise).unwrap(), 3);
        for thread in [one, two, settling] {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_chain_that_is_cancelled_while_two_threads_build_it_ends() {
    draw(|| {
        let (first, promise) = Deferred::<u32>::new();
        let (second, adopted) = Deferred::new();
        let (third, innermost) = Deferred::new();
        let one = thread::spawn(move || drop(first.adopt(adopted)));
        let two = thread::spawn(move || drop(second.adopt(innermost)));
        assert!(promise.cancel("no more"));
        assert!(block_on(promise).unwrap_err().is_cancelled());
        one.join().unwrap();
        two.join().unwrap();
        assert!(third.is_abandoned(), "the work was not asked to stop");
    });
}

#[test]
fn nothing_is_left_of_a_ring_that_two_threads_close() {
    exhaust(|| {
        let alive = Arc::new(());
        let promise = || {
            let held = alive.clone();
            Deferred::<u32>::with_canceller(move |_| {
                drop(held);
                None
            })
        };
        let (first, one) = promise();
        let (second, two) = promise();
        let closing = thread::spawn(move || drop(first.adopt(two)));
        drop(second.adopt(one));
        closing.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "a ring of promises is left");
    });
}

#[test]
fn nothing_is_left_of_an_outer_promise_dropped_as_it_adopts() {
    exhaust(|| {
        let alive = Arc::new(());
        let held = alive.clone();
        let (outer, promise) = Deferred::<Arc<()>>::new();
        let (inner, adopted) = Deferred::new();
        let adopting = thread::spawn(move || drop(outer.adopt(adopted)));
        let settling = thread::spawn(move || drop(inner.resolve(held)));
        drop(promise);
        adopting.join().unwrap();
        settling.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "the value is somewhere still");
    });
}
