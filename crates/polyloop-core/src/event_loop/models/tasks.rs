//! Tasks that end, are cancelled, let go of or killed, all at once.

use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::thread;

use super::model_loop::ModelLoop;
use crate::event_loop::backend::Backend as _;
use crate::event_loop::context::Entered;
use crate::event_loop::lifecycle::Lifecycle as _;
use crate::event_loop::spawner::Spawner as _;
use crate::event_loop::task::catch_cancel;
use crate::promise::Promise as _;
use crate::promise::deferred::Deferred;
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::primitive::exploring::draw;

/// Until no task is alive.
fn wait_until_idle(lp: &ModelLoop) {
    let tasks = &lp.state().tasks;
    block_on(poll_fn(|cx| {
        if tasks.wake_when_idle(cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

#[test]
fn a_cancel_that_meets_the_end_is_one_outcome() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, promise) = Deferred::new();
        let task = lp.spawn(promise);
        let settling = thread::spawn(move || drop(resolver.resolve(vec![1])));
        let asked = task.cancel("no more");
        match block_on(task) {
            Ok(value) => assert_eq!(value.unwrap(), [1]),
            Err(failure) => assert!(failure.is_cancelled() && asked),
        }
        settling.join().unwrap();
        wait_until_idle(&lp);
        assert!(!lp.state().tasks.has_cancels(), "a note is left");
    });
}

#[test]
fn a_task_that_waits_for_ever_is_cancelled_once_by_two() {
    draw(|| {
        let lp = ModelLoop::new();
        let task = lp.spawn(pending::<()>()).shared();
        let other = task.clone();
        let cancelling = thread::spawn(move || other.cancel("one"));
        let asked = task.cancel("two");
        // The later of them may find it over.
        assert!(cancelling.join().unwrap() || asked);
        let failure = block_on(task).unwrap_err();
        assert!(failure.is_cancelled());
        wait_until_idle(&lp);
        assert!(!lp.state().tasks.has_cancels(), "a note is left");
    });
}

#[test]
fn a_cancel_is_caught_or_ends_the_task() {
    draw(|| {
        let lp = ModelLoop::new();
        let (resolver, promise) = Deferred::new();
        let task = lp.spawn(async move { catch_cancel(promise).await.is_err() });
        let settling = thread::spawn(move || drop(resolver.resolve(vec![1])));
        let asked = task.cancel("no more");
        match block_on(task) {
            // It was caught, or came too late, or the body had its value already.
            Ok(caught) => assert!(asked || !caught),
            // It had not begun to catch.
            Err(failure) => assert!(failure.is_cancelled() && asked),
        }
        settling.join().unwrap();
        wait_until_idle(&lp);
        assert!(!lp.state().tasks.has_cancels(), "a note is left");
    });
}

#[test]
fn nothing_is_left_of_a_task_let_go_of_as_it_ends() {
    draw(|| {
        let lp = ModelLoop::new();
        let value = Arc::new(());
        let held = value.clone();
        let (resolver, promise) = Deferred::new();
        let task = lp.spawn(promise);
        let settling = thread::spawn(move || drop(resolver.resolve(held)));
        task.detach();
        settling.join().unwrap();
        wait_until_idle(&lp);
        // The thread that ran it may have the value for a moment still.
        while Arc::strong_count(&value) > 1 {
            thread::yield_now();
        }
    });
}

#[test]
fn a_failure_that_nobody_takes_is_reported_once() {
    draw(|| {
        let lp = ModelLoop::new();
        let reports = Arc::new(AtomicUsize::new(0));
        let counted = reports.clone();
        lp.set_error_hook(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let (resolver, promise) = Deferred::<()>::new();
        let mut slot = Some(lp.state().clone());
        // Without the hook for panics, which would take it for a failure of the model.
        let panicking = async move {
            promise
                .await
                .unwrap_or_else(|_| resume_unwind(Box::new(())))
        };
        let task = lp.spawn(panicking);
        let failing = thread::spawn(move || drop(resolver.reject(Failure::message("no"))));
        let entered = Entered::new(&mut slot);
        drop(task);
        drop(entered);
        failing.join().unwrap();
        wait_until_idle(&lp);
        while reports.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(reports.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn tasks_spawned_as_all_are_ended_end_too() {
    draw(|| {
        let lp = ModelLoop::new();
        lp.spawn(pending::<()>()).detach();
        let spawner = lp.clone();
        let spawning = thread::spawn(move || {
            let caught = async { drop(catch_cancel(pending::<()>()).await) };
            spawner.spawn(caught).detach();
        });
        lp.state().tasks.end_all();
        wait_until_idle(&lp);
        spawning.join().unwrap();
        wait_until_idle(&lp);
    });
}

#[test]
fn a_task_that_catches_for_ever_is_killed() {
    draw(|| {
        let lp = ModelLoop::new();
        let stubborn = async {
            loop {
                drop(catch_cancel(pending::<()>()).await);
            }
        };
        lp.spawn(stubborn).detach();
        let other = lp.clone();
        let ending = thread::spawn(move || other.state().tasks.end_all());
        lp.state().tasks.kill_all();
        wait_until_idle(&lp);
        ending.join().unwrap();
    });
}
