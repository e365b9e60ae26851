//! The end of `run`: everything is wound up before it returns, on every loop.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    Calls, Lifecycle, Loop, MainLoop, Promise, RunError, Spawner, Timers, catch_cancel,
};
use polyloop_tests::{Log, Recorder};

struct CountDrops(Arc<AtomicUsize>);

impl Drop for CountDrops {
    fn drop(&mut self) {
        // Slow, so that a `run` which does not wait is caught.
        std::thread::sleep(Duration::from_millis(20));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn tasks_transports_and_calls_are_gone_when_run_returns() {
    polyloop_tests::on_each_loop(|lp| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (server_log, client_log) = (Log::new(), Log::new());
        let called = Arc::new(AtomicBool::new(false));
        lp.run(async {
            for _ in 0..3 {
                let guard = CountDrops(drops.clone());
                lp.spawn(async move {
                    let _guard = guard;
                    std::future::pending::<()>().await;
                })
                .detach();
            }
            let log = server_log.clone();
            let server = lp
                .serve("127.0.0.1:0", move || Recorder::greeting(&log, b"x"))
                .await
                .unwrap();
            let log = client_log.clone();
            let _client = lp
                .connect(server.local_addr(), move || Recorder::new(&log))
                .await
                .unwrap();
            client_log.until(&lp, |log| log.bytes() == b"x").await;
            let (guard, called) = (CountDrops(drops.clone()), called.clone());
            lp.call_later(Duration::from_millis(30), move || {
                let _guard = guard;
                called.store(true, Ordering::SeqCst);
            })
            .unwrap();
        })
        .unwrap();
        let name = lp.name();
        assert_eq!(drops.load(Ordering::SeqCst), 4, "{name}");
        assert_eq!(server_log.lost().len(), 1, "{name}");
        assert_eq!(client_log.lost().len(), 1, "{name}");
        assert_eq!(lp.task_count(), 0, "{name}");
        assert!(lp.pending_calls().is_empty(), "{name}");
        std::thread::sleep(Duration::from_millis(60));
        assert!(!called.load(Ordering::SeqCst), "{name}");
        // It can be run again, and serves as before.
        assert_eq!(
            lp.run(async { lp.spawn(async { 4 }).await })
                .unwrap()
                .unwrap(),
            4
        );
    });
}

#[test]
fn a_task_may_clean_up_with_further_awaits() {
    polyloop_tests::on_each_loop(|lp| {
        let cleaned = Arc::new(AtomicBool::new(false));
        let flag = cleaned.clone();
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let own = lp.clone();
        lp.run(async {
            lp.spawn(async move {
                begins.store(true, Ordering::SeqCst);
                let cancelled = catch_cancel(std::future::pending::<()>())
                    .await
                    .unwrap_err();
                assert_eq!(cancelled.text(), "the loop ended");
                own.sleep(Duration::from_millis(10)).await;
                flag.store(true, Ordering::SeqCst);
            })
            .detach();
            // One that has had no turn yet has nothing to clean up.
            while !begun.load(Ordering::SeqCst) {
                lp.sleep(Duration::from_millis(1)).await;
            }
        })
        .unwrap();
        assert!(cleaned.load(Ordering::SeqCst), "{}", lp.name());
    });
}

#[test]
fn tasks_that_do_not_end_are_dropped_at_the_limit_and_reported() {
    polyloop_tests::on_each_loop(|lp| {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = reports.clone();
        lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));
        lp.set_shutdown_limit(Duration::from_millis(50));
        lp.run(async {
            lp.spawn(async {
                loop {
                    let _ = catch_cancel(std::future::pending::<()>()).await;
                }
            })
            .detach();
            lp.sleep(Duration::from_millis(5)).await;
        })
        .unwrap();
        let reports = reports.lock().unwrap().join("\n");
        assert!(reports.contains("did not end within 50ms"), "{reports}");
        assert!(reports.contains("end_of_run.rs"), "{reports}");
        assert_eq!(lp.task_count(), 0, "{}", lp.name());
    });
}

#[test]
fn stop_ends_run_early() {
    polyloop_tests::on_each_loop(|lp| {
        assert!(lp.stop().is_err(), "nothing runs yet");
        assert!(!lp.is_running());
        let own = lp.clone();
        lp.call_soon(move || own.stop().unwrap()).unwrap();
        // It may have come before `run`; then this one stops it.
        let error = lp.run(async {
            assert!(lp.is_running());
            lp.sleep(Duration::from_millis(20)).await;
            lp.stop().unwrap();
            std::future::pending::<()>().await;
        });
        assert!(
            matches!(error, Err(RunError::StoppedEarly { .. })),
            "{error:?}"
        );
        assert!(!lp.is_running());
    });
}

#[test]
fn a_panic_in_main_comes_out_after_winding_up() {
    polyloop_tests::on_each_loop(|lp| {
        let drops = Arc::new(AtomicUsize::new(0));
        let guard = CountDrops(drops.clone());
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            lp.run(async {
                lp.spawn(async move {
                    let _guard = guard;
                    std::future::pending::<()>().await;
                })
                .detach();
                panic!("planted in main");
            })
        }));
        let payload = result.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"planted in main"));
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert_eq!(lp.run(async { 1 }).unwrap(), 1);
    });
}

#[test]
fn unobserved_panics_are_reported_once_and_cancels_are_not() {
    polyloop_tests::on_each_loop(|lp| {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = reports.clone();
        lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));
        lp.run(async {
            lp.spawn(async { panic!("planted in a task") }).detach();
            let cancelled = lp.spawn(std::future::pending::<()>());
            assert!(cancelled.cancel("because"));
            let failure = lp.spawn(async { panic!("observed") }).await.unwrap_err();
            assert!(failure.is_panicked());
            while reports.lock().unwrap().is_empty() {
                lp.sleep(Duration::from_millis(1)).await;
            }
            lp.sleep(Duration::from_millis(20)).await;
        })
        .unwrap();
        let reports = reports.lock().unwrap();
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert!(reports[0].contains("planted in a task"), "{reports:?}");
        assert!(reports[0].contains("end_of_run.rs"), "{reports:?}");
    });
}
