//! LOOP: running a loop, stopping it, running it again, closing it.

use std::future::pending;
use std::time::Duration;

use polyloop_core::{LoopClosed, MainLoop, Promise, RunError};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, block_on, let_others_run, quiet, run, until};

/// Seen from before, main, a call, a task, and after.
pub fn loop_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    ensure!(!lp.is_running(), "it claims to run before `run`");
    let inner = lp.clone();
    lp.run(async move {
        ensure!(inner.is_running(), "not running inside main");
        let (seen, lp) = (Flag::new(), inner.clone());
        let noted = seen.clone();
        inner.call_soon(move || {
            if lp.is_running() {
                noted.set();
            }
        })?;
        until(&inner, "running inside a call", || seen.is_set()).await?;
        let lp = inner.clone();
        let in_task = inner.spawn(async move { lp.is_running() }).await?;
        ensure!(in_task, "not running inside a task");
        Ok(())
    })??;
    ensure!(!lp.is_running(), "it claims to run after `run`");
    Ok(())
}

/// Before the first run, and after one.
pub fn loop_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    ensure!(lp.stop().is_err(), "stop before `run` was accepted");
    ensure_eq!(lp.run(async { 1 })?, 1, "a refused stop must not latch");
    ensure!(lp.stop().is_err(), "stop after `run` was accepted");
    Ok(())
}

/// After an ordinary end, and after a stop; tasks and calls work in each run.
pub fn loop_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    for round in 0..3 {
        let inner = lp.clone();
        let value = lp.run(async move {
            inner.sleep(Duration::from_millis(1)).await;
            let called = Flag::new();
            let noted = called.clone();
            inner.call_soon(move || noted.set())?;
            until(&inner, "a call in this run", || called.is_set()).await?;
            Ok::<_, Fault>(inner.spawn(async move { round }).await?)
        })??;
        ensure_eq!(value, round, "a task's value in run {round}");
        let inner = lp.clone();
        let stopped = lp.run(async move {
            let _ = inner.stop();
            pending::<()>().await;
        });
        ensure!(
            matches!(stopped, Err(RunError::StoppedEarly { .. })),
            "a stopped run gave {stopped:?}"
        );
    }
    Ok(())
}

/// From main, from a call and from a task; also a second loop on the same thread.
pub fn loop_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let other = make();
    run(make, async |lp| {
        let nested = lp.run(async {});
        ensure!(
            matches!(nested, Err(RunError::Nested { .. })),
            "main: {nested:?}"
        );
        let nested = other.run(async {});
        ensure!(
            matches!(nested, Err(RunError::Nested { .. })),
            "another loop: {nested:?}"
        );
        let (refused, inner) = (Flag::new(), lp.clone());
        let noted = refused.clone();
        lp.call_soon(move || {
            if inner.run(async {}).is_err() {
                noted.set();
            }
        })?;
        until(&lp, "the refusal in a call", || refused.is_set()).await?;
        let inner = lp.clone();
        let refused = lp
            .spawn(async move { inner.run(async {}).is_err() })
            .await?;
        ensure!(refused, "a task could run its loop");
        ensure!(lp.is_running(), "the outer run was disturbed");
        lp.sleep(Duration::from_millis(1)).await;
        Ok(())
    })
}

/// The statements after `stop` take a while, so that the run could overtake them.
pub fn loop_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let (before, after) = (Flag::new(), Flag::new());
    let (noted_before, noted_after, inner) = (before.clone(), after.clone(), lp.clone());
    let ended = lp.run(async {
        let asked = lp.call_soon(move || {
            noted_before.set();
            let _ = inner.stop();
            let_others_run(&inner, Duration::from_millis(20));
            noted_after.set();
        });
        ensure!(asked.is_ok(), "the call was refused");
        pending::<Verdict>().await
    });
    ensure!(
        matches!(ended, Err(RunError::StoppedEarly { .. })),
        "ended as {ended:?}"
    );
    ensure!(before.is_set(), "the call was never made");
    ensure!(
        after.is_set(),
        "`run` returned before the call that stopped it had"
    );
    Ok(())
}

