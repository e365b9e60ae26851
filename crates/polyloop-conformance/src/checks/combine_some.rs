//! COMB: waiting for some of them, for each in turn, in a group, or behind a shield.

use std::future::pending;
use std::iter;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use polyloop_core::{
    AllFailed, Deferred, Failure, GroupFailed, MainLoop, NothingToWaitFor, Promise, Resolver,
    TaskGroup, WaitFor, as_completed, catch_cancel, race, select, shield, wait,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, poll_once, quiet, run, until};

/// A task that waits for ever; the flag is set when it has gone.
fn idle<L: MainLoop>(lp: &L, gone: &Flag) -> L::Task<u8> {
    let guard = gone.on_drop();
    lp.spawn(async move {
        let forever = pending::<u8>().await;
        drop(guard);
        forever
    })
}

fn texts(failures: &[Failure]) -> Vec<String> {
    failures.iter().map(|f| f.text().into_owned()).collect()
}

/// A failure does not win, the losers stop; and `select` gives the rest back.
pub fn comb_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let gone = Flag::new();
        let racers = [
            idle(&lp, &gone),
            lp.spawn(async { panic!("out of the race") }),
            lp.spawn(async { 9 }),
            idle(&lp, &gone),
        ];
        ensure_eq!(race(racers).await?, (2, 9), "the winner");
        until(&lp, "the losers are gone", || gone.count() == 2).await?;

        let gone = Flag::new();
        let (resolver, settling) = Deferred::new();
        let settling = lp.spawn(async move { settling.await.unwrap_or(0) });
        let mut selection = select([idle(&lp, &gone), settling]);
        ensure!(
            poll_once(&mut selection).is_pending(),
            "nothing was settled yet"
        );
        let _ = resolver.resolve(8);
        let selected = selection.await?;
        ensure_eq!(
            (selected.index, selected.outcome.ok()),
            (1, Some(8)),
            "the selected"
        );
        quiet(&lp).await;
        ensure!(!gone.is_set(), "selecting cancelled the rest");
        let rest: Vec<_> = selected.rest.iter().map(|(index, _)| *index).collect();
        ensure_eq!(rest, [0], "the places of the rest");
        for (_, task) in selected.rest {
            ensure!(task.cancel("no more"), "the rest can't be cancelled");
        }
        Ok(())
    })
}

/// Failing out of order, each way of failing; and a cancelled race.
pub fn comb_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (resolvers, promises): (Vec<_>, Vec<_>) = (0..3).map(|_| Deferred::<u8>::new()).unzip();
        let mut failing = race(promises);
        ensure!(
            poll_once(&mut failing).is_pending(),
            "nobody has failed yet"
        );
        for (number, resolver) in resolvers.into_iter().enumerate().rev() {
            let _ = resolver.reject(format!("number {number}"));
        }
        let failure = failing
            .await
            .err()
            .ok_or_else(|| Fault::new("somebody won"))?;
        let Some(AllFailed(failures)) = failure.downcast_ref() else {
            return Err(Fault::new(format!("not all failures: {failure:?}")));
        };
        ensure_eq!(
            texts(failures),
            ["number 0", "number 1", "number 2"],
            "the failures"
        );

        let gone = Flag::new();
        let cancelled = race([idle(&lp, &gone), idle(&lp, &gone)]);
        ensure!(cancelled.cancel("rain"), "the cancel was refused");
        let failure = cancelled
            .await
            .err()
            .ok_or_else(|| Fault::new("somebody won"))?;
        ensure!(
            failure.is_cancelled() && failure.text() == "rain",
            "it ended with {failure}"
        );
        ensure_eq!(gone.count(), 2, "competitors that were stopped");
        Ok(())
    })
}

/// A canceller that supplies a value, and a task that carries on to one or fails.
pub fn comb_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let asked = Flag::new();
        let noted = asked.clone();
        let (_resolver, answering) = Deferred::with_canceller(move |_| {
            noted.set();
            Some(Ok(1))
        });
        // In a task, so that a report would come to this loop.
        let outcome = lp.spawn(race([answering, Deferred::resolved(2)])).await?;
        ensure_eq!(outcome?, (1, 2), "the winner over an answer");
        ensure_eq!(asked.count(), 1, "how often the loser was cancelled");

        let (waiting, over) = (Flag::new(), Flag::new());
        let loser = |answer: fn() -> u8| {
            let (noted, guard) = (waiting.clone(), over.on_drop());
            lp.spawn(async move {
                noted.set();
                let _ = catch_cancel(pending::<()>()).await;
                let _guard = guard;
                answer()
            })
        };
        let losers = [loser(|| 1), loser(|| panic!("a sore loser"))];
        until(&lp, "the losers wait", || waiting.count() == 2).await?;
        let winner = lp.spawn(async { 2 });
        ensure_eq!(
            race(losers.into_iter().chain([winner])).await?,
            (2, 2),
            "the winner"
        );
        until(&lp, "the losers are over", || over.count() == 2).await?;
        quiet(&lp).await;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// At the first poll; and so for `select`.
