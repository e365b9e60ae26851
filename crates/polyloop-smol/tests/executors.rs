//! Executors that an application has, and tasks on them that are not the loop's.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use polyloop_core::backend::Backend as _;
use polyloop_core::{CallFromThreadError, LoopState, MainLoop, Spawner, Threads, Timers};
use polyloop_smol::SmolLoop;
use smol::Executor;

/// Runs `test` on a thread of its own, and fails if it hangs.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match finished.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not done within a minute"),
        _ => thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

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
fn a_loop_is_found_by_its_state() {
    within_a_minute(|| {
        let executor = Arc::new(Executor::new());
        for lp in [SmolLoop::new(), SmolLoop::from_executor(executor.clone())] {
            let found = SmolLoop::from_state(lp.state()).unwrap();
            assert!(Arc::ptr_eq(found.state(), lp.state()));
            assert_eq!(lp.run(found.spawn(async { 5 })).unwrap().unwrap(), 5);
        }
        // On the executor of the one that was asked for, and not on the global one.
        let lp = SmolLoop::from_executor(executor.clone());
        let found = SmolLoop::from_state(lp.state()).unwrap();
        let task = found.spawn(async { 6 });
        assert!(executor.try_tick(), "the task is on another executor");
        assert_eq!(smol::block_on(task).unwrap(), 6);
        assert!(SmolLoop::from_state(&LoopState::new("smol", ())).is_none());
    });
}
