//! Runtimes that an application has, and threads that are inside of one.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use polyloop_conformance::lent;
use polyloop_conformance::probe::{block_on, within_a_minute};
use polyloop_core::{
    CallFromThreadError, Calls, Failure, Loop, LoopClosed, MainLoop, Promise, Protocol, RunError,
    Spawner, Tcp, TcpOptions, Threads, Timers, Transport,
};
use polyloop_tokio::{TokioLoop, is_inside_runtime};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, block_in_place, coop, spawn_blocking};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn the_loop_of_a_current_thread_runtime_is_run_by_its_owner_alone() {
    within_a_minute(|| {
        let runtime = current_thread();
        let lp = TokioLoop::from_handle(runtime.handle().clone());
        let refused = lp.run(async {});
        assert!(
            matches!(refused, Err(RunError::MayNotBlock { .. })),
            "{refused:?}"
        );
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("TokioLoop::current_thread"), "{text}");
        let value = runtime.block_on(async {
            lp.sleep(ms(1)).await;
            lp.spawn(async { 5 }).await
        });
        assert_eq!(value.unwrap(), 5);
    });
}

#[test]
fn a_loop_can_be_run_wherever_tokio_lets_a_thread_block() {
    fn run(lp: &TokioLoop) -> Result<u8, RunError> {
        let inner = lp.clone();
        lp.run(async move {
            inner.sleep(ms(1)).await;
            inner.spawn(async { 5 }).await.unwrap()
        })
    }
    within_a_minute(|| {
        let runtime = multi_thread();
        let handle = runtime.handle().clone();
        {
            let _entered = runtime.enter();
            assert_eq!(run(&TokioLoop::from_handle(handle.clone())).unwrap(), 5);
            assert_eq!(run(&TokioLoop::current_thread().unwrap()).unwrap(), 5);
            assert_eq!(run(&TokioLoop::new().unwrap()).unwrap(), 5);
        }
        let (from_blocking, from_place) = runtime.block_on(async move {
            let same = TokioLoop::from_handle(handle.clone());
            let blocking =
                spawn_blocking(move || (run(&same), run(&TokioLoop::current_thread().unwrap())));
            let same = TokioLoop::from_handle(handle);
            let place = tokio::spawn(async move { block_in_place(|| run(&same)) });
            (blocking.await.unwrap(), place.await.unwrap())
        });
        assert_eq!(from_blocking.0.unwrap(), 5);
        assert_eq!(from_blocking.1.unwrap(), 5);
        assert_eq!(from_place.unwrap(), 5);
        // On a thread of another loop, too.
        let outer = TokioLoop::new().unwrap();
        let work = outer.run_in_thread(|| run(&TokioLoop::current_thread().unwrap()));
        assert_eq!(outer.run(work).unwrap().unwrap().unwrap(), 5);
    });
}

#[test]
fn where_tokio_polls_nothing_blocks() {
    fn refused(lp: &TokioLoop) {
        // A budget that is left over is left alone.
        assert!(coop::has_budget_remaining());
        let run = lp.run(async {});
        assert!(matches!(run, Err(RunError::MayNotBlock { .. })), "{run:?}");
        let call = lp.call_from_thread(|| 1);
        assert!(
            matches!(call, Err(CallFromThreadError::MayNotBlock { .. })),
            "{call:?}"
        );
        assert!(coop::has_budget_remaining());
    }
    within_a_minute(|| {
        for runtime in [multi_thread(), current_thread()] {
            let same = TokioLoop::from_handle(runtime.handle().clone());
            let own = TokioLoop::current_thread().unwrap();
            let other = TokioLoop::new().unwrap();
            for lp in [same, own, other] {
                runtime.block_on(async {
                    refused(&lp);
                    let lp = lp.clone();
                    tokio::spawn(async move { refused(&lp) }).await.unwrap();
                });
                LocalSet::new().block_on(&runtime, async { refused(&lp) });
            }
        }
    });
}

#[test]
fn a_thread_knows_whether_it_is_inside_a_runtime() {
    within_a_minute(|| {
        assert!(!is_inside_runtime());
        let runtime = current_thread();
        assert!(runtime.block_on(async { is_inside_runtime() }));
        let _entered = runtime.enter();
        assert!(is_inside_runtime());
    });
}

