//! What seeds find, tell and repeat.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polyloop_core::{Promise, Spawner, Timers};

use super::*;
use crate::Scheduler;

/// Fails under some seeds, and needs the longer for it the larger the number drawn.
async fn unlucky(lp: SimLoop) -> Result<(), String> {
    let drawn = lp.sim().random_in(0..8);
    for _ in 0..drawn {
        lp.sleep(Duration::from_millis(1)).await;
    }
    match drawn {
        4.. => Err(format!("drew {drawn}")),
        _ => Ok(()),
    }
}

#[test]
fn every_seed_gets_a_simulation_of_its_own() {
    let mut seeds = Vec::new();
    check_seeds(5, |lp| {
        seeds.push(lp.sim().seed());
        async move { assert!(lp.sim().elapsed().is_zero()) }
    });
    assert_eq!(seeds, [0, 1, 2, 3, 4]);
}

#[test]
fn the_shortest_failing_run_is_given_and_fails_again() {
    let found = Seeds::first(500).named("lucky").find(unlucky).unwrap();
    assert!(found.error.starts_with("\"drew"), "{}", found.error);
    assert!(!found.others.is_empty(), "half of all seeds fail");
    assert!(found.runs < 500, "it does not look for ever");
    let again = |seed| {
        let run = Seeds::first(1).run(seed, &mut unlucky);
        (run.error.unwrap().text, run.trace)
    };
    let (error, trace) = again(found.seed);
    assert_eq!((error, &trace), (found.error.clone(), &found.trace));
    for other in &found.others {
        assert!(again(*other).1.records.len() >= trace.records.len());
    }
}

#[test]
fn the_report_says_what_to_type_and_what_happened() {
    let seeds = Seeds::first(100).named("a::b").package("some-package");
    let text = seeds.find(unlucky).unwrap();
    let (seed, text) = (text.seed, text.to_string());
    let command = format!("POLYLOOP_SEED={seed} cargo test --package some-package a::b -- --exact");
    assert!(text.contains(&command), "{text}");
    assert!(
        text.contains(&format!("a::b fails under seed {seed}: \"drew")),
        "{text}"
    );
    assert!(text.contains("timer fired"), "{text}");
    // How the run is wound up is of no interest.
    assert!(text.ends_with("the test fails\u{201d}"), "{text}");
}

#[test]
fn panics_and_simulations_that_go_nowhere_are_failures() {
    let found = Seeds::first(1).find(|lp| async move {
        assert_ne!(lp.sim().seed(), 0, "on purpose");
    });
    let error = found.unwrap().error;
    assert!(error.contains("on purpose"), "{error}");
    let line = line!() + 3;
    let found = Seeds::first(2).find(|lp| async move {
        let _ = lp.spawn(async { panic!("beside") }).await;
        assert_ne!(lp.sim().seed(), 1, "on purpose");
        let _ = lp.spawn(async { panic!("afterwards") }).await;
    });
    let found = found.unwrap();
    let place = found.place.clone().unwrap();
    assert!(place.contains(&format!("tests.rs:{line}:")), "{place}");
    assert!(found.to_string().contains(&place), "{found}");
    let found = Seeds::first(1).find(|_| std::future::pending::<()>());
    let found = found.unwrap();
    let error = &found.error;
    assert!(error.contains("nothing is left to happen"), "{error}");
    assert_eq!(found.to_string().matches("the last events").count(), 1);
    assert_eq!(Seeds::first(20).find(|_| async {}), None);
}

#[test]
fn each_scheduler_has_its_turn_and_the_same_with_the_same_seed() {
    /// Three tasks that are ready at once, in the order of their turns.
    async fn order(lp: SimLoop) -> String {
        let (sender, turns) = std::sync::mpsc::channel();
        for name in ["a", "b", "c"] {
            let sender = sender.clone();
            lp.spawn(async move { sender.send(name).unwrap() }).detach();
        }
        lp.sleep(Duration::from_millis(1)).await;
        drop(sender);
        turns.iter().collect()
    }
    let orders = || {
        let orders = Mutex::new(Vec::new());
        let found = Seeds::first(10).each_scheduler().find(|lp| {
            let (orders, order) = (&orders, order(lp));
            async move {
                let order = order.await;
                orders.lock().unwrap().push(order);
            }
        });
        assert_eq!(found, None);
        orders.into_inner().unwrap()
    };
    let first = orders();
    for (seed, order) in (0..).zip(&first) {
        match Scheduler::by_seed(seed) {
            Scheduler::Fifo => assert_eq!(order, "abc"),
            Scheduler::Lifo => assert_eq!(order, "cba"),
            _ => assert_eq!(order.len(), 3),
        }
    }
    assert_eq!(first, orders());
}

#[test]
fn what_is_not_simulated_shows_when_each_seed_runs_twice() {
    let calls = AtomicU64::new(0);
    let body = |lp: SimLoop| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move { lp.sleep(Duration::from_millis(call)).await }
    };
    assert_eq!(Seeds::first(3).find(body), None);
    let error = Seeds::first(3).twice().find(body).unwrap().error;
    assert!(error.contains("two runs under this seed differ"), "{error}");
    assert!(error.contains("0.003 000 000  local"), "{error}");
    assert_eq!(
        Seeds::first(20).twice().find(|lp| async move {
            lp.sleep(Duration::from_millis(lp.sim().random_in(0..50)))
                .await;
        }),
        None
    );
}

#[test]
fn seeds_that_failed_before_are_tried_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.txt");
    std::fs::write(&path, "9\n5000\n").unwrap();
    let ran = Mutex::new(Vec::new());
    let body = |lp: SimLoop| {
        let seed = lp.sim().seed();
        ran.lock().unwrap().push(seed);
        async move { assert_ne!(seed, 5000, "on purpose") }
    };
    let seeds = Seeds::first(3).named("a").kept_in(&path);
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| seeds.check(body)));
    let report = checked.unwrap_err().downcast::<String>().unwrap();
    assert!(report.contains("POLYLOOP_SEED=5000 cargo test"), "{report}");
    assert_eq!(std::mem::take(&mut *ran.lock().unwrap()), [9, 5000]);
    std::fs::write(&path, "9\n").unwrap();
    seeds.check(body);
    assert_eq!(*ran.lock().unwrap(), [9, 0, 1, 2]);
}