pub fn comb_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let none = || iter::empty::<L::Task<u8>>();
        ensure!(
            poll_once(&mut race(none())).is_ready(),
            "a race over nothing waits"
        );
        let failures = [
            lp.spawn(race(none())).await?.err(),
            lp.spawn(async move { select(none()).await.map(drop) })
                .await?
                .err(),
        ];
        for failure in failures {
            let failure = failure.ok_or_else(|| Fault::new("nothing has won"))?;
            ensure!(
                failure.downcast_ref::<NothingToWaitFor>().is_some(),
                "not the error for it: {failure:?}"
            );
        }
        Ok(())
    })
}

/// The three conditions; then a limit, with nothing cancelled.
pub fn comb_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    /// Settles the second with a value, then the first with a failure, and says
    /// after how many of these the wait was over.
    async fn after(until: WaitFor) -> Verdict<(u32, Vec<usize>, Vec<usize>)> {
        let (mut resolvers, promises): (Vec<_>, Vec<_>) =
            (0..3).map(|_| Deferred::<u8>::new()).unzip();
        let mut waiting = wait(promises, until);
        let steps: [fn(Resolver<u8>); 3] = [
            |resolver| {
                let _ = resolver.resolve(1);
            },
            |resolver| {
                let _ = resolver.reject("failed");
            },
            |resolver| {
                let _ = resolver.resolve(3);
            },
        ];
        let mut number = 0;
        for (step, at) in steps.into_iter().zip([1, 0, 0]) {
            ensure!(poll_once(&mut waiting).is_pending(), "over after {number}");
            step(resolvers.remove(at));
            number += 1;
            if waiting.is_done() || (until == WaitFor::FirstFailure && number == 2) {
                break;
            }
        }
        let waited = waiting.await?;
        ensure!(
            waited.pending.iter().all(|(_, p)| !p.is_done()),
            "a pending one is done"
        );
        let done = waited.done.iter().map(|(index, _)| *index).collect();
        let left = waited.pending.iter().map(|(index, _)| *index).collect();
        Ok((number, done, left))
    }
    run(make, async |lp| {
        ensure_eq!(
            after(WaitFor::FirstDone).await?,
            (1, vec![1], vec![0, 2]),
            "first done"
        );
        let failed = after(WaitFor::FirstFailure).await?;
        ensure_eq!(failed, (2, vec![1, 0], vec![2]), "first failure");
        ensure_eq!(
            after(WaitFor::All).await?,
            (3, vec![1, 0, 2], vec![]),
            "all"
        );

        let gone = Flag::new();
        let tasks = [idle(&lp, &gone), lp.spawn(async { 4 }), idle(&lp, &gone)];
        until(&lp, "one is done", || tasks[1].is_done()).await?;
        let waited = wait(tasks, WaitFor::All)
            .at_most(&lp, Duration::from_millis(20))
            .await?;
        ensure_eq!(waited.done.len(), 1, "done at the limit");
        let left: Vec<_> = waited.pending.iter().map(|(index, _)| *index).collect();
        ensure_eq!(left, [0, 2], "pending at the limit");
        quiet(&lp).await;
        ensure!(!gone.is_set(), "the wait cancelled what was pending");
        Ok(())
    })
}

