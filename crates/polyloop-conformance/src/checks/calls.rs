//! LOOP: calls for the next pass, their order, their errors, and spawning.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{Calls, DelayedCall, Failure, MainLoop, Spawner, Timers};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, inside, is_inside, quiet, run, until};

/// Twenty calls note their numbers, and whether they are made inside the asking.
pub async fn in_order_and_never_inside<C: Calls + Timers>(lp: &C) -> Verdict {
    let (journal, nested) = (Journal::new(), Flag::new());
    for number in 0..20 {
        let (journal, nested) = (journal.clone(), nested.clone());
        inside(|| {
            lp.call_soon(move || {
                journal.note(number.to_string());
                if is_inside() {
                    nested.set();
                }
            })
            .map(drop)
        })?;
    }
    until(lp, "twenty calls", || journal.names().len() >= 20).await?;
    quiet(lp).await;
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    ensure_eq!(journal.names(), expected, "the calls");
    ensure!(
        !nested.is_set(),
        "a call was made inside the method that asked for it"
    );
    Ok(())
}

/// See [`in_order_and_never_inside`].
pub fn loop_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| in_order_and_never_inside(&lp).await)
}

/// Within one pass: among calls, and among timers of one deadline.
pub fn loop_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (victim, ran, told) = (Arc::new(Mutex::new(None)), Flag::new(), Flag::new());
        let cancel = |victim: Arc<Mutex<Option<DelayedCall>>>, told: Flag| {
            move || {
                let taken = victim.lock().ok().and_then(|mut victim| victim.take());
                if taken.is_some_and(|call| call.cancel()) {
                    told.set();
                }
            }
        };
        // Both are asked for by one call, so they share the next pass.
        let (inner, slot, noted) = (lp.clone(), victim.clone(), ran.clone());
        let first = cancel(victim.clone(), told.clone());
        lp.call_soon(move || {
            let _ = inner.call_soon(first);
            let second = inner.call_soon(move || noted.set());
            *slot.lock().unwrap() = second.ok();
        })?;
        until(&lp, "the cancel among calls", || told.count() == 1).await?;
        let at = lp.now() + Duration::from_millis(30);
        lp.call_at(at, cancel(victim.clone(), told.clone()))?;
        let noted = ran.clone();
        *victim.lock().unwrap() = lp.call_at(at, move || noted.set()).ok();
        until(&lp, "the cancel among timers", || told.count() == 2).await?;
        quiet(&lp).await;
        ensure_eq!(ran.count(), 0, "cancelled calls that were made");
        Ok(())
    })
}

/// Asked for before the run; then from a call of the running loop.
pub fn loop_31<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let (journal, nested) = (Journal::new(), Flag::new());
    for number in 0..5 {
        let journal = journal.clone();
        lp.call_soon(move || journal.note(number.to_string()))?;
    }
    let (at_start, on_running) = (Flag::new(), Flag::new());
    let noted = at_start.clone();
    lp.call_when_running(move || noted.set())?;
    ensure!(!at_start.is_set(), "a call for the run was made before it");
    let inner = lp.clone();
    let (notes, flag) = (journal.clone(), nested.clone());
    lp.run(async move {
        until(&inner, "the calls from before", || notes.names().len() >= 5).await?;
        until(&inner, "the call for the run", || at_start.is_set()).await?;
        let (noted, early) = (on_running.clone(), flag.clone());
        inside(|| {
            inner.call_when_running(move || {
                if is_inside() {
                    early.set();
                }
                noted.set();
            })
        })?;
        until(&inner, "a call on a running loop", || on_running.is_set()).await?;
        let (lp, called) = (inner.clone(), Flag::new());
        let noted = called.clone();
        inner.call_soon(move || {
            let finished = Arc::new(AtomicBool::new(false));
            let seen = finished.clone();
            let _ = lp.call_soon(move || {
                if !seen.load(Ordering::SeqCst) {
                    flag.set();
                }
                noted.set();
            });
            finished.store(true, Ordering::SeqCst);
        })?;
        until(&inner, "the call of a call", || called.is_set()).await
    })??;
    let expected: Vec<String> = (0..5).map(|n| n.to_string()).collect();
    ensure_eq!(journal.names(), expected, "calls from before the run");
    ensure!(
        !nested.is_set(),
        "a call of a running call was made at once"
    );
    Ok(())
}

/// A call panics; the report has its message, and the next call is made.
pub fn loop_32<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, next) = (Reports::of(&lp), Flag::new());
        let noted = next.clone();
        lp.call_soon(|| panic!("the cause of it all"))?;
        lp.call_soon(move || noted.set())?;
        until(&lp, "the next call", || next.is_set()).await?;
        until(&lp, "the report", || !reports.all().is_empty()).await?;
        quiet(&lp).await;
        ensure_eq!(
            reports.mentioning("the cause of it all"),
            1,
            "reports of the panic"
        );
        lp.report("told to the hook", &Failure::message("the hook's"));
        ensure_eq!(reports.mentioning("the hook's"), 1, "reports to the hook");
        lp.reset_error_hook();
        lp.report("told to nobody's hook", &Failure::message("nobody's"));
        ensure_eq!(reports.mentioning("nobody's"), 0, "reports to an old hook");
        Ok(())
    })
}

/// A panic in a call, a timer and a task each.
pub fn loop_33<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        lp.call_soon(|| panic!("thrown 1"))?;
        lp.call_later(Duration::from_millis(1), || panic!("thrown 2"))?;
        drop(lp.spawn(async { panic!("thrown 3") }));
        until(&lp, "three reports", || reports.mentioning("thrown") == 3).await?;
        ensure!(lp.is_running(), "the run ended");
        Ok(())
    })
}

/// A hook that panics is called once per failure, and the loop goes on.
pub fn loop_34<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (hooked, next) = (Flag::new(), Flag::new());
        let noted = hooked.clone();
        lp.set_error_hook(move |_| {
            noted.set();
            panic!("the hook is broken");
        });
        let noted = next.clone();
        lp.call_soon(|| panic!("a call is broken"))?;
        lp.call_soon(move || noted.set())?;
        until(&lp, "the next call", || next.is_set()).await?;
        quiet(&lp).await;
        ensure_eq!(hooked.count(), 1, "calls of the hook");
        lp.reset_error_hook();
        Ok(())
    })
}

/// A task notes whether it runs on the stack of the `spawn` that made it.
pub async fn spawn_is_lazy<S: Spawner + Timers>(lp: &S) -> Verdict {
    for _ in 0..20 {
        let nested = inside(|| lp.spawn(async { is_inside() })).await?;
        ensure!(!nested, "a task ran inside `spawn`");
    }
    Ok(())
}

/// See [`spawn_is_lazy`].
pub fn loop_35<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| spawn_is_lazy(&lp).await)
}
