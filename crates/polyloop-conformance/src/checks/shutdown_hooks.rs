//! LOOP: hooks at the end of a run.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::schedule::{BatchedTimer, LoopingCall, delayed};
use polyloop_core::{Deferred, Failure, MainLoop, ShutdownPhase};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, until};

/// Added in the wrong order; the one before waits, and nothing overtakes it. A task
/// tells which hooks come before the loop is wound up.
pub fn loop_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let journal = Journal::new();
    let inner = lp.clone();
    let notes = journal.clone();
    lp.run(async move {
        for (phase, name) in [
            (ShutdownPhase::After, "after"),
            (ShutdownPhase::During, "during"),
            (ShutdownPhase::Before, "before"),
        ] {
            let (notes, timers) = (notes.clone(), inner.clone());
            inner.on_shutdown(phase, move || async move {
                if phase == ShutdownPhase::Before {
                    timers.sleep(Duration::from_millis(30)).await;
                }
                notes.note(name);
                Ok(())
            });
        }
        let taken_back = notes.clone();
        let hook = inner.on_shutdown(ShutdownPhase::Before, move || async move {
            taken_back.note("taken back");
            Ok(())
        });
        ensure!(hook.cancel(), "a hook could not be taken back");
        ensure!(!hook.cancel(), "it could be taken back twice");
        let guard = OnDrop(notes.clone());
        drop(inner.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        // So that the task has begun, and has something to drop.
        inner.sleep(Duration::from_millis(20)).await;
        Ok::<_, Fault>(())
    })??;
    let order = ["before", "during", "task dropped", "after"];
    ensure_eq!(journal.names(), order, "the order of the end");
    // They were of that run alone.
    lp.run(async {})?;
    ensure_eq!(
        journal.names().len(),
        order.len(),
        "notes after a second run"
    );
    Ok(())
}

struct OnDrop(Journal);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note("task dropped");
    }
}

/// An error, a panic, and one that would wait for ever; the others run, and the next
/// phase comes. The limit leaves 200 ms for what takes none.
pub fn loop_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let reports = Reports::of(&lp);
    let journal = Journal::new();
    lp.set_shutdown_limit(Duration::from_millis(200));
    lp.on_shutdown(ShutdownPhase::Before, || async {
        Err(Failure::message("a planted error"))
    });
    lp.on_shutdown(ShutdownPhase::Before, || async {
        panic!("a planted panic")
    });
    lp.on_shutdown(ShutdownPhase::Before, || async {
        pending::<()>().await;
        Ok(())
    });
    for (phase, name) in [
        (ShutdownPhase::Before, "before"),
        (ShutdownPhase::After, "after"),
    ] {
        let notes = journal.clone();
        lp.on_shutdown(phase, move || async move {
            notes.note(name);
            Ok(())
        });
    }
    lp.run(async {})?;
    ensure_eq!(journal.names(), ["before", "after"], "the hooks that ran");
    for text in ["a planted error", "a planted panic", "200ms"] {
        ensure_eq!(reports.mentioning(text), 1, "reports that mention {text:?}");
    }
    Ok(())
}

/// In a hook of each phase, where calls are still made; and from a thread, at a moment
/// about the end of a run.
pub fn loop_48<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    for phase in [
        ShutdownPhase::Before,
        ShutdownPhase::During,
        ShutdownPhase::After,
    ] {
        let (lp, accepted, called) = (make(), Flag::new(), Flag::new());
        let reports = Reports::of(&lp);
        let (inner, noted, made) = (lp.clone(), accepted.clone(), called.clone());
        lp.on_shutdown(phase, move || async move {
            if inner.stop().is_ok() {
                noted.set();
            }
            let (resolver, promise) = Deferred::new();
            inner.call_later(Duration::from_millis(5), move || {
                made.set();
                let _ = resolver.resolve(());
            })?;
            promise.await
        });
        ensure_eq!(
            lp.run(async { 7 })?,
            7,
            "the value of a run stopped as it ends"
        );
        ensure!(
            accepted.is_set(),
            "a stop in a hook was refused ({phase:?})"
        );
        ensure!(called.is_set(), "a hook's call was not made ({phase:?})");
        ensure_eq!(reports.all().len(), 0, "reports");
        runs_as_ever(&lp)?;
    }
    let lp = make();
    for round in 0..100_u64 {
        let stopper = lp.clone();
        let (go, gone) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _ = gone.recv();
            for _ in 0..round * 37 % 4_000 {
                std::hint::spin_loop();
            }
            let _ = stopper.stop();
        });
        let _ = go.send(());
        // Whether it came in time or not.
        let _ = lp.run(async {});
        thread
            .join()
            .map_err(|_| Fault::new("the thread panicked"))?;
        runs_as_ever(&lp)?;
    }
    Ok(())
}

/// Nobody stops it from here on: a run makes its calls and comes to its end.
fn runs_as_ever<L: MainLoop>(lp: &L) -> Verdict {
    let called = Flag::new();
    let (noted, inner) = (called.clone(), lp.clone());
    lp.run(async move {
        inner.call_soon(move || noted.set())?;
        until(&inner, "a call of the next run", || called.is_set()).await
    })?
}

/// What was pending at the end of main, seen from a hook; and what a hook asks for.
pub fn loop_50<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const HOUR: Duration = Duration::from_secs(3600);

    let lp = make();
    let (gone, made, verdict) = (Flag::new(), Flag::new(), Arc::new(Mutex::new(None)));
    let (inner, dropped, noted, told) = (lp.clone(), gone.clone(), made.clone(), verdict.clone());
    lp.run(async move {
        let guard = dropped.on_drop();
        let call = inner.call_later(HOUR, move || drop(guard))?;
        let promise = delayed(&inner, HOUR, || Ok(()));
        let looping = LoopingCall::new(&inner, || ());
        let running = looping.start(HOUR, false)?;
        let batched = BatchedTimer::new(&inner, HOUR)?.call_later(3 * HOUR, || Ok(()))?;
        let lp = inner.clone();
        inner.on_shutdown(ShutdownPhase::Before, move || async move {
            let seen = async {
                ensure!(dropped.is_set(), "the closure of a call was kept");
                ensure!(!call.is_pending(), "a call is still pending");
                ensure!(!call.reset(HOUR), "it could be moved");
                ensure!(!batched.is_pending(), "a batched call is still pending");
                let ends = [promise.await, running.await];
                let cancelled = ends.map(|end| end.is_err_and(|failure| failure.is_cancelled()));
                ensure_eq!(
                    cancelled,
                    [true, true],
                    "promises of calls that end as cancelled"
                );
                ensure!(!looping.is_running(), "the looping call says that it runs");
                // And all of it may begin anew.
                delayed(&lp, Duration::from_millis(1), || Ok(())).await?;
                Ok(())
            };
            let seen = seen.await;
            *told.lock().unwrap() = Some(seen);
            Ok(())
        });
        let lp = inner.clone();
        inner.on_shutdown(ShutdownPhase::After, move || async move {
            lp.call_later(HOUR, move || noted.set())?;
            Ok(())
        });
        Ok::<_, Fault>(())
    })??;
    let seen = verdict.lock().unwrap().take();
    seen.unwrap_or_else(|| Err(Fault::new("the hook did not come to its end")))?;
    ensure!(gone.is_set(), "the closure was kept");
    ensure_eq!(lp.pending_calls().len(), 0, "calls pending after the run");
    ensure!(!made.is_set(), "a call of an hour was made");
    Ok(())
}