/// Two calls of one pass, of which the first stops and asks for a third.
pub fn loop_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let (due, late) = (Flag::new(), Flag::new());
    let (noted_due, noted_late, inner) = (due.clone(), late.clone(), lp.clone());
    let ended = lp.run(async {
        // Both are queued by one call, so they share the next pass.
        let asked = lp.call_soon(move || {
            let lp = inner.clone();
            let stopping = inner.call_soon(move || {
                let _ = lp.stop();
                let _ = lp.call_soon(move || noted_late.set());
                // Leaves room for the end of the run to overtake this pass.
                let_others_run(&lp, Duration::from_millis(20));
            });
            let second = inner.call_soon(move || noted_due.set());
            drop((stopping, second));
        });
        ensure!(asked.is_ok(), "the call was refused");
        pending::<Verdict>().await
    });
    ensure!(
        matches!(ended, Err(RunError::StoppedEarly { .. })),
        "ended as {ended:?}"
    );
    ensure!(
        due.is_set(),
        "a call of the pass in which `stop` came was not made"
    );
    let_others_run(&lp, Duration::from_millis(50));
    ensure!(!late.is_set(), "a call queued after `stop` was made");
    Ok(())
}

/// A value at once, a value later, a value that is an error, and a stop.
pub fn loop_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    ensure_eq!(
        lp.run(async { "now" })?,
        "now",
        "main that is ready at once"
    );
    let inner = lp.clone();
    let later = lp.run(async move {
        inner.sleep(Duration::from_millis(5)).await;
        Err::<(), _>("its own error")
    })?;
    ensure_eq!(later, Err("its own error"), "main that ends with an error");
    let inner = lp.clone();
    let stopped = lp.run(async move {
        inner.sleep(Duration::from_millis(1)).await;
        let _ = inner.stop();
        pending::<()>().await;
    });
    ensure!(
        matches!(stopped, Err(RunError::StoppedEarly { .. })),
        "stopped gave {stopped:?}"
    );
    ensure!(!lp.is_running(), "still running");
    Ok(())
}

/// Closing is refused inside, allowed twice outside, and then every door is shut.
pub fn loop_37<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let inner = lp.clone();
    let refused = lp.run(async move { inner.close().is_err() })?;
    ensure!(refused, "a running loop could be closed");
    ensure!(!lp.is_closed(), "a refused close closed it");
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    lp.call_when_running(move || drop(guard))?;
    ensure!(
        lp.close().is_ok() && lp.close().is_ok(),
        "closing or closing twice failed"
    );
    ensure!(lp.is_closed(), "a closed loop says that it is open");
    ensure!(
        dropped.is_set(),
        "a call for a run that never comes is kept"
    );
    let ran = lp.run(async {});
    ensure!(
        matches!(ran, Err(RunError::Closed(_))),
        "run after close: {ran:?}"
    );
    ensure!(lp.call_soon(|| ()).is_err(), "a call was taken");
    ensure!(
        lp.call_when_running(|| ()).is_err(),
        "a call for a run was taken"
    );
    let reports = crate::probe::Reports::of(&lp);
    let refused = lp.spawn(async {});
    refused.ignore_failure();
    drop(refused);
    ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
    drop(lp.spawn(async {}));
    ensure_eq!(reports.all().len(), 1, "reports of a task that was refused");
    for refused in [
        block_on(lp.spawn(async {})),
        block_on(lp.run_in_thread(|| ())),
    ] {
        let failure = refused
            .err()
            .map(|failure| failure.downcast_ref::<LoopClosed>().is_some());
        ensure_eq!(
            failure,
            Some(true),
            "work for a closed loop fails with LoopClosed"
        );
    }
    Ok(())
}

/// Tasks of several generations, with destructors; one of them panics on its way.
pub fn loop_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let reports = crate::probe::Reports::of(&lp);
    let (started, gone) = (Flag::new(), Flag::new());
    let ended = {
        let (lp2, started, gone) = (lp.clone(), started.clone(), gone.clone());
        lp.run(async move {
            for _ in 0..3 {
                let (inner, started, gone) = (lp2.clone(), started.clone(), gone.clone());
                drop(lp2.spawn(async move {
                    let grandchild = (started.clone(), gone.on_drop());
                    drop(inner.spawn(async move {
                        grandchild.0.set();
                        pending::<()>().await;
                        drop(grandchild);
                    }));
                    let _guard = gone.on_drop();
                    started.set();
                    pending::<()>().await;
                }));
            }
            drop(lp2.spawn(async {
                struct Rude;
                impl Drop for Rude {
                    fn drop(&mut self) {
                        assert!(std::thread::panicking(), "rude to the last");
                    }
                }
                let _rude = Rude;
                pending::<()>().await;
            }));
            until(&lp2, "all tasks under way", || started.count() == 6).await?;
            quiet(&lp2).await;
            Ok::<_, Fault>(())
        })
    };
    ended??;
    ensure_eq!(
        gone.count(),
        6,
        "destructors that had run when `run` returned"
    );
    ensure_eq!(lp.task_count(), 0, "tasks left");
    ensure_eq!(
        reports.mentioning("rude to the last"),
        1,
        "reports of the panic on the way out"
    );
    Ok(())
}
