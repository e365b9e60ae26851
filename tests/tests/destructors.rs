//! Destructors of users that panic, each in a process of its own: what goes wrong there may
//! end the whole process, which is then told of that case and of that loop alone.

use std::panic::panic_any;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polyloop::AnyLoop;
use polyloop_core::{
    Calls, Deferred, Lifecycle, MainLoop, Promise, ShutdownPhase, Spawner, Threads, Timers, gather,
};

/// Panics when it is dropped, again and again: what it panics with is another one.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(self.0 != 0, "planted in a destructor");
        panic_any(Self(self.0 - 1));
    }
}

/// Names the case, in a process that runs one.
const CASE: &str = "POLYLOOP_DESTRUCTOR_CASE";

/// How long one may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// Runs `case` on each loop, in a process for each. It says how many reports it expects.
fn in_its_own_process(name: &str, case: impl Fn(&AnyLoop) -> usize) {
    if let Some(wanted) = std::env::var_os(CASE) {
        let lp = AnyLoop::by_name(&wanted.to_string_lossy()).expect("a loop that is there");
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = reports.clone();
        lp.set_error_hook(move |report| seen.lock().unwrap().push(report.to_string()));
        let expected = case(&lp);
        // The last may come from a thread that is still at it.
        while reports.lock().unwrap().len() < expected {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(50));
        let told = reports.lock().unwrap().clone();
        assert_eq!(told.len(), expected, "{told:?}");
        // All of it goes on.
        assert_eq!(
            lp.run(async { lp.spawn(async { 7 }).await })
                .unwrap()
                .unwrap(),
            7
        );
        return;
    }
    for loop_name in AnyLoop::available() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CASE, loop_name)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > DEADLINE {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{name} on the {loop_name} loop: not done within {DEADLINE:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(
            status.success(),
            "{name} on the {loop_name} loop: {status}; {CASE}={loop_name} shows why"
        );
    }
}

async fn reported(lp: &AnyLoop, something: &dyn Fn() -> bool) {
    while !something() {
        lp.sleep(Duration::from_millis(1)).await;
    }
    lp.sleep(Duration::from_millis(20)).await;
}

#[test]
fn the_value_of_a_task() {
    in_its_own_process("the_value_of_a_task", |lp| {
        lp.run(async {
            lp.spawn(async { Bomb(0) }).detach();
            let done = lp.spawn(async { Bomb(0) });
            reported(lp, &|| done.is_done()).await;
            // Two of them, which no destructor of the language survives by itself.
            drop(vec![done, lp.spawn(async { Bomb(0) })]);
            reported(lp, &|| lp.task_count() == 0).await;
        })
        .unwrap();
        3
    });
}

#[test]
fn the_value_of_a_thread() {
    in_its_own_process("the_value_of_a_thread", |lp| {
        lp.run(async {
            let (resolver, begun) = Deferred::new();
            let unwanted = lp.run_in_thread(move || {
                let _ = resolver.resolve(());
                Bomb(0)
            });
            drop(unwanted);
            begun.await.unwrap();
            lp.sleep(Duration::from_millis(100)).await;
        })
        .unwrap();
        1
    });
}

#[test]
fn what_main_leaves_behind() {
    in_its_own_process("what_main_leaves_behind", |lp| {
        let hooked = Arc::new(Mutex::new(false));
        let (noted, asking) = (hooked.clone(), lp.clone());
        let value = lp.run(async {
            for _ in 0..2 {
                let bomb = Bomb(0);
                asking
                    .call_later(Duration::from_secs(9), move || drop(bomb))
                    .map(drop)
                    .unwrap();
                let bomb = Bomb(0);
                asking
                    .spawn(async move {
                        let _bomb = bomb;
                        std::future::pending::<()>().await;
                    })
                    .detach();
            }
            lp.on_shutdown(ShutdownPhase::Before, move || async move {
                *noted.lock().unwrap() = true;
                Ok(())
            });
            "value"
        });
        assert_eq!(value.unwrap(), "value");
        assert!(*hooked.lock().unwrap(), "the hook did not run");
        assert_eq!(lp.task_count(), 0);
        4
    });
}

#[test]
fn what_a_panic_carries() {
    in_its_own_process("what_a_panic_carries", |lp| {
        lp.run(async {
            // Two panics at most are told of each; the rest is kept for ever.
            lp.call_soon(|| panic_any(Bomb(9))).map(drop).unwrap();
            let failure = lp.spawn(async { panic_any(Bomb(9)) }).await.err();
            assert!(failure.is_some_and(|failure: polyloop::Failure| failure.is_panicked()));
            let called = lp.run_in_thread(|| panic_any(Bomb(9)));
            let failure = called.await.err();
            assert!(failure.is_some_and(|failure: polyloop::Failure| failure.is_panicked()));
            let (resolver, next) = Deferred::new();
            lp.call_soon(move || {
                let _ = resolver.resolve(());
            })
            .map(drop)
            .unwrap();
            next.await.unwrap();
        })
        .unwrap();
        3
    });
}

#[test]
fn values_that_nobody_gathers() {
    in_its_own_process("values_that_nobody_gathers", |lp| {
        lp.run(async {
            let (_never, pending) = Deferred::new();
            let there = [Deferred::resolved(Bomb(0)), Deferred::resolved(Bomb(0))];
            let all = gather(there.into_iter().chain([pending]));
            let limited = Box::pin(all);
            let waited = lp.spawn(async move {
                // Polled, and dropped with what it has.
                let mut limited = limited;
                let _ = futures_util::poll!(limited.as_mut());
            });
            waited.await.unwrap();
        })
        .unwrap();
        2
    });
}
