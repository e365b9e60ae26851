//! PROM: promises with a time limit.

use std::future::{Future, pending};
use std::time::Duration;

use futures_util::future::join;
use polyloop_core::{
    Deferred, Failure, FailureKind, MainLoop, Promise, Resolver, TaskGroup, Timers, catch_cancel,
    gather,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, poll_once, run, until};

const SHORT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(3600);

/// Not before the limit, as `TimedOut`, and with the limit in its text.
pub fn prom_26<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (_resolver, promise) = Deferred::<u8>::new();
        let begun = lp.now();
        let failure = promise.timeout(&lp, SHORT).await.err();
        ensure!(lp.now() - begun >= SHORT, "it came before the limit");
        let kind = failure.map(|failure| (failure.kind(), failure.is_cancelled()));
        ensure_eq!(kind, Some((FailureKind::TimedOut, false)), "the outcome");
        Ok(())
    })
}

/// Neither a pending call nor a task is left of it.
pub fn prom_27<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (calls, tasks) = (lp.pending_calls().len(), lp.task_count());
        let (resolver, promise) = Deferred::new();
        let limited = promise.timeout(&lp, LONG);
        ensure!(resolver.resolve(6).is_ok(), "nobody waits");
        ensure_eq!(limited.await?, 6, "the value");
        ensure_eq!(lp.pending_calls().len(), calls, "pending calls");
        ensure_eq!(lp.task_count(), tasks, "tasks");
        Ok(())
    })
}

/// Cancelled through the limit; by way of another handle; and, both, where the work takes
/// longer to stop than the limit allows.
pub fn prom_28<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let expected = || Some((FailureKind::Cancelled, "from elsewhere".to_owned()));
        let (_resolver, promise) = Deferred::<u8>::new();
        let limited = promise.timeout(&lp, LONG);
        limited.cancel("from elsewhere");
        ensure_eq!(told(limited.await), expected(), "the outcome");

        let (task, waits, release) = slow_to_stop(&lp);
        until(&lp, "the task to wait", || waits.is_set()).await?;
        let limited = task.timeout(&lp, SHORT);
        ensure!(limited.cancel("from elsewhere"), "the cancel was refused");
        let outcome = past_its_limit(&lp, limited, release).await;
        ensure_eq!(told(outcome), expected(), "a task that is slow to stop");

        let group = TaskGroup::new(&lp);
        let waits = Flag::new();
        let noted = waits.clone();
        let (release, released) = Deferred::new();
        drop(group.spawn(async move {
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            released.await
        })?);
        until(&lp, "the member to wait", || waits.is_set()).await?;
        let limited = group.join().timeout(&lp, SHORT);
        ensure!(limited.cancel("from elsewhere"), "the cancel was refused");
        let outcome = past_its_limit(&lp, limited, release).await;
        ensure_eq!(told(outcome), expected(), "a group that is slow to stop");

        let (task, waits, release) = slow_to_stop(&lp);
        until(&lp, "the task to wait", || waits.is_set()).await?;
        let (all, other) = {
            let all = gather([task]).shared();
            (all.clone(), all)
        };
        ensure!(
            poll_once(&mut other.clone()).is_pending(),
            "it ended by itself"
        );
        ensure!(other.cancel("from elsewhere"), "the cancel was refused");
        let limited = all.then(|_| Ok(())).timeout(&lp, SHORT);
        let outcome = past_its_limit(&lp, limited, release).await;
        ensure_eq!(told(outcome), expected(), "cancelled by another handle");
        Ok(())
    })
}

fn told<T>(outcome: Result<T, Failure>) -> Option<(FailureKind, String)> {
    let failure = outcome.err()?;
    Some((failure.kind(), failure.text().into_owned()))
}

/// A task that catches its cancel and then goes on until it is released.
fn slow_to_stop<L: MainLoop>(lp: &L) -> (L::Task<()>, Flag, Resolver<()>) {
    let waits = Flag::new();
    let noted = waits.clone();
    let (release, released) = Deferred::new();
    let task = lp.spawn(async move {
        noted.set();
        let _ = catch_cancel(pending::<()>()).await;
        let _ = released.await;
    });
    (task, waits, release)
}

/// What comes of a promise with a short limit whose work is released long after that has
/// passed: by the same task, so that nothing comes too early on a busy machine.
async fn past_its_limit<T>(
    timers: &impl Timers,
    limited: impl Future<Output = T>,
    release: Resolver<()>,
) -> T {
    let later = async {
        timers.sleep(4 * SHORT).await;
        // The limit may have ended the work itself.
        let _ = release.resolve(());
    };
    join(limited, later).await.0
}

/// By its canceller, and by a task that goes on after the cancel.
pub fn prom_29<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (_resolver, promise) = Deferred::with_canceller(|_| Some(Ok("half of it")));
        ensure_eq!(
            promise.timeout(&lp, SHORT).await?,
            "half of it",
            "the canceller's value"
        );
        let inner = lp.clone();
        // A task that has not begun would never see the cancel (CORO-07).
        let begun = Flag::new();
        let beginning = begun.clone();
        let task = lp.spawn(async move {
            beginning.set();
            let caught = polyloop_core::catch_cancel(std::future::pending::<()>()).await;
            inner.sleep(SHORT).await;
            caught.is_err()
        });
        until(&lp, "the task to begin", || begun.is_set()).await?;
        ensure!(task.timeout(&lp, SHORT).await?, "the task's value");
        Ok(())
    })
}

/// The body's destructor has run by then.
pub fn prom_30<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for _ in 0..10 {
            let gone = Flag::new();
            let guard = gone.on_drop();
            let task = lp.spawn(async move {
                std::future::pending::<()>().await;
                drop(guard);
            });
            let outcome = task.timeout(&lp, SHORT).await;
            ensure!(
                outcome.is_err_and(|failure| failure.is_timed_out()),
                "it did not time out"
            );
            ensure!(gone.is_set(), "the timeout came while the work still stood");
        }
        Ok(())
    })
}

/// Something there, something pending, and work that would begin at the first poll.
pub fn prom_31<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let there = Deferred::resolved(1).timeout(&lp, Duration::ZERO).await?;
        ensure_eq!(there, 1, "an outcome that is there");
        let (_resolver, pending) = Deferred::<u8>::new();
        let outcome = pending.timeout(&lp, Duration::ZERO).await;
        ensure!(
            outcome.is_err_and(|failure| failure.is_timed_out()),
            "a pending one"
        );
        let begun = Flag::new();
        let (noted, inner) = (begun.clone(), lp.clone());
        let work = Deferred::resolved(1).and_then(move |n: u8| {
            noted.set();
            inner.spawn(async move { n })
        });
        let outcome = work.timeout(&lp, Duration::ZERO).await;
        ensure!(
            outcome.is_err_and(|failure| failure.is_timed_out()),
            "work not begun"
        );
        ensure!(!begun.is_set(), "the work was begun");
        Ok(())
    })
}
