//! BACK: what a runtime, or whoever simulates one, may do to what it runs.

use std::future::pending;

use polyloop_core::{Deferred, MainLoop, Promise};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, Rough, quiet, run, until};

/// Polled twice, with a waker each; then cancelled, and so woken by the second.
pub fn back_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let rough = Rough::new(&lp);
        let (polled, gone) = (Flag::new(), Flag::new());
        let (noted, guard) = (polled.clone(), gone.on_drop());
        let task = polyloop_core::Spawner::spawn(&rough, async move {
            std::future::poll_fn(|_| {
                noted.set();
                std::task::Poll::<()>::Pending
            })
            .await;
            drop(guard);
        });
        until(&lp, "the first poll", || polled.count() == 1).await?;
        rough.poll_all();
        until(&lp, "the second poll", || polled.count() == 2).await?;
        ensure!(task.cancel("enough"), "the cancel was refused");
        until(&lp, "the end of a task that was cancelled", || {
            gone.is_set()
        })
        .await?;
        ensure!(
            task.await.is_err_and(|failure| failure.text() == "enough"),
            "the cancel's reason was lost"
        );

        let (resolver, promise) = Deferred::new();
        let task = polyloop_core::Spawner::spawn(&rough, promise);
        quiet(&lp).await;
        rough.poll_all();
        quiet(&lp).await;
        ensure!(resolver.resolve(4).is_ok(), "nobody waits");
        ensure_eq!(task.await??, 4, "what woke a task by its second waker");
        Ok(())
    })
}

/// Tasks that wait and are dropped by what runs them.
pub fn back_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let rough = Rough::new(&lp);
        let (begun, gone) = (Flag::new(), Flag::new());
        let before = lp.task_count();
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (noted, guard) = (begun.clone(), gone.on_drop());
                polyloop_core::Spawner::spawn(&rough, async move {
                    noted.set();
                    pending::<()>().await;
                    drop(guard);
                })
            })
            .collect();
        until(&lp, "the tasks", || begun.count() == 3).await?;
        ensure_eq!(lp.task_count(), before + 3, "tasks that run");
        rough.drop_all();
        until(&lp, "the tasks to be dropped", || gone.count() == 3).await?;
        until(
            &lp,
            "a loop that counts no task which its runtime dropped",
            || lp.task_count() == before,
        )
        .await?;
        drop(tasks);
        Ok(())
    })
}

/// A machine that loses its power, and comes up again.
pub fn back_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (begun, gone, ran) = (Flag::new(), Flag::new(), Flag::new());
        let (noted, guard) = (begun.clone(), gone.on_drop());
        let inner = lp.clone();
        let task = lp.spawn(async move {
            noted.set();
            let _ = polyloop_core::catch_cancel(pending::<()>()).await;
            // A machine without power cleans up nothing.
            inner.sleep(std::time::Duration::from_secs(3600)).await;
            drop(guard);
        });
        until(&lp, "the task", || begun.is_set()).await?;
        let (noted, guard) = (ran.clone(), gone.on_drop());
        lp.call_later(std::time::Duration::from_millis(1), move || {
            noted.set();
            drop(guard);
        })?;
        let state = lp.state().clone();
        state.kill();
        ensure!(state.is_killed(), "a killed loop says that it is not");
        ensure!(lp.call_soon(|| ()).is_err(), "a killed loop took a call");
        let refused = lp.spawn(async {});
        refused.ignore_failure();
        ensure!(refused.is_done(), "a killed loop took a task");
        drop(refused);
        state.revive();
        ensure!(!state.is_killed(), "a revived loop says that it is killed");
        until(&lp, "what it ran has gone", || gone.count() == 2).await?;
        ensure!(!ran.is_set(), "a call of a killed loop was made");
        let failure = task.await.err();
        ensure!(
            failure.is_some_and(|failure| failure.is_cancelled()),
            "a task outlived its machine"
        );
        ensure_eq!(lp.spawn(async { 5 }).await?, 5, "a task of a revived loop");
        let taken = state.as_killed(|| state.is_killed() && lp.call_soon(|| ()).is_ok());
        ensure!(!taken, "what is done for a killed loop found it open");
        ensure!(!state.is_killed(), "a revived loop is killed once more");
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })?;
    let lp = make();
    lp.state().runtime_lost();
    ensure!(lp.is_closed(), "a loop outlived its runtime");
    ensure!(
        lp.run(async {}).is_err(),
        "a loop ran on a runtime that was lost"
    );
    Ok(())
}
