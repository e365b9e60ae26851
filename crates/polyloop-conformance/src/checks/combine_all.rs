//! COMB: waiting for all of them.

use std::future::pending;
use std::time::Duration;

use polyloop_core::{
    Deferred, Failure, FirstFailure, MainLoop, Promise, Resolver, catch_cancel, gather, try_gather,
    yield_now,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, poll_once, quiet, run, until};

fn pending_promises(number: usize) -> (Vec<Resolver<usize>>, Vec<Deferred<usize>>) {
    (0..number).map(|_| Deferred::new()).unzip()
}

/// The place and the source of a [`FirstFailure`].
fn first(failure: &Failure) -> Verdict<(usize, &Failure)> {
    match failure.downcast_ref::<FirstFailure>() {
        Some(first) => Ok((first.index, &first.source)),
        None => Err(Fault::new(format!("not a first failure: {failure:?}"))),
    }
}

/// Promises settled last to first, and a thousand tasks of different lengths.
pub fn comb_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (resolvers, promises) = pending_promises(10);
        let mut all = gather(promises);
        ensure!(
            poll_once(&mut all).is_pending(),
            "settled before its inputs"
        );
        for (number, resolver) in resolvers.into_iter().enumerate().rev() {
            let _ = resolver.resolve(number);
        }
        let values = all.await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        ensure_eq!(values, (0..10).collect::<Vec<_>>(), "promises");

        let tasks = (0..1000_usize).map(|number| {
            lp.spawn(async move {
                for _ in 0..(1000 - number) % 7 {
                    yield_now().await;
                }
                number
            })
        });
        let values = gather(tasks)
            .await?
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        ensure_eq!(values, (0..1000).collect::<Vec<_>>(), "tasks");
        Ok(())
    })
}

/// In both modes, at the first poll.
pub fn comb_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let none = || std::iter::empty::<L::Task<u8>>();
        ensure!(
            poll_once(&mut gather(none())).is_ready(),
            "collecting waits for nothing"
        );
        ensure!(
            poll_once(&mut try_gather(none())).is_ready(),
            "failing fast waits for nothing"
        );
        ensure!(gather(none()).await?.is_empty(), "outcomes of nothing");
        ensure_eq!(
            lp.spawn(try_gather(none())).await??,
            Vec::<u8>::new(),
            "values of nothing"
        );
        Ok(())
    })
}

/// A value, an error and a panic side by side.
pub fn comb_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let tasks = (0..3).map(|number| {
            lp.spawn(async move {
                assert!(number != 1, "not this one");
                number
            })
        });
        let outcomes = gather(tasks).await?;
        let ok: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
        ensure_eq!(ok, [true, false, true], "which slots hold a value");
        ensure!(
            outcomes[1]
                .as_ref()
                .is_err_and(|f| f.is_panicked() && f.text() == "not this one"),
            "the failed slot does not hold the failure: {outcomes:?}"
        );
        Ok(())
    })
}

/// Its place and its own failure, of an error and of a panic.
pub fn comb_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (_resolver, never) = Deferred::<u8>::new();
        let error = Failure::new(std::io::Error::other("its error"));
        let inputs = [
            Deferred::resolved(1),
            never,
            Deferred::failed(error.clone()),
        ];
        let failure = match try_gather(inputs).await {
            Err(failure) => failure,
            Ok(values) => return Err(Fault::new(format!("succeeded with {values:?}"))),
        };
        let (index, source) = first(&failure)?;
        ensure_eq!(index, 2, "the place of the failed input");
        ensure!(
            source.ptr_eq(&error),
            "not the input's own failure: {source}"
        );
        ensure!(
            failure.downcast_ref::<std::io::Error>().is_some(),
            "the error can't be found"
        );

        let panicking = lp.spawn(async { panic!("its panic") });
        let failure = try_gather([panicking]).await.map(drop).err();
        let failure = failure.ok_or_else(|| Fault::new("a panic counted as a value"))?;
        let (index, source) = first(&failure)?;
        ensure_eq!(
            (index, source.is_panicked()),
            (0, true),
            "the panicked input"
        );
        Ok(())
    })
}

/// The sibling finishes after the failure was delivered.
pub fn comb_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (go, may_go) = Deferred::<()>::new();
        let (finished, dropped) = (Flag::new(), Flag::new());
        let (noted, guard) = (finished.clone(), dropped.on_drop());
        let sibling = lp.spawn(async move {
            let _ = may_go.await;
            noted.set();
            drop(guard);
        });
        let failing = lp.spawn(async { panic!("fails first") });
        ensure!(
            try_gather([sibling, failing]).await.is_err(),
            "the failure was lost"
        );
        quiet(&lp).await;
        ensure!(!dropped.is_set(), "the sibling was cancelled");
        let _ = go.resolve(());
        until(&lp, "the sibling finishes", || finished.is_set()).await
    })
}

