//! A loop is a value: it works from plain threads, inside of other runtimes, and on
//! threads that have none, and it may be dropped anywhere.

use std::time::Duration;

use polyloop::AnyLoop;
use polyloop_core::{Deferred, Lifecycle, Loop, MainLoop, Promise, Spawner, Timers};
use polyloop_tests::{Log, Recorder, block_on_plain};

/// Everything that a loop can do, from wherever this is polled.
async fn use_everything<L: Loop>(lp: L) {
    lp.sleep(Duration::from_millis(2)).await;
    assert_eq!(lp.spawn(async { 1 }).await.unwrap(), 1);
    assert_eq!(lp.run_in_thread(|| 2).await.unwrap(), 2);
    let (resolver, called) = Deferred::new();
    lp.call_later(Duration::from_millis(2), move || {
        resolver.resolve(3).unwrap();
    })
    .unwrap();
    assert_eq!(called.await.unwrap(), 3);
    let server = lp
        .serve("127.0.0.1:0", || Recorder::greeting(&Log::new(), b"hello"))
        .await
        .unwrap();
    let log = Log::new();
    let client_log = log.clone();
    let client = lp
        .connect(server.local_addr(), move || Recorder::new(&client_log))
        .await
        .unwrap();
    log.until(&lp, |log| log.bytes() == b"hello").await;
    client.close();
    assert!(client.closed().await.is_clean());
    server.close();
    server.drained().await;
    let slow = lp.spawn(std::future::pending::<()>());
    let failure = slow
        .timeout(&lp, Duration::from_millis(2))
        .await
        .unwrap_err();
    assert!(failure.is_timed_out(), "{failure}");
}

/// Loops that run by themselves, without a thread inside `run`.
fn loops() -> Vec<AnyLoop> {
    AnyLoop::available_real()
        .iter()
        .map(|name| AnyLoop::by_name(name).unwrap())
        .collect()
}

#[test]
fn from_a_thread_without_a_runtime() {
    polyloop_tests::on_each_real_loop(|lp| {
        block_on_plain(use_everything(lp));
    });
}

#[test]
fn from_many_plain_threads_at_once() {
    polyloop_tests::on_each_real_loop(|lp| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let lp = lp.clone();
                scope.spawn(move || block_on_plain(use_everything(lp)));
            }
        });
    });
}

#[test]
fn inside_of_every_other_loop() {
    polyloop_tests::within_deadline(|| {
        for outer in loops() {
            for inner in loops() {
                let name = format!("{} in {}", inner.name(), outer.name());
                let result = outer.run(use_everything(inner.clone()));
                assert!(result.is_ok(), "{name}: {result:?}");
                // And as a task of the other loop.
                let result = outer.run(outer.spawn(use_everything(inner)));
                assert!(result.is_ok(), "{name}: {result:?}");
            }
        }
    });
}

#[cfg(feature = "tokio")]
mod tokio_runtimes {
    use super::*;
    use polyloop_core::LoopClosed;
    use polyloop_tokio::TokioLoop;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn every_loop_inside_a_plain_tokio_runtime() {
        polyloop_tests::within_deadline(|| {
            let runtime = runtime();
            for lp in loops() {
                runtime.block_on(use_everything(lp));
            }
        });
    }

    #[test]
    fn a_loop_on_an_applications_own_runtime() {
        polyloop_tests::within_deadline(|| {
            let runtime = runtime();
            let lp = TokioLoop::from_handle(runtime.handle().clone());
            // Inside of it, on a plain thread, and inside of another one.
            runtime.block_on(use_everything(lp.clone()));
            block_on_plain(use_everything(lp.clone()));
            self::runtime().block_on(use_everything(lp.clone()));
            // The application's runtime goes first: the loop is closed, nothing panics.
            runtime.shutdown_timeout(Duration::from_secs(5));
            let failure = block_on_plain(lp.spawn(async { 1 })).unwrap_err();
            assert!(failure.downcast_ref::<LoopClosed>().is_some(), "{failure}");
        });
    }

    #[test]
    fn a_loop_dropped_inside_async_code_does_not_panic() {
        polyloop_tests::within_deadline(|| {
            let runtime = runtime();
            runtime.block_on(async {
                drop(TokioLoop::new().unwrap());
                drop(TokioLoop::current_thread().unwrap());
                let lp = TokioLoop::new().unwrap();
                assert_eq!(lp.spawn(async { 5 }).await.unwrap(), 5);
                drop(lp);
            });
            // The last handle of a loop may go on one of its own threads.
            let lp = TokioLoop::new().unwrap();
            let own = lp.clone();
            let last = lp.spawn(async move {
                polyloop_core::yield_now().await;
                drop(own);
            });
            drop(lp);
            block_on_plain(last).unwrap();
        });
    }

    #[test]
    fn run_inside_a_plain_runtime_is_refused_without_a_panic() {
        polyloop_tests::within_deadline(|| {
            let lp = TokioLoop::new().unwrap();
            let error = runtime().block_on(async { lp.run(async {}) }).unwrap_err();
            assert!(
                error.to_string().contains("inside a tokio runtime"),
                "{error}"
            );
            assert_eq!(lp.run(async { 7 }).unwrap(), 7);
        });
    }
}

#[test]
fn work_stays_on_the_loop_it_was_given_to() {
    polyloop_tests::within_deadline(|| {
        // A task of one loop, awaited on another, runs where it was spawned.
        for outer in loops() {
            for inner in loops() {
                let asked = inner.clone();
                let found = outer
                    .run(async move {
                        asked
                            .spawn(async {
                                let state = polyloop_core::context::current_state();
                                state.map(|state| state.name())
                            })
                            .await
                    })
                    .unwrap()
                    .unwrap();
                assert_eq!(found, Some(inner.name()));
            }
        }
    });
}

#[test]
fn a_dropped_handle_detaches_the_task() {
    /// Lets go of the task and of the loop's last handle.
    fn leave_behind(lp: AnyLoop) -> Deferred<u32> {
        let (resolver, done) = Deferred::new();
        let sleep = lp.sleep(Duration::from_millis(5));
        lp.spawn(async move {
            sleep.await;
            let _ = resolver.resolve(9);
        })
        .detach();
        done
    }

    polyloop_tests::on_each_real_loop(|lp| {
        let name = lp.name();
        assert_eq!(block_on_plain(leave_behind(lp)).unwrap(), 9, "{name}");
    });
}
