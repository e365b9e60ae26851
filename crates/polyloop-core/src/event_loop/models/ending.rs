//! The end of a run, and those who know nothing of it.

use std::future::pending;

use shuttle::future::block_on;
use shuttle::thread;

use super::model_loop::ModelLoop;
use crate::event_loop::backend::Backend as _;
use crate::event_loop::calls::Calls as _;
use crate::event_loop::lifecycle::{Lifecycle as _, ShutdownPhase};
use crate::event_loop::run;
use crate::event_loop::spawner::Spawner as _;
use crate::event_loop::threads::Threads as _;
use crate::promise::Promise as _;
use crate::promise::deferred::Deferred;
use crate::sync::primitive::Arc;
use crate::sync::primitive::exploring::draw;

#[test]
fn what_is_spawned_as_the_run_ends_is_over_or_runs_on() {
    draw(|| {
        let lp = ModelLoop::new();
        let other = lp.clone();
        let spawning = thread::spawn(move || {
            let (resolver, promise) = Deferred::<()>::new();
            let task = other.spawn(promise);
            (resolver, task)
        });
        run(&lp, async {
            lp.spawn(pending::<()>()).detach();
        })
        .unwrap();
        let (resolver, task) = spawning.join().unwrap();
        // It came before the end, or it is the next run's.
        let _ = resolver.resolve(());
        drop(block_on(task));
        while lp.task_count() > 0 {
            thread::yield_now();
        }
    });
}

#[test]
fn a_call_that_meets_the_end_is_made_or_dropped_and_the_next_run_makes_calls() {
    draw(|| {
        let lp = ModelLoop::new();
        let other = lp.clone();
        let (resolver, made) = Deferred::new();
        let asking = thread::spawn(move || {
            other
                .call_soon(move || drop(resolver.resolve(vec![1])))
                .unwrap();
        });
        run(&lp, async {}).unwrap();
        asking.join().unwrap();
        run(&lp, async {
            let (resolver, made) = Deferred::new();
            lp.call_soon(move || drop(resolver.resolve(vec![2])))
                .unwrap();
            assert_eq!(made.await.unwrap(), [2]);
        })
        .unwrap();
        assert!(made.is_done(), "the first call is neither made nor dropped");
    });
}

#[test]
fn a_stop_that_meets_the_end_spoils_no_later_run() {
    draw(|| {
        let lp = ModelLoop::new();
        let other = lp.clone();
        let stopping = thread::spawn(move || other.stop().is_ok());
        let first = run(&lp, async {});
        let stopped = stopping.join().unwrap();
        assert!(stopped || first.is_ok());
        run(&lp, async {
            let (resolver, made) = Deferred::new();
            lp.call_soon(move || drop(resolver.resolve(vec![1])))
                .unwrap();
            assert_eq!(made.await.unwrap(), [1]);
        })
        .unwrap();
    });
}

#[test]
fn a_stop_for_this_run_or_the_next_is_not_lost_between_them() {
    draw(|| {
        let lp = ModelLoop::new();
        let state = lp.state().clone();
        // From inside of a run, so that there is no other that it could be for.
        let stopping = run(&lp, async {
            thread::spawn(move || state.stop_this_run_or_the_next())
        });
        let stopped = stopping.unwrap().join().unwrap();
        let next = run(&lp, pending_unless(stopped));
        assert_eq!(next.is_ok(), stopped, "the stop was for nobody");
    });
}

async fn pending_unless(done: bool) {
    if !done {
        pending::<()>().await;
    }
}

#[test]
fn a_stop_in_a_hook_spoils_no_later_run() {
    draw(|| {
        let lp = ModelLoop::new();
        for phase in ShutdownPhase::ALL {
            let other = lp.clone();
            lp.on_shutdown(phase, move || async move {
                let _ = other.stop();
                Ok(())
            });
        }
        run(&lp, async {}).unwrap();
        run(&lp, async {
            let (resolver, made) = Deferred::new();
            lp.call_soon(move || drop(resolver.resolve(vec![1])))
                .unwrap();
            assert_eq!(made.await.unwrap(), [1]);
        })
        .unwrap();
    });
}

#[test]
fn a_thread_that_calls_as_the_run_ends_is_not_left_waiting() {
    draw(|| {
        let lp = ModelLoop::new();
        let other = lp.clone();
        let calling = thread::spawn(move || drop(other.call_from_thread(|| vec![1])));
        run(&lp, async {}).unwrap();
        calling.join().unwrap();
    });
}

#[test]
fn work_on_a_thread_as_the_run_ends_is_waited_for_or_let_go_of() {
    draw(|| {
        let lp = ModelLoop::new();
        let value = Arc::new(());
        let held = value.clone();
        run(&lp, async {
            lp.run_in_thread(move || drop(held)).detach();
        })
        .unwrap();
        while Arc::strong_count(&value) > 1 {
            thread::yield_now();
        }
    });
}

#[test]
fn two_who_run_one_loop_take_turns_or_are_refused() {
    draw(|| {
        let lp = ModelLoop::new();
        let other = lp.clone();
        let running = thread::spawn(move || run(&other, async { 1 }).is_ok());
        let mine = run(&lp, async { 2 }).is_ok();
        assert!(running.join().unwrap() || mine);
        assert!(!lp.is_running());
        run(&lp, async {}).unwrap();
    });
}