/// Five inputs: two finish in turn, one fails, two never finish.
pub fn comb_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (mut resolvers, promises): (Vec<_>, Vec<_>) =
            (0..5).map(|_| Deferred::<u8>::new()).unzip();
        let mut outcomes = as_completed(promises).at_most(&lp, Duration::from_secs(1));
        let mut cx = Context::from_waker(Waker::noop());
        ensure!(
            pin!(outcomes.next()).poll(&mut cx).is_pending(),
            "an outcome out of nothing"
        );
        let _ = resolvers.remove(4).resolve(44);
        let _ = resolvers.remove(1).reject("failed");
        let _ = resolvers.remove(2).resolve(33);
        let mut seen = Vec::new();
        while let Some((index, outcome)) = outcomes.next().await {
            seen.push((index, outcome.map_err(|f| f.is_timed_out())));
        }
        let expected = [
            (4, Ok(44)),
            (1, Err(false)),
            (3, Ok(33)),
            (0, Err(true)),
            (2, Err(true)),
        ];
        ensure_eq!(seen, expected, "the outcomes");
        ensure!(!resolvers[0].is_abandoned(), "a late one was cancelled");

        // Cancelled before the limit, and stopped by nothing but that.
        let waits = Flag::new();
        let noted = waits.clone();
        let task = lp.spawn(async move {
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            pending::<()>().await;
        });
        until(&lp, "the task to wait", || waits.is_set()).await?;
        let mut outcomes = as_completed([task]).at_most(&lp, Duration::from_millis(10));
        ensure!(outcomes.cancel("enough"), "the cancel was refused");
        let Some((0, Err(failure))) = outcomes.next().await else {
            return Err(Fault::new("no failure of the cancelled one"));
        };
        ensure!(failure.is_cancelled(), "a cancel was told as {failure}");
        Ok(())
    })
}

/// One fails, one is idle, one fails while it cleans up; then the group is closed.
pub fn comb_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (waiting, gone) = (Flag::new(), Flag::new());
        let group = TaskGroup::new(&lp);
        let (noted, guard) = (waiting.clone(), gone.on_drop());
        let idle = group.spawn(async move {
            noted.set();
            pending::<()>().await;
            drop(guard);
            Ok(())
        })?;
        let (noted, guard) = (waiting.clone(), gone.on_drop());
        let cleaning = group.spawn(async move {
            let _guard = guard;
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            Err::<(), _>(Failure::from("the second"))
        })?;
        until(&lp, "both wait", || waiting.count() == 2).await?;
        let spawner = group.spawner();
        let failing = group.spawn(async { Err::<(), _>(Failure::from("the first")) })?;
        let failed = failing.await.err().map(|f| f.text().into_owned());
        ensure_eq!(
            failed.as_deref(),
            Some("the first"),
            "what its own handle says"
        );
        ensure!(
            spawner.spawn(async { Ok(()) }).is_err(),
            "a closing group took a task"
        );
        let failure = group
            .join()
            .await
            .err()
            .ok_or_else(|| Fault::new("no failure"))?;
        ensure_eq!(gone.count(), 2, "siblings that were gone by then");
        let Some(failed) = failure.downcast_ref::<GroupFailed>() else {
            return Err(Fault::new(format!("not a group's failure: {failure:?}")));
        };
        ensure_eq!(
            texts(&failed.failures),
            ["the first", "the second"],
            "the failures"
        );
        ensure!(
            idle.await.is_err_and(|f| f.is_cancelled()),
            "the idle one was not cancelled"
        );
        drop(cleaning);

        let group = TaskGroup::new(&lp);
        let value = group.spawn(async { Ok(3) })?;
        let spawner = group.spawner();
        group.join().await?;
        ensure_eq!(value.await?, 3, "a value");
        ensure!(
            spawner.spawn(async { Ok(()) }).is_err(),
            "a group that was over took a task"
        );
        quiet(&lp).await;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// From outside, where the work goes on; and from inside.
pub fn comb_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (go, may_go) = Deferred::new();
        let mut waiting = shield(lp.spawn(async move { may_go.await.unwrap_or(0) }));
        ensure!(
            poll_once(&mut waiting).is_pending(),
            "settled before the work"
        );
        ensure!(waiting.cancel("not interested"), "the cancel was refused");
        let failure = (&mut waiting)
            .await
            .err()
            .ok_or_else(|| Fault::new("no failure"))?;
        ensure!(failure.is_cancelled(), "the wait ended with {failure}");
        ensure_eq!(failure.text(), "not interested", "the reason");
        ensure!(go.resolve(6).is_ok(), "the work was cancelled");
        ensure_eq!(waiting.into_inner().await?, 6, "the work's value");

        let gone = Flag::new();
        let work = idle(&lp, &gone).shared();
        let waiting = lp.spawn(shield(work.clone()));
        ensure!(
            work.cancel("from inside"),
            "the work could not be cancelled"
        );
        let failure = waiting
            .await?
            .err()
            .ok_or_else(|| Fault::new("no failure"))?;
        ensure!(failure.is_cancelled(), "the waiter saw {failure}");
        ensure_eq!(failure.text(), "from inside", "the reason");
        Ok(())
    })
}
