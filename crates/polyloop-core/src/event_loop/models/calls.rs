//! Calls that are asked for, moved, taken back and made by several threads at once.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use super::model_loop::ModelLoop;
use crate::event_loop::calls::{Calls as _, DelayedCall};
use crate::event_loop::lifecycle::Lifecycle as _;
use crate::promise::deferred::Deferred;
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::primitive::exploring::draw;
use crate::sync::primitive::{Arc, Mutex, lock};

const MS: Duration = Duration::from_millis(1);

/// Until a call has been made that is asked for now.
fn turn(lp: &ModelLoop) {
    let (resolver, made) = Deferred::new();
    lp.call_soon(move || drop(resolver.resolve(vec![0])))
        .unwrap();
    block_on(made).unwrap();
}

/// Until these calls have been made, as time passes.
fn wait_for(lp: &ModelLoop, calls: &[DelayedCall]) {
    let mut turns = 0;
    while calls.iter().any(DelayedCall::is_pending) {
        turns += 1;
        assert!(turns < 50, "a call waits for ever");
        lp.advance(MS);
        turn(lp);
    }
    turn(lp);
}

#[test]
fn calls_of_several_threads_are_made_in_each_ones_order() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(Mutex::new(Vec::new()));
        let asking = [10, 20].map(|first| {
            let (lp, made) = (lp.clone(), made.clone());
            thread::spawn(move || {
                for number in [first, first + 1] {
                    let made = made.clone();
                    lp.call_soon(move || lock(&made).push(number)).unwrap();
                }
            })
        });
        for thread in asking {
            thread.join().unwrap();
        }
        turn(&lp);
        let made = lock(&made).clone();
        assert_eq!(made.len(), 4, "of four calls {made:?} were made");
        for first in [10, 20] {
            let of_one = made.iter().filter(|number| **number / 10 == first / 10);
            assert!(of_one.is_sorted(), "{made:?}");
        }
    });
}

#[test]
fn a_call_is_made_or_taken_back() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let call = lp
            .call_soon(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap();
        let other = call.clone();
        let cancelling = thread::spawn(move || other.cancel());
        let cancelled = call.cancel();
        let by_other = cancelling.join().unwrap();
        assert!(!(cancelled && by_other), "two took it back");
        turn(&lp);
        assert!(!call.is_pending());
        assert_eq!(
            made.load(Ordering::SeqCst),
            usize::from(!(cancelled || by_other))
        );
    });
}

#[test]
fn a_call_that_is_moved_as_it_is_due_is_made_once() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let call = lp
            .call_later(MS, move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap();
        let moved = call.clone();
        let moving = thread::spawn(move || moved.reset(5 * MS));
        let other = lp.clone();
        let passing = thread::spawn(move || other.advance(MS));
        moving.join().unwrap();
        passing.join().unwrap();
        lp.advance(10 * MS);
        // Its time has come wherever it was moved to.
        wait_for(&lp, &[call]);
        assert_eq!(made.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn calls_that_two_threads_move_to_and_fro_are_all_made() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(AtomicUsize::new(0));
        let calls = [1, 2, 3].map(|after| {
            let counted = made.clone();
            lp.call_later(after * MS, move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap()
        });
        let moving = [4, 1].map(|to| {
            let calls = calls.clone();
            thread::spawn(move || {
                for call in &calls {
                    call.reset(to * MS);
                }
            })
        });
        lp.advance(2 * MS);
        for thread in moving {
            thread.join().unwrap();
        }
        lp.advance(10 * MS);
        wait_for(&lp, &calls);
        assert_eq!(made.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn a_call_may_move_another_of_its_pass() {
    draw(|| {
        let lp = ModelLoop::new();
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let late = Arc::new(Mutex::new(None));
        let known = late.clone();
        lp.call_later(MS, move || {
            let call: Option<DelayedCall> = lock(&known).take();
            if let Some(call) = call {
                call.reset(5 * MS);
            }
        })
        .unwrap();
        let call = lp
            .call_later(MS, move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .unwrap();
        *lock(&late) = Some(call.clone());
        lp.advance(MS);
        turn(&lp);
        lp.advance(5 * MS);
        wait_for(&lp, &[call]);
        assert_eq!(made.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_call_that_meets_the_close_is_made_or_dropped() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, made) = Deferred::new();
        let other = lp.clone();
        let asking = thread::spawn(move || {
            // Refused, it gives the closure back, and that is dropped here.
            drop(other.call_soon(move || drop(resolver.resolve(vec![1]))));
        });
        lp.close().unwrap();
        drop(block_on(made));
        asking.join().unwrap();
    });
}

#[test]
fn a_call_that_meets_the_last_handle_is_made_or_dropped() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, made) = Deferred::new();
        let other = lp.clone();
        let asking = thread::spawn(move || {
            other
                .call_soon(move || drop(resolver.resolve(vec![1])))
                .unwrap();
        });
        drop(lp);
        drop(block_on(made));
        asking.join().unwrap();
    });
}
