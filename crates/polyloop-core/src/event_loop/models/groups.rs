//! Task groups: tasks that fail, are cancelled or come as the group ends.

use std::future::pending;

use shuttle::future::block_on;
use shuttle::thread;

use super::model_loop::ModelLoop;
use crate::event_loop::lifecycle::Lifecycle as _;
use crate::event_loop::spawner::Spawner as _;
use crate::event_loop::task_group::{GroupFailed, TaskGroup};
use crate::promise::Promise as _;
use crate::promise::deferred::Deferred;
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::primitive::exploring::draw;

#[test]
fn the_join_settles_whoever_fails_comes_or_is_cancelled() {
    draw(|| {
        let lp = ModelLoop::new();
        let group = TaskGroup::new(&lp);
        let spawner = group.spawner();
        let waiting = group.spawn(pending::<Result<(), Failure>>()).unwrap();
        let failing = thread::spawn(move || {
            let failing = async { Err::<(), _>(Failure::message("no")) };
            if let Ok(task) = spawner.spawn(failing) {
                task.detach();
            }
        });
        let cancelling = thread::spawn(move || {
            waiting.cancel("this one");
        });
        let joined = block_on(group.join());
        failing.join().unwrap();
        cancelling.join().unwrap();
        if let Err(failure) = joined {
            assert!(failure.downcast_ref::<GroupFailed>().is_some());
        }
    });
}

#[test]
fn a_cancelled_join_waits_for_all_its_tasks() {
    draw(|| {
        let lp = ModelLoop::new();
        let group = TaskGroup::new(&lp);
        let (resolver, promise) = Deferred::new();
        let alive = Arc::new(());
        let held = alive.clone();
        let task = async move {
            let outcome = promise.await;
            drop(held);
            outcome
        };
        group.spawn(task).unwrap().detach();
        let settling = thread::spawn(move || drop(resolver.resolve(vec![1])));
        let join = group.join();
        join.cancel("no more");
        match block_on(join) {
            Ok(()) => {}
            Err(failure) => assert!(failure.is_cancelled()),
        }
        assert_eq!(Arc::strong_count(&alive), 1, "a task is there still");
        settling.join().unwrap();
    });
}

#[test]
fn a_group_that_is_dropped_takes_its_tasks_along() {
    draw(|| {
        let lp = ModelLoop::new();
        let group = TaskGroup::new(&lp);
        let spawner = group.spawner();
        group
            .spawn(pending::<Result<(), Failure>>())
            .unwrap()
            .detach();
        let spawning =
            thread::spawn(
                move || match spawner.spawn(pending::<Result<(), Failure>>()) {
                    Ok(task) => assert!(block_on(task).unwrap_err().is_cancelled()),
                    Err(_closed) => {}
                },
            );
        drop(group);
        spawning.join().unwrap();
        while lp.task_count() > 0 {
            thread::yield_now();
        }
    });
}

#[test]
fn a_failure_that_the_join_has_is_not_reported() {
    draw(|| {
        let lp = ModelLoop::new();
        let reports = Arc::new(AtomicUsize::new(0));
        let counted = reports.clone();
        lp.set_error_hook(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let group = TaskGroup::new(&lp);
        let handle = group.spawn(async { Err::<(), _>(Failure::message("no")) });
        // Dropped on the loop, whose hook would be told.
        let dropping = lp.spawn(async move { drop(handle) });
        let failure = block_on(group.join()).unwrap_err();
        assert!(failure.downcast_ref::<GroupFailed>().is_some());
        block_on(dropping).unwrap();
        assert_eq!(reports.load(Ordering::SeqCst), 0);
    });
}