/// A task and a promise that fail later; a failure outside is still reported.
pub fn comb_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (go, may_go) = Deferred::<()>::new();
        let dropped = Flag::new();
        let guard = dropped.on_drop();
        let later = lp.spawn(async move {
            let _ = may_go.await;
            let _guard = guard;
            panic!("a later failure");
        });
        let failing = lp.spawn(async { panic!("the first failure") });
        ensure!(
            try_gather([failing, later]).await.is_err(),
            "the failure was lost"
        );
        let _ = go.resolve(());
        until(&lp, "the sibling has failed", || dropped.is_set()).await?;

        // Both have failed before the first of them is looked at; in a task, so
        // that a report would come to this loop.
        let both = [
            Deferred::<()>::failed("one"),
            Deferred::failed("a later failure"),
        ];
        ensure!(
            lp.spawn(try_gather(both)).await?.is_err(),
            "the failure was lost"
        );

        lp.spawn(async { panic!("a stranger") }).detach();
        until(&lp, "a stranger is reported", || {
            reports.mentioning("a stranger") == 1
        })
        .await?;
        quiet(&lp).await;
        ensure_eq!(reports.all().len(), 1, "reports: {:?}", reports.all());
        Ok(())
    })
}

/// Every child that runs, with the reason; not the one that is done.
pub fn comb_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let gone = Flag::new();
        let mut tasks: Vec<_> = (0..3)
            .map(|_| {
                let guard = gone.on_drop();
                lp.spawn(async move {
                    pending::<()>().await;
                    drop(guard);
                })
            })
            .collect();
        let done = lp.spawn(async {});
        until(&lp, "one is done", || done.is_done()).await?;
        tasks.push(done);
        let all = gather(tasks);
        ensure!(all.cancel("all of you"), "the cancel was refused");
        ensure!(all.await.is_err(), "cancelled, and yet a success");
        ensure_eq!(gone.count(), 3, "children that were stopped");

        let (resolvers, promises) = pending_promises(3);
        let fast = try_gather(promises);
        ensure!(
            fast.cancel("all of you"),
            "the cancel was refused when failing fast"
        );
        ensure!(
            resolvers.iter().all(Resolver::is_abandoned),
            "a promise was not cancelled"
        );
        Ok(())
    })
}

/// With the reason, in both modes, after its children have cleaned up and though
/// one of them answers with a value.
pub fn comb_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (waiting, cleaned) = (Flag::new(), Flag::new());
        let child = || {
            let (noted, done, timers) = (waiting.clone(), cleaned.clone(), lp.clone());
            lp.spawn(async move {
                noted.set();
                let _ = catch_cancel(pending::<()>()).await;
                timers.sleep(Duration::from_millis(5)).await;
                done.set();
            })
        };
        let collecting = gather([child(), child()]);
        let fast = try_gather([child(), child()]);
        until(&lp, "the children wait", || waiting.count() == 4).await?;
        ensure!(collecting.cancel("enough"), "the cancel was refused");
        ensure!(
            fast.cancel("enough"),
            "the cancel was refused when failing fast"
        );
        for outcome in [collecting.await.map(drop), fast.await.map(drop)] {
            let ended = outcome
                .err()
                .map(|f| (f.is_cancelled(), f.text().into_owned()));
            ensure_eq!(ended, Some((true, "enough".to_owned())), "how it ended");
        }
        ensure_eq!(cleaned.count(), 4, "children that had stopped by then");
        Ok(())
    })
}

/// As a failed slot, as a first failure, and the sibling finishes.
pub fn comb_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let cancelled = |reason| {
            let task = lp.spawn(pending::<u8>());
            task.cancel(reason);
            task
        };
        let sibling = lp.spawn(async {
            yield_now().await;
            7
        });
        let outcomes = gather([cancelled("by somebody"), sibling]).await?;
        let texts: Vec<_> = outcomes
            .into_iter()
            .map(|outcome| outcome.map_err(|f| (f.is_cancelled(), f.text().into_owned())))
            .collect();
        ensure_eq!(
            texts,
            [Err((true, "by somebody".to_owned())), Ok(7)],
            "the outcomes"
        );

        let (go, may_go) = Deferred::<()>::new();
        let finished = Flag::new();
        let noted = finished.clone();
        let sibling = lp.spawn(async move {
            let _ = may_go.await;
            noted.set();
            7
        });
        let failure = match try_gather([sibling, cancelled("by somebody")]).await {
            Err(failure) => failure,
            Ok(values) => return Err(Fault::new(format!("succeeded with {values:?}"))),
        };
        ensure!(!failure.is_cancelled(), "the whole counts as cancelled");
        let (index, source) = first(&failure)?;
        ensure_eq!(
            (index, source.is_cancelled()),
            (1, true),
            "the cancelled child"
        );
        let _ = go.resolve(());
        until(&lp, "the sibling finishes", || finished.is_set()).await
    })
}

/// While others are still running, whatever their place.
pub fn comb_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (mut resolvers, promises) = pending_promises(3);
        let mut all = try_gather(promises);
        ensure!(
            poll_once(&mut all).is_pending(),
            "settled before its inputs"
        );
        let task = lp.spawn(all);
        let _ = resolvers.remove(1).reject("the first");
        let failure = match task.await? {
            Err(failure) => failure,
            Ok(values) => return Err(Fault::new(format!("succeeded with {values:?}"))),
        };
        ensure_eq!(first(&failure)?.0, 1, "the place of the failed input");
        ensure_eq!(resolvers.len(), 2, "inputs that are still unsettled");
        Ok(())
    })
}
