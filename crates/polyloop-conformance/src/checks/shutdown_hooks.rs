//! LOOP: hooks at the end of a run.

use std::future::pending;
use std::time::Duration;

use polyloop_core::{Failure, MainLoop, ShutdownPhase};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Journal, Reports};

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