#[test]
fn a_thread_beside_a_foreign_task_may_wait() {
    within_a_minute(|| {
        let runtime = multi_thread();
        let lp = TokioLoop::new().unwrap();
        let inner = lp.clone();
        let work = runtime.spawn_blocking(move || inner.call_from_thread(|| 7).ok());
        assert_eq!(runtime.block_on(work).unwrap(), Some(7));
    });
}

/// What tokio said in panics about a runtime that was shut down.
fn panics_about_shutdown() -> usize {
    static SEEN: OnceLock<Arc<Mutex<usize>>> = OnceLock::new();
    let seen = SEEN.get_or_init(|| {
        let seen = Arc::new(Mutex::new(0));
        let (count, before) = (seen.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            if info.to_string().contains("being shutdown") {
                *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
            before(info);
        }));
        seen
    });
    *seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn work_that_a_runtime_refuses_tells_of_its_end_where_nothing_else_does() {
    within_a_minute(|| {
        let runtime = multi_thread();
        let lp = TokioLoop::from_handle(runtime.handle().clone());
        // While somebody's task blocks the only worker, no task is dropped.
        let (begun, begins) = mpsc::channel();
        let (go_on, waits) = mpsc::channel::<()>();
        runtime.spawn(async move {
            begun.send(()).unwrap();
            let _ = waits.recv();
        });
        begins.recv().unwrap();
        let task = lp.spawn(pending::<()>());
        runtime.shutdown_background();
        let work = block_on(lp.run_in_thread(|| ())).unwrap_err();
        assert!(work.downcast_ref::<LoopClosed>().is_some(), "{work:?}");
        lent::ensure_over(&lp).unwrap();
        drop(go_on);
        assert!(block_on(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_runtime_that_goes_during_a_run_ends_what_was_on_it_and_not_main() {
    within_a_minute(|| {
        let before = panics_about_shutdown();
        let runtime = multi_thread();
        let lp = TokioLoop::from_handle(runtime.handle().clone());
        let inner = lp.clone();
        let value = lp.run(async move {
            let task = inner.spawn(pending::<()>());
            runtime.shutdown_background();
            let ended = task.await;
            inner.sleep(ms(5)).await;
            (ended.is_err(), 5)
        });
        assert_eq!(value.unwrap(), (true, 5));
        assert_eq!(panics_about_shutdown(), before);
    });
}

#[test]
fn a_sleep_that_outlives_its_loop_ends_at_its_time() {
    within_a_minute(|| {
        let before = panics_about_shutdown();
        for lp in [
            TokioLoop::new().unwrap(),
            TokioLoop::current_thread().unwrap(),
        ] {
            let begun = Instant::now();
            let (polled, fresh) = (lp.sleep(ms(20)), lp.sleep(ms(20)));
            let mut polled = pin!(polled);
            let poll = polled
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_pending());
            drop(lp);
            block_on(polled);
            block_on(fresh);
            assert!(begun.elapsed() >= ms(20));
        }
        assert_eq!(panics_about_shutdown(), before);
    });
}

#[test]
fn a_runtime_without_drivers_has_timers_and_refuses_sockets() {
    within_a_minute(|| {
        for with_io in [false, true] {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1);
            if with_io {
                builder.enable_io();
            }
            let runtime = builder.build().unwrap();
            let lp = TokioLoop::from_handle(runtime.handle().clone());
            let inner = lp.clone();
            lp.run(async move {
                let begun = Instant::now();
                inner.sleep(ms(5)).await;
                assert!(begun.elapsed() >= ms(5));
                let late = inner.spawn(pending::<()>()).timeout(&inner, ms(5)).await;
                assert!(late.unwrap_err().is_timed_out());
                let (sender, called) = polyloop_core::Deferred::new();
                inner
                    .call_later(ms(5), move || sender.resolve(1).unwrap())
                    .unwrap();
                assert_eq!(called.await.unwrap(), 1);
                // Twice: what was found out is remembered.
                for _ in 0..2 {
                    let served = inner.serve("127.0.0.1:0", || Silent).await;
                    if with_io {
                        drop(served.unwrap());
                        continue;
                    }
                    let text = format!("{:#}", Failure::from(served.unwrap_err()));
                    assert!(text.contains("enable_io"), "{text}");
                    let address = "127.0.0.1:9".parse().unwrap();
                    let connect = inner.connect_tcp(address, &TcpOptions::default()).await;
                    assert_eq!(connect.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
                }
            })
            .unwrap();
        }
    });
}
