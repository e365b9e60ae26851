//! SCHED: cooperative tasks.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use polyloop_core::schedule::{
    Cooperator, IntoStep, LoopingCall, NotPaused, SchedulerStopped, Step, TaskFinished,
};
use polyloop_core::{Deferred, Failure, MainLoop, Promise as _};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, block_on, busy_for, poll_once, quiet, run, until};

/// Steps without an end, counted.
fn endless(steps: &Flag) -> impl Iterator<Item = ()> + Send + 'static {
    let steps = steps.clone();
    std::iter::repeat_with(move || steps.set())
}

/// Three tasks of four steps, added inside a call so that they begin together.
pub fn sched_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, cooperator) = (Journal::new(), Cooperator::new(&lp));
        let (notes, counting) = (journal.clone(), cooperator.clone());
        ensure_eq!(counting.task_count(), 0, "tasks of a new one");
        let added = Flag::new();
        let noted = added.clone();
        lp.call_soon(move || {
            for name in ["a", "b", "c"] {
                let notes = notes.clone();
                drop(cooperator.cooperate((0..4).map(move |_| notes.note(name))));
            }
            if cooperator.task_count() == 3 {
                noted.set();
            }
        })?;
        until(&lp, "twelve steps", || journal.names().len() == 12).await?;
        until(&lp, "all to be done", || counting.task_count() == 0).await?;
        ensure!(added.is_set(), "three tasks were not counted");
        ensure_eq!(journal.names().concat(), "abcabcabcabc", "the order");
        Ok(())
    })
}

/// Notes the passes between the steps of a task, until there were twelve.
async fn passes<L: MainLoop>(
    lp: &L,
    cooperator: Cooperator<L>,
    length: Duration,
) -> Verdict<String> {
    fn pass<L: MainLoop>(lp: &L, journal: Journal) {
        journal.note("|");
        if journal.count("s") < 12 {
            let next = lp.clone();
            let _ = lp.call_soon(move || pass(&next, journal));
        }
    }
    let journal = Journal::new();
    let (inner, notes) = (lp.clone(), journal.clone());
    lp.call_soon(move || {
        let (steps, clock) = (notes.clone(), inner.clone());
        drop(cooperator.cooperate((0..12).map(move |_| {
            steps.note("s");
            busy_for(&clock, length);
        })));
        let _ = inner.clone().call_soon(move || pass(&inner, notes));
    })?;
    until(lp, "twelve steps and a pass", || {
        let names = journal.names();
        journal.count("s") == 12 && names.last().is_some_and(|name| name == "|")
    })
    .await?;
    Ok(journal.names().concat())
}

/// Three steps by count, exactly; by the default 10 ms, no more than three steps of
/// 4 ms each, however long they really take.
pub fn sched_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let by_count = Cooperator::with_budget(&lp, |steps, _| steps >= 3);
        let seen = passes(&lp, by_count, Duration::ZERO).await?;
        ensure_eq!(seen, "sss|sss|sss|sss|", "a budget of three steps");
        let seen = passes(&lp, Cooperator::new(&lp), Duration::from_millis(4)).await?;
        ensure!(
            !seen.contains("ssss"),
            "more than 10 ms without a pass: {seen}"
        );
        Ok(())
    })
}

/// Parked while another goes on; then one more step, and the end by a failure.
pub fn sched_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        // Not by time: on a virtual clock that would be a great many steps.
        let cooperator = Cooperator::with_budget(&lp, |steps, _| steps >= 10);
        let (resolver, open) = Deferred::<u8>::new();
        let (others, after) = (Flag::new(), Flag::new());
        let (resumed, never) = (after.clone(), after.clone());
        let steps: [Box<dyn FnOnce() -> Step + Send>; 4] = [
            Box::new(|| open.into_step()),
            Box::new(move || {
                resumed.set();
                Step::done()
            }),
            Box::new(|| Step::wait(async { Err::<(), _>(Failure::from("on purpose")) })),
            Box::new(move || {
                never.set();
                Step::done()
            }),
        ];
        let task = cooperator.cooperate(steps.into_iter().map(|step| step()));
        let other = cooperator.cooperate(endless(&others));
        let done = task.when_done();
        until(&lp, "the other goes on", || others.count() > 1000).await?;
        ensure!(!after.is_set(), "the task did not wait for its promise");
        let _ = resolver.resolve(1);
        let Err(failure) = done.await else {
            return Err(Fault::new("a failed step did not fail the task"));
        };
        ensure_eq!(failure.text(), "on purpose", "the failure");
        ensure_eq!(after.count(), 1, "steps after the promise");
        other.stop()?;

        let panicking = cooperator.cooperate(std::iter::repeat_with(|| -> Step { panic!("boo") }));
        let outcome = panicking.when_done().await;
        ensure!(outcome.is_err_and(|f| f.is_panicked()), "a step's panic");
        Ok(())
    })
}

