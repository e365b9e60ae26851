//! LOOP: what does not end with its loop: tasks that block or refuse, a limit on a task of
//! a loop at rest, a loop that is dropped.

use std::future::pending;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use polyloop_core::{FailureKind, MainLoop, Promise, catch_cancel};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, block_on, poll_once, run, until};

/// It blocks its thread in its first turn. Where that is the thread of the run, the task is
/// over before the end can begin, and there is nothing to report.
pub fn loop_40<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let reports = Reports::of(&lp);
    lp.set_shutdown_limit(Duration::from_millis(20));
    let (begun, ended) = (Flag::new(), Flag::new());
    let (release, held) = mpsc::channel::<()>();
    let (inner, noted_begun, noted_ended) = (lp.clone(), begun.clone(), ended.clone());
    let line = line!() + 3;
    lp.run(async move {
        // One call on one line, whose number the report gives.
        inner.spawn(blocks(noted_begun, held, noted_ended)).detach();
        until(&inner, "the task under way", || begun.is_set()).await
    })??;
    let over = ended.is_set();
    drop(release);
    let told = reports.all();
    let told: Vec<_> = told.iter().map(|report| report.context.as_str()).collect();
    let place = format!("{}:{line}", file!());
    let quietly = over && told.is_empty();
    ensure!(
        quietly || told.iter().any(|context| context.contains(&place)),
        "a task was left that was spawned at {place}, and reported was {told:?}"
    );
    Ok(())
}

#[expect(clippy::unused_async, reason = "a task that never awaits is the point")]
async fn blocks(begun: Flag, held: mpsc::Receiver<()>, ended: Flag) {
    begun.set();
    let _ = held.recv_timeout(Duration::from_millis(200));
    ended.set();
}

/// By a timeout and by a cancel, on a loop that was never run; the futures go when it is.
pub fn loop_42<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let other = make();
    let gone = Flag::new();
    let waits = |gone: &Flag| {
        let guard = gone.on_drop();
        async move {
            pending::<()>().await;
            drop(guard);
        }
    };
    run(make, async |lp| {
        let limited = other.spawn(waits(&gone));
        let limited = limited.timeout(&lp, Duration::from_millis(20)).await;
        let kind = limited.map_err(|failure| failure.kind());
        ensure_eq!(
            kind,
            Err(FailureKind::TimedOut),
            "a limit on a task at rest"
        );
        let cancelled = other.spawn(waits(&gone));
        ensure!(cancelled.cancel("no longer"), "the cancel was refused");
        let reason = cancelled
            .await
            .map_err(|f| (f.kind(), f.text().into_owned()));
        let expected = Err((FailureKind::Cancelled, "no longer".to_owned()));
        ensure_eq!(reason, expected, "a cancel of a task at rest");
        Ok(())
    })?;
    other.run(async {})?;
    ensure_eq!(gone.count(), 2, "futures dropped when the loop was run");
    ensure_eq!(other.task_count(), 0, "tasks left");
    Ok(())
}

/// It catches each cancel and waits on. The first comes before the end of the run: on a busy
/// machine the limit of that may be up before the task has had a turn.
pub fn loop_43<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let reports = Reports::of(&lp);
    lp.set_shutdown_limit(Duration::from_millis(50));
    let (caught, gone) = (Flag::new(), Flag::new());
    let (inner, noted, guard) = (lp.clone(), caught.clone(), gone.on_drop());
    lp.run(async move {
        let waiting = Flag::new();
        let waits = waiting.clone();
        let task = inner.spawn(async move {
            let _guard = guard;
            loop {
                waits.set();
                let _ = catch_cancel(pending::<()>()).await;
                noted.set();
            }
        });
        until(&inner, "the task under way", || waiting.is_set()).await?;
        ensure!(task.cancel("end"), "the cancel was refused");
        task.detach();
        until(&inner, "the task to refuse its end", || caught.is_set()).await
    })??;
    ensure_eq!(
        gone.count(),
        1,
        "its destructor had run when `run` returned"
    );
    ensure_eq!(lp.task_count(), 0, "tasks left");
    let told = reports.all();
    let told: Vec<_> = told.iter().map(|report| report.context.as_str()).collect();
    ensure!(
        told.len() == 1 && told[0].contains(file!()),
        "reported: {told:?}"
    );
    ensure_eq!(lp.run(async { 3 })?, 3, "the next run");
    Ok(())
}

/// Fresh ones, used ones, from main, a task and a call; a sleep and a promise outlive them.
pub fn loop_45<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    /// Drops a loop, and what it had promised.
    fn let_go<L: MainLoop>(other: L) {
        let mut sleep = Box::pin(other.sleep(Duration::from_secs(3600)));
        let polled = poll_once(&mut sleep);
        let task = other.spawn(async { 1 });
        let _ = other.call_soon(|| ());
        drop(other);
        // Whatever becomes of them, asking is allowed.
        let _ = (polled, poll_once(&mut sleep), task.is_done());
    }
    let others: Vec<L> = (0..6).map(|_| make()).collect();
    others[0].run(async {})?;
    run(make, async |lp| {
        let mut others = others.into_iter();
        let mut other = || others.next().ok_or_else(|| Fault::new("too few loops"));
        let_go(other()?);
        drop(other()?);
        let (first, second) = (other()?, other()?);
        lp.spawn(async move {
            let_go(first);
            drop(second);
        })
        .await?;
        let (called, first, second) = (Flag::new(), other()?, other()?);
        let noted = called.clone();
        lp.call_soon(move || {
            let_go(first);
            drop(second);
            noted.set();
        })?;
        until(&lp, "the call", || called.is_set()).await?;
        lp.sleep(Duration::from_millis(1)).await;
        ensure_eq!(lp.spawn(async { 2 }).await?, 2, "the outer loop goes on");
        Ok(())
    })
}

/// A task that has had no turn, and a call. What goes on by itself goes on without a handle.
pub fn loop_51<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    if lp.state().is_driven() {
        return Ok(());
    }
    let gone = Flag::new();
    let (task, call) = (gone.on_drop(), gone.on_drop());
    let task = lp.spawn(async move {
        let _task = task;
        pending::<()>().await;
    });
    lp.call_soon(move || drop(call))?;
    let state = Arc::downgrade(lp.state());
    drop(lp);
    ensure_eq!(gone.count(), 2, "what was dropped with the last handle");
    ensure!(state.upgrade().is_none(), "something still holds the loop");
    match block_on(task) {
        Err(failure) if failure.is_cancelled() => Ok(()),
        other => Err(Fault::new(format!("the task gave {other:?}"))),
    }
}
