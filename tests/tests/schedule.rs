//! Looping calls, cooperators, batched timers and delayed calls where their loop
//! ends, is closed, or several threads pull at them. What they do while all is well
//! is the conformance suite's to check.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use polyloop::AnyLoop;
use polyloop_core::schedule::{BatchedTimer, Cooperator, LoopingCall, Step, delayed};
use polyloop_core::{Calls, Failure, Lifecycle, LoopClosed, MainLoop, Promise, Threads, Timers};
use polyloop_tests::{block_on_plain, on_each_loop};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Waits for a promise that nothing but the end of its loop settles.
fn outcome_of(promise: impl Promise<Value = ()>) -> Result<(), Failure> {
    block_on_plain(promise)
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_end_of_a_run_ends_what_is_scheduled_and_drops_its_closures() {
    on_each_loop(|lp| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let guard = || Dropped(dropped.clone());
        let (in_batch, in_delayed) = (guard(), guard());
        let looping = LoopingCall::new(&lp, || ());
        let waiting = LoopingCall::new(&lp, || {
            Step::wait(std::future::pending::<Result<(), Failure>>())
        });
        let cooperator = Cooperator::new(&lp);
        let timer = BatchedTimer::new(&lp, HOUR).unwrap();
        let (main, handle) = (lp.clone(), looping.clone());
        let (one, two, three, four) = lp
            .run(async move {
                let one = handle.start(HOUR, false).unwrap();
                let two = waiting.start(MS, true).unwrap();
                let endless = cooperator.cooperate(std::iter::repeat(()));
                let four = delayed(&main, HOUR, move || {
                    drop(in_delayed);
                    Ok(())
                });
                let batched = timer.call_later(3 * HOUR, move || {
                    drop(in_batch);
                    Ok(())
                });
                assert!(batched.is_ok());
                main.sleep(20 * MS).await;
                (one, two, endless.when_done(), four)
            })
            .unwrap();
        assert!(outcome_of(one).unwrap_err().is_cancelled());
        assert!(outcome_of(two).unwrap_err().is_cancelled());
        assert!(outcome_of(three).unwrap_err().is_cancelled());
        assert!(outcome_of(four).is_err());
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
        assert!(!looping.is_running());

        // A loop may be run again, and the looping call with it.
        let (main, handle) = (lp.clone(), looping);
        lp.run(async move {
            let running = handle.start(MS, true).unwrap();
            main.sleep(5 * MS).await;
            handle.stop().unwrap();
            running.await.unwrap();
        })
        .unwrap();
    });
}

#[test]
fn a_closed_loop_takes_nothing_and_says_so() {
    on_each_loop(|lp| {
        let looping = LoopingCall::new(&lp, || ());
        let cooperator = Cooperator::new(&lp);
        let timer = BatchedTimer::new(&lp, HOUR).unwrap();
        lp.close().unwrap();
        let closed = |outcome: Result<(), Failure>| {
            let failure = outcome.expect_err("a closed loop took work");
            assert!(failure.downcast_ref::<LoopClosed>().is_some(), "{failure}");
        };
        closed(outcome_of(looping.start(MS, true).unwrap()));
        closed(outcome_of(looping.start(MS, false).unwrap()));
        closed(outcome_of(cooperator.cooperate([()]).when_done()));
        closed(outcome_of(delayed(&lp, MS, || Ok(()))));
        let rejected = timer.call_later(MS, || Ok(())).unwrap_err();
        // The closure comes back.
        assert!((rejected.call)().is_ok());
    });
}

#[test]
fn a_looping_call_stopped_by_its_own_function_starts_again() {
    on_each_loop(|lp| {
        let main = lp.clone();
        lp.run(async move {
            let calls = Arc::new(AtomicUsize::new(0));
            let itself = Arc::new(std::sync::OnceLock::<LoopingCall<AnyLoop>>::new());
            let (counted, handle) = (calls.clone(), itself.clone());
            let looping = LoopingCall::new(&main, move || {
                if counted.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
                    handle.get().unwrap().stop()?;
                }
                Ok::<(), Failure>(())
            });
            assert!(itself.set(looping.clone()).is_ok());
            for interval in [Duration::ZERO, MS] {
                looping.start(interval, true).unwrap().await.unwrap();
            }
            assert_eq!(calls.load(Ordering::SeqCst), 6);
        })
        .unwrap();
    });
}

#[test]
fn threads_that_start_stop_and_reset_leave_it_usable() {
    on_each_loop(|lp| {
        let main = lp.clone();
        lp.run(async move {
            let inside = Arc::new(AtomicUsize::new(0));
            let seen = inside.clone();
            let looping = LoopingCall::new(&main, move || {
                assert_eq!(seen.fetch_add(1, Ordering::SeqCst), 0, "calls overlap");
                thread::yield_now();
                seen.fetch_sub(1, Ordering::SeqCst);
            });
            let threads: Vec<_> = (0..3)
                .map(|number| {
                    let looping = looping.clone();
                    main.run_in_thread(move || {
                        for turn in 0..2_000u32 {
                            // Each may come at the wrong moment; then it is refused.
                            match (turn + number) % 3 {
                                0 => drop(looping.start(MS / 20, turn % 2 == 0)),
                                1 => drop(looping.reset()),
                                _ => drop(looping.stop()),
                            }
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.await.unwrap();
            }
            let _ = looping.stop();
            // What is under way ends in a pass or two.
            let promise = loop {
                match looping.start(HOUR, true) {
                    Ok(promise) => break promise,
                    Err(_) => main.sleep(MS).await,
                }
            };
            looping.stop().unwrap();
            promise.await.unwrap();
            assert!(main.pending_calls().is_empty());
        })
        .unwrap();
    });
}

#[test]
fn a_failure_that_nobody_waits_for_is_reported_once() {
    on_each_loop(|lp| {
        let reports = Arc::new(AtomicUsize::new(0));
        let counted = reports.clone();
        lp.set_error_hook(move |report| {
            assert_eq!(report.failure.text(), "on purpose");
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let main = lp.clone();
        lp.run(async move {
            let fail = || Err::<(), _>(Failure::from("on purpose"));
            LoopingCall::new(&main, fail)
                .start(MS, true)
                .unwrap()
                .detach();
            delayed(&main, MS, fail).detach();
            drop(Cooperator::new(&main).cooperate([fail()]));
            // A report too many would come in this time, too.
            main.sleep(100 * MS).await;
            while reports.load(Ordering::SeqCst) < 3 {
                main.sleep(MS).await;
            }
            assert_eq!(reports.load(Ordering::SeqCst), 3);
        })
        .unwrap();
    });
}