/// Paused twice, resumed once: no step. Resumed again: steps. Again: an error.
pub fn sched_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (cooperator, steps) = (Cooperator::new(&lp), Flag::new());
        let task = cooperator.cooperate(endless(&steps));
        until(&lp, "some steps", || steps.count() > 3).await?;
        task.pause()?;
        task.pause()?;
        // Leaves a step that is being made the time to end.
        quiet(&lp).await;
        let paused = steps.count();
        task.resume()?;
        quiet(&lp).await;
        ensure_eq!(steps.count(), paused, "steps of a paused task");
        task.resume()?;
        until(&lp, "more steps", || steps.count() > paused + 3).await?;
        let again = task.resume();
        ensure!(
            matches!(again, Err(NotPaused::Running)),
            "resumed: {again:?}"
        );
        task.stop()?;
        Ok(())
    })
}

/// Done, stopped and failed; asked twice before and once after.
pub fn sched_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let cooperator = Cooperator::new(&lp);
        let done = cooperator.cooperate([(), ()]);
        let (first, second) = (done.when_done(), done.when_done());
        first.await?;
        second.await?;
        done.when_done().await?;
        let acted = (done.stop(), done.pause(), done.resume());
        ensure!(
            matches!(
                acted,
                (
                    Err(TaskFinished::Done),
                    Err(TaskFinished::Done),
                    Err(NotPaused::Finished(TaskFinished::Done))
                )
            ),
            "acting on one that is done: {acted:?}"
        );

        let stopped = cooperator.cooperate(endless(&Flag::new()));
        let promise = stopped.when_done();
        stopped.stop()?;
        let outcome = promise.await;
        ensure!(
            outcome.is_err_and(|f| matches!(
                f.downcast_ref::<TaskFinished>(),
                Some(TaskFinished::Stopped)
            )),
            "the end of a stopped one"
        );
        let acted = stopped.stop();
        ensure!(matches!(acted, Err(TaskFinished::Stopped)), "{acted:?}");

        let failed = cooperator.cooperate([Err(Failure::from("on purpose"))]);
        ensure!(failed.when_done().await.is_err(), "the failure was lost");
        let reports = Reports::of(&lp);
        drop(cooperator.cooperate([Err(Failure::from("unasked"))]));
        until(&lp, "the report of a failure that nobody asks for", || {
            reports.mentioning("unasked") == 1
        })
        .await?;
        let acted = failed.pause();
        ensure!(
            matches!(&acted, Err(TaskFinished::Failed(f)) if f.text() == "on purpose"),
            "acting on one that failed: {acted:?}"
        );
        ensure_eq!(cooperator.task_count(), 0, "tasks left");
        Ok(())
    })
}

