//! Executors that an application has, and tasks on them that are not the loop's.

use std::sync::Arc;
use std::time::Duration;

use polyloop_conformance::probe::{block_on, within_a_minute};
use polyloop_core::{CallFromThreadError, MainLoop, Spawner, Threads, Timers};
use polyloop_smol::SmolLoop;
use smol::Executor;

#[test]
fn an_executor_of_the_application_is_driven_by_the_run_or_by_its_owner() {
    within_a_minute(|| {
        let executor = Arc::new(Executor::new());
        let lp = SmolLoop::from_executor(executor.clone());
        let task = lp.spawn(async { std::thread::current().id() });
        assert!(executor.try_tick(), "the task is not on this executor");
        let here = std::thread::current().id();
        assert_eq!(smol::block_on(task).unwrap(), here);

        let inner = lp.clone();
        let (there, slept) = lp
            .run(async move {
                let there = inner.spawn(async { std::thread::current().id() }).await;
                inner.sleep(Duration::from_millis(1)).await;
                (there, true)
            })
            .unwrap();
        assert_eq!((there.unwrap(), slept), (here, true));

        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let owner = std::thread::spawn(move || smol::block_on(executor.run(stopped.recv())));
        assert_eq!(lp.call_from_thread(|| 7).unwrap(), 7);
        drop(stop);
        assert!(owner.join().unwrap().is_err());
    });
}

#[test]
fn a_foreign_task_on_a_thread_of_the_loop_must_not_wait() {
    within_a_minute(|| {
        let lp = SmolLoop::new();
        let inner = lp.clone();
        let refused = smol::block_on(smol::spawn(async move { inner.call_from_thread(|| 1) }));
        assert!(
            matches!(refused, Err(CallFromThreadError::MayNotBlock { .. })),
            "{refused:?}"
        );
        // The thread that runs the loop polls what else is on its executor.
        let executor = Arc::new(Executor::new());
        let lp = SmolLoop::from_executor(executor.clone());
        let inner = lp.clone();
        let foreign = executor.spawn(async move { inner.call_from_thread(|| 1) });
        let refused = lp.run(foreign).unwrap();
        assert!(
            matches!(refused, Err(CallFromThreadError::OnLoop { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn an_executor_that_nobody_has_any_more_goes_with_its_tasks() {
    within_a_minute(|| {
        let executor = Arc::new(Executor::new());
        let (seen, gone) = (Arc::downgrade(&executor), Arc::new(()));
        let lp = SmolLoop::from_executor(executor);
        let held = gone.clone();
        let task = lp.spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(lp);
        assert!(seen.upgrade().is_none(), "something holds the executor");
        assert_eq!(Arc::strong_count(&gone), 1, "the task is still there");
        assert!(block_on(task).unwrap_err().is_cancelled());
    });
}
