//! Real threads beside a simulation, and simulations beside each other.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use polyloop_core::{Calls, Deferred, MainLoop, RunError, Threads, Timers};
use polyloop_sim::{Sim, SimLoop};

use crate::within_a_minute;

#[test]
fn a_wake_from_a_real_thread_is_waited_for() {
    within_a_minute(|| {
        let sim = Sim::builder()
            .seed(1)
            .patience(Duration::from_secs(30))
            .build();
        let (resolver, promise) = Deferred::new();
        let (start, begun) = mpsc::channel();
        let waker = thread::spawn(move || {
            begun.recv().unwrap();
            thread::sleep(Duration::from_millis(20));
            resolver.resolve(5)
        });
        let value = sim
            .run(async move {
                start.send(()).unwrap();
                promise.await
            })
            .unwrap();
        assert_eq!(value.unwrap(), 5);
        assert!(waker.join().unwrap().is_ok());
        assert_eq!(sim.elapsed(), Duration::ZERO);
    });
}

#[test]
fn work_on_a_thread_takes_its_simulated_time() {
    within_a_minute(|| {
        let second = Duration::from_secs(1);
        let sim = Sim::builder()
            .seed(1)
            .thread_time(2 * second..=3 * second)
            .build();
        let lp = sim.local();
        let main = lp.clone();
        sim.run(async move {
            let here = thread::current().id();
            let there = main.run_in_thread(|| thread::current().id()).await.unwrap();
            assert_ne!(here, there);
        })
        .unwrap();
        let took = sim.elapsed();
        assert!((2 * second..=3 * second).contains(&took), "{took:?}");
    });
}

#[test]
fn work_that_takes_too_long_is_told_of() {
    within_a_minute(|| {
        let grace = Duration::from_millis(20);
        let sim = Sim::builder().seed(1).thread_grace(grace).build();
        let lp = sim.host("slow");
        let (sender, receiver) = mpsc::channel::<()>();
        let waiting = lp.run_in_thread(move || receiver.recv().is_err());
        let main = sim.local();
        sim.run(async move {
            main.sleep(Duration::from_millis(1)).await;
            drop(sender);
            assert!(waiting.await.unwrap());
        })
        .unwrap();
        let text = sim.trace().to_string();
        assert!(text.contains("slow"), "{text}");
        assert!(
            text.contains("has not returned after 20ms of real time"),
            "{text}"
        );
    });
}

#[test]
fn a_thread_that_calls_back_has_its_place_in_the_order() {
    within_a_minute(|| {
        let sim = Sim::new(8);
        let lp = sim.local();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (notes, main) = (log.clone(), lp.clone());
        sim.run(async move {
            let (first, second) = (notes.clone(), notes.clone());
            let (caller, inner) = (main.clone(), main.clone());
            let work = main.run_in_thread(move || {
                first.lock().unwrap().push("work");
                let call = move || second.lock().unwrap().push("call");
                caller.call_from_thread(call).unwrap();
                // The simulation stands still, so this is before the next timer.
                thread::sleep(Duration::from_millis(10));
                first.lock().unwrap().push("back");
            });
            let later = notes.clone();
            inner
                .call_later(Duration::from_nanos(1), move || {
                    later.lock().unwrap().push("timer");
                })
                .unwrap();
            work.await.unwrap();
            inner.sleep(Duration::from_millis(1)).await;
        })
        .unwrap();
        assert_eq!(*log.lock().unwrap(), ["work", "call", "back", "timer"]);
    });
}

#[test]
fn a_simulation_is_run_by_one_thread_at_a_time() {
    within_a_minute(|| {
        let sim = Sim::new(1);
        let (a, b) = (sim.host("a"), sim.host("b"));
        let refused = a
            .run(async move { thread::spawn(move || b.run(async {})).join().unwrap() })
            .unwrap();
        assert!(
            matches!(refused, Err(RunError::MayNotBlock { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn many_simulations_run_side_by_side() {
    within_a_minute(|| {
        let threads: Vec<_> = (1..=16_u64)
            .map(|seed| {
                thread::spawn(move || {
                    let sim = Sim::new(seed);
                    let lp = sim.local();
                    sim.run(async move {
                        for _ in 0..seed {
                            lp.sleep(Duration::from_secs(1)).await;
                        }
                    })
                    .unwrap();
                    assert_eq!(sim.elapsed(), Duration::from_secs(seed));
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_simulation_that_is_over_leaves_nothing_behind() {
    within_a_minute(|| {
        let witness = Arc::new(());
        let weak = Arc::downgrade(&witness);
        let lp = SimLoop::new();
        let (inner, held) = (lp.clone(), witness);
        let far = Duration::from_secs(10_000);
        lp.run(async move {
            let _ = inner.call_later(far, move || drop(held));
            inner.sleep(Duration::from_secs(1)).await;
        })
        .unwrap();
        assert!(weak.upgrade().is_none(), "a call outlived its run");
        let state = Arc::downgrade(polyloop_core::backend::Backend::state(&lp));
        drop(lp);
        assert!(
            state.upgrade().is_none(),
            "the loop outlived its last handle"
        );
    });
}