/// One that runs, one that is paused, one that is parked, and one that comes later.
pub fn sched_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (cooperator, steps) = (Cooperator::new(&lp), Flag::new());
        let (resolver, open) = Deferred::<()>::new();
        let open = Arc::new(Mutex::new(Some(open)));
        let running = cooperator.cooperate(endless(&steps));
        let paused = cooperator.cooperate(endless(&Flag::new()));
        paused.pause()?;
        let parked = cooperator.cooperate(std::iter::from_fn(move || {
            open.lock().unwrap().take().map(IntoStep::into_step)
        }));
        until(&lp, "some steps", || steps.count() > 3).await?;
        cooperator.stop();
        let late = cooperator.cooperate([()]);
        for task in [running, paused, parked, late] {
            let outcome = task.when_done().await;
            ensure!(
                outcome.is_err_and(|f| f.downcast_ref::<SchedulerStopped>().is_some()),
                "a task outlived its scheduler"
            );
        }
        quiet(&lp).await;
        let count = steps.count();
        quiet(&lp).await;
        ensure_eq!(steps.count(), count, "steps after the stop");
        drop(resolver);
        Ok(())
    })?;
    let lp = make();
    let task = Cooperator::new(&lp).cooperate([()]);
    let mut done = task.when_done();
    lp.close()?;
    let outcome = match poll_once(&mut done) {
        Poll::Ready(outcome) => outcome,
        // Another thread may have it in its hands at this moment.
        Poll::Pending if lp.state().is_driven() => block_on(done),
        Poll::Pending => return Err(Fault::new("a task waits for a loop that was closed")),
    };
    // A loop that goes on by itself may have been done with it before the close.
    let done_before = outcome.is_ok() && lp.state().is_driven();
    ensure!(
        done_before || outcome.is_err_and(|failure| failure.is_cancelled()),
        "a task on a loop that was closed has ended otherwise"
    );

    // One that waits for a promise of its own when the run ends.
    let lp = make();
    let inner = lp.clone();
    let task = lp.run(async move {
        let waits = Flag::new();
        let (noted, (resolver, promise)) = (waits.clone(), Deferred::<()>::new());
        let mut step = Some(promise);
        let task = Cooperator::new(&inner).cooperate(std::iter::from_fn(move || {
            noted.set();
            step.take().map(IntoStep::into_step)
        }));
        until(&inner, "the step", || waits.is_set()).await?;
        quiet(&inner).await;
        Ok::<_, Fault>((task, resolver))
    })??;
    let Poll::Ready(outcome) = poll_once(&mut task.0.when_done()) else {
        return Err(Fault::new("a task outlived the run that it waited in"));
    };
    ensure!(
        outcome.is_err_and(|failure| failure.is_cancelled()),
        "a task that waited when its run ended has ended otherwise"
    );
    Ok(())
}

/// One that runs on, and one that is put off ten times in a row, before its first turn and
/// after one.
pub fn sched_23<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, cooperator) = (Journal::new(), Cooperator::new(&lp));
        let (notes, other) = (journal.clone(), journal.clone());
        let put_off = cooperator.cooperate(std::iter::repeat_with(move || notes.note("a")));
        let running = cooperator.cooperate(std::iter::repeat_with(move || other.note("b")));
        for _ in 0..2 {
            put_off.pause()?;
            // So that it has been looked at, and is held.
            let count = journal.count("b");
            until(&lp, "others go on", || journal.count("b") > count + 3).await?;
            let (task, seen) = (put_off.clone(), journal.clone());
            let (resolver, resumed) = Deferred::new();
            lp.call_soon(move || {
                let begun = seen.names().len();
                let mut acted = task.resume().is_ok();
                for _ in 0..10 {
                    acted &= task.pause().is_ok() && task.resume().is_ok();
                }
                let _ = resolver.resolve((begun, acted));
            })?;
            let (begun, acted) = resumed.await?;
            ensure!(acted, "it can't be paused or resumed");
            until(&lp, "forty steps", || journal.names().len() > begun + 40).await?;
            let steps = journal.names()[begun..].concat();
            ensure!(!steps.contains("aa"), "it had two turns in a row: {steps}");
            ensure!(steps.contains("ab"), "it had none: {steps}");
        }
        put_off.stop()?;
        running.stop()?;
        Ok(())
    })
}

/// A cooperative task that fails, which is awaited; a looping call that is cancelled from
/// inside, which is not.
pub fn sched_24<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let cooperator = Cooperator::new(&lp);
        let step = || Err::<(), Failure>("told to one".into());
        let task = cooperator.cooperate(std::iter::once_with(step));
        let told = task.when_done().await.err();
        ensure!(
            told.is_some_and(|failure| failure.text() == "told to one"),
            "who asked was not told"
        );
        drop(task);
        let over = Flag::new();
        let noted = over.clone();
        let looping = LoopingCall::new(&lp, move || {
            noted.set();
            Err::<(), _>(Failure::cancelled("nobody minds"))
        });
        looping.start(Duration::from_millis(1), true)?.detach();
        until(&lp, "the call", || over.is_set() && !looping.is_running()).await?;
        drop((cooperator, looping));
        quiet(&lp).await;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}
