//! LOOP: threads that count on a loop which nobody drives, and work that threads are at
//! when a run ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polyloop_core::{CallFromThreadError, Failure, FailureKind, MainLoop, Promise, ShutdownPhase};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, until};

/// What a thread of its own gets of a call, which has to be soon.
fn ask<L: MainLoop>(lp: &L) -> Result<Result<u8, CallFromThreadError>, Fault> {
    let (sender, receiver) = mpsc::channel();
    let lp = lp.clone();
    thread::spawn(move || sender.send(lp.call_from_thread(|| 7)));
    receiver
        .recv_timeout(Duration::from_secs(10))
        .map_err(|_| Fault::new("a thread waits for a call that nobody makes"))
}

/// Before any run, after one, and by threads that ask again and again while runs end. A
/// loop that drives itself answers, any other says that nobody runs it.
pub fn loop_38<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let outside = |when: &str| {
        let answer = ask(&lp)?;
        let right = match answer {
            Ok(value) => lp.state().is_driven() && value == 7,
            Err(CallFromThreadError::NobodyRuns(_)) => !lp.state().is_driven(),
            Err(_) => false,
        };
        ensure!(right, "{when} a thread was told {answer:?}");
        Ok(())
    };
    outside("before any run")?;
    ensure_eq!(lp.run(async { 1 })?, 1, "a run after it");
    outside("after a run")?;
    for _ in 0..10 {
        let enough = Arc::new(AtomicBool::new(false));
        let (sender, ended) = mpsc::channel();
        for _ in 0..2 {
            let (lp, enough, sender) = (lp.clone(), enough.clone(), sender.clone());
            thread::spawn(move || {
                while !enough.load(Ordering::SeqCst) {
                    if let Ok(value) = lp.call_from_thread(|| 7)
                        && value != 7
                    {
                        return;
                    }
                }
                let _ = sender.send(());
            });
        }
        let inner = lp.clone();
        lp.run(async move { inner.sleep(Duration::from_millis(2)).await })?;
        enough.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            ended
                .recv_timeout(Duration::from_secs(10))
                .map_err(|_| Fault::new("a thread outwaits the run, or got another's value"))?;
        }
    }
    outside("after many runs")
}

/// Handed over by main, by a task and by a hook, each of which ends at once; by one who
/// cancels it; and by one whose work needs the loop. Then some that does not return.
pub fn loop_39<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn slow(done: &Flag) -> impl FnOnce() + Send + use<> {
        let done = done.clone();
        move || {
            thread::sleep(Duration::from_millis(20));
            done.set();
        }
    }
    let lp = make();
    let reports = Reports::of(&lp);
    let done = Flag::new();
    let (hook, hooked) = (lp.clone(), done.clone());
    lp.on_shutdown(ShutdownPhase::After, move || {
        hook.run_in_thread(slow(&hooked)).detach();
        async { Ok::<_, Failure>(()) }
    });
    let (inner, tasks, work) = (lp.clone(), done.clone(), done.clone());
    lp.run(async move {
        let in_task = inner.clone();
        let handed_over = Flag::new();
        let noted = handed_over.clone();
        inner
            .spawn(async move {
                let work = in_task.run_in_thread(slow(&tasks));
                noted.set();
                work.await
            })
            .detach();
        until(&inner, "the work of a task", || handed_over.is_set()).await?;
        let cancelled = inner.run_in_thread(slow(&work));
        cancelled.cancel("never mind");
        let (caller, done) = (inner.clone(), work.clone());
        inner
            .run_in_thread(move || {
                // Made or not: it must not be waited for in vain.
                let _ = caller.call_from_thread(|| ());
                done.set();
            })
            .detach();
        inner.run_in_thread(slow(&work)).detach();
        Ok::<_, Fault>(())
    })??;
    ensure_eq!(done.count(), 5, "pieces of work done when `run` returned");
    ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());

    lp.set_shutdown_limit(Duration::from_millis(50));
    let (release, held) = mpsc::channel::<()>();
    let inner = lp.clone();
    let line = line!() + 1;
    lp.run(async move { inner.run_in_thread(move || held.recv()).detach() })?;
    let place = format!("{}:{line}", file!());
    let told = reports.all();
    let told = told.iter().filter(|report| report.context.contains(&place));
    let kinds: Vec<_> = told.map(|report| report.failure.kind()).collect();
    ensure_eq!(
        kinds,
        [FailureKind::TimedOut],
        "reports of what outlasts the limit"
    );
    drop(release);
    Ok(())
}
