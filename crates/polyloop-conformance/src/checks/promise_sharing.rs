//! PROM: failures nobody took, many waiters, done, and adapting to futures.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use polyloop_core::{
    Deferred, Failure, FailureKind, MainLoop, Promise, Resolver, as_promise, from_future,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, poll_once, quiet, run, until};

/// A promise, a chain, and a task; each once.
pub fn prom_32<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        drop(Deferred::<u8>::failed("dropped alone"));
        let (resolver, promise) = Deferred::<u8>::new();
        let chain = promise.then(Ok);
        let _ = resolver.reject("dropped in a chain");
        drop(chain);
        drop(lp.spawn(async { panic!("dropped by a task") }));
        until(&lp, "the task's report", || {
            reports.mentioning("by a task") > 0
        })
        .await?;
        quiet(&lp).await;
        for cause in ["dropped alone", "dropped in a chain", "dropped by a task"] {
            ensure_eq!(reports.mentioning(cause), 1, "reports of what was {cause}");
        }
        Ok(())
    })
}

/// By an await, by a link that recovers, by `finally`, by a shared waiter.
pub fn prom_33<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        drop(Deferred::<u8>::failed("taken").await);
        drop(Deferred::<u8>::failed("taken").or_else(|_| Ok(1)).await);
        drop(Deferred::<u8>::failed("taken").finally(|_| Ok(())).await);
        drop(Deferred::<u8>::failed("taken").shared().await);
        let task: Result<(), Failure> = lp.spawn(async { panic!("taken") }).await;
        drop(task);
        quiet(&lp).await;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// Before and after it settles, in tasks of their own; values and failures.
pub fn prom_34<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (resolver, promise) = Deferred::new();
        let shared = promise.shared();
        let waiters: Vec<_> = (0..3).map(|_| lp.spawn(shared.clone())).collect();
        quiet(&lp).await;
        ensure!(resolver.resolve("v".to_owned()).is_ok(), "nobody waits");
        for waiter in waiters {
            ensure_eq!(waiter.await??, "v", "a waiter from before");
        }
        ensure_eq!(shared.clone().await?, "v", "a waiter from after");
        let failure = Failure::message("f");
        let shared = Deferred::<u8>::failed(failure.clone()).shared();
        for _ in 0..2 {
            let seen = shared.clone().await.err();
            ensure!(
                seen.is_some_and(|seen| seen.ptr_eq(&failure)),
                "another failure"
            );
        }
        Ok(())
    })
}

/// An observer sits on a waiter of its own, and goes with it.
pub fn prom_35<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (resolver, promise) = Deferred::new();
        let (shared, kept, removed) = (promise.shared(), Flag::new(), Flag::new());
        let (noted_kept, noted_removed) = (kept.clone(), removed.clone());
        let keeping = lp.spawn(shared.clone().on_done(move |_| noted_kept.set()));
        let mut removing = shared.clone().on_done(move |_| noted_removed.set());
        ensure!(
            poll_once(&mut removing).is_pending(),
            "it is settled already"
        );
        drop(removing);
        ensure!(resolver.resolve(1).is_ok(), "nobody waits");
        ensure_eq!((keeping.await??, shared.await?), (1, 1), "the value");
        ensure!(kept.is_set(), "the observer that stayed was not told");
        ensure!(
            !removed.is_set(),
            "the observer that was taken back was told"
        );
        Ok(())
    })
}

/// A chain that waits for another promise, a settled one, and a task.
pub fn prom_37<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (resolver, inner) = Deferred::new();
        let mut chain = Box::pin(Deferred::resolved(1).and_then(move |_: u8| inner));
        ensure!(poll_once(&mut chain).is_pending(), "it did not wait");
        ensure!(!chain.is_done(), "done while it waits for another promise");
        ensure!(resolver.resolve(2).is_ok(), "nobody waits");
        ensure!(chain.is_done(), "not done with the outcome there");
        let mut chain = chain;
        ensure!(
            poll_once(&mut chain).is_ready(),
            "done, but no outcome could be taken"
        );
        let (outer_resolver, outer) = Deferred::<u8>::new();
        let (_resolver, inner) = Deferred::new();
        let _ = outer_resolver.adopt(inner);
        ensure!(
            !outer.is_done(),
            "done while it waits for an adopted promise"
        );
        let mut task = lp.spawn(async {});
        until(&lp, "the task is done", || task.is_done()).await?;
        ensure!(
            poll_once(&mut task).is_ready(),
            "a task was done, but had no outcome"
        );
        asked_between_polls(&lp).await
    })
}

/// Whoever asks takes nothing from whoever waits: neither the wake-up nor the outcome.
async fn asked_between_polls<L: MainLoop>(lp: &L) -> Verdict {
    let (resolver, opened) = Deferred::new();
    let task = Arc::new(Mutex::new(lp.spawn(opened)));
    let polled = Flag::new();
    let waiter = lp.spawn({
        let (task, polled) = (task.clone(), polled.clone());
        poll_fn(move |cx| {
            let poll = Pin::new(&mut *task.lock().unwrap()).poll(cx);
            polled.set();
            poll
        })
    });
    until(lp, "the waiter waits", || polled.is_set()).await?;
    ensure!(!task.lock().unwrap().is_done(), "done while it waits");
    ensure!(resolver.resolve(5).is_ok(), "nobody waits");
    until(lp, "the task is done or taken", || {
        task.lock().unwrap().is_done() || waiter.is_done()
    })
    .await?;
    until(lp, "the waiter hears of it", || waiter.is_done()).await?;
    ensure_eq!(waiter.await???, 5, "what the waiter got");
    Ok(())
}

/// `as_promise`, and the first link of a chain on a resolved promise.
pub fn prom_38<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let call = || Deferred::resolved(());
        ensure_eq!(call().then(|()| Ok(1)).await?, 1, "a plain value");
        let passed = call().and_then(|()| Deferred::resolved(2)).await?;
        ensure_eq!(passed, 2, "a promise");
        let failed = call().then(|()| Err::<u8, _>("3".into())).await.err();
        ensure_eq!(
            failed.map(|f| f.text().into_owned()).as_deref(),
            Some("3"),
            "an error"
        );
        ensure_eq!(as_promise(|| Ok(4)).await?, 4, "a plain value, called");
        let passed = as_promise(|| lp.spawn(async { 5 })).await?;
        ensure_eq!(passed, 5, "a promise, called");
        let failed = as_promise(|| Err::<u8, _>("6".into())).await.err();
        ensure_eq!(
            failed.map(|f| f.text().into_owned()).as_deref(),
            Some("6"),
            "an error, called"
        );
        Ok(())
    })
}

/// In each kind of link that has an outcome, in what is called, and in a task.
pub fn prom_39<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn fall<T>() -> T {
        panic!("fell")
    }
    run(make, async |lp| {
        let outcomes: Vec<Result<u8, Failure>> = vec![
            Deferred::resolved(()).then(|()| fall()).await,
            Deferred::resolved(())
                .and_then(|()| fall::<Deferred<u8>>())
                .await,
            Deferred::<u8>::failed("x").or_else(|_| fall()).await,
            Deferred::resolved(()).finally(|_| fall()).await,
            lp.spawn(async { fall() }).await,
            as_promise(fall::<Result<u8, Failure>>).await,
            from_future(async { fall() }).await,
        ];
        for outcome in outcomes {
            let seen = outcome
                .err()
                .map(|f| (f.is_panicked(), f.text().into_owned()));
            ensure_eq!(seen, Some((true, "fell".to_owned())), "a panic");
        }
        Ok(())
    })
}

/// A future becomes a promise by `from_future` or `spawn`, and every promise is a
/// future.
pub fn prom_40<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    type Native<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;
    run(make, async |lp| {
        let native: Native<u8> = Box::pin(Deferred::resolved(1));
        ensure_eq!(native.await?, 1, "a value, to a future");
        let native: Native<u8> = Box::pin(lp.spawn(async { 2 }));
        ensure_eq!(lp.spawn(native).await??, 2, "a value, to and from a future");
        let native: Native<u8> = Box::pin(Deferred::failed("3"));
        let failed = lp.spawn(native).await?.err();
        ensure_eq!(
            failed.map(|f| f.text().into_owned()).as_deref(),
            Some("3"),
            "an error"
        );
        let (resolver, promise) = Deferred::<u8>::new();
        let native: Native<u8> = Box::pin(promise);
        let task = lp.spawn(native);
        ensure!(task.cancel("stop"), "the cancel was refused");
        ensure!(
            task.await.is_err_and(|f| f.is_cancelled()),
            "the waiter was not told"
        );
        ensure!(
            resolver.resolve(4).is_err(),
            "the cancel did not reach the promise within"
        );
        let gone = Flag::new();
        let guard = gone.on_drop();
        let task = lp.spawn(async move {
            std::future::pending::<()>().await;
            drop(guard);
        });
        task.cancel("stop");
        drop(task.await);
        ensure!(gone.is_set(), "the cancel did not reach the future within");

        let value = from_future(async { Ok(5) }).await?;
        ensure_eq!(value, 5, "a value, from a future");
        let failed = from_future(async { Err::<u8, _>("6".into()) }).await.err();
        ensure_eq!(
            failed.map(|f| f.text().into_owned()).as_deref(),
            Some("6"),
            "an error, from a future"
        );
        let gone = Flag::new();
        let guard = gone.on_drop();
        let mut promise = Box::pin(from_future(async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok(())
        }));
        ensure!(poll_once(&mut promise).is_pending(), "it ended by itself");
        ensure!(promise.cancel("stop"), "the cancel was refused");
        let failed = (&mut promise).await.err();
        ensure_eq!(
            failed.map(|f| (f.is_cancelled(), f.text().into_owned())),
            Some((true, "stop".to_owned())),
            "a cancel, from a future"
        );
        ensure!(gone.is_set(), "the cancelled future is still there");
        Ok(())
    })
}

/// Both ends as fields of one tuple, which go from left to right, in either order: alone, at the end of a chain, behind
/// an adoption, and shared.
pub fn prom_44<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn adopted() -> (Resolver<u8>, Deferred<u8>) {
        let (outer, promise) = Deferred::new();
        let (resolver, inner) = Deferred::new();
        drop(outer.adopt(inner));
        (resolver, promise)
    }
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (resolver, promise) = Deferred::<u8>::new();
        drop((resolver, promise));
        let (resolver, promise) = Deferred::<u8>::new();
        drop((promise, resolver));
        let (resolver, promise) = Deferred::<u8>::new();
        drop((resolver, promise.then(Ok)));
        let (resolver, promise) = Deferred::<u8>::new();
        drop((promise.then(Ok), resolver));
        let (resolver, promise) = adopted();
        drop((resolver, promise));
        let (resolver, promise) = adopted();
        drop((promise, resolver));
        let (resolver, promise) = Deferred::<u8>::new();
        drop((resolver, promise.shared()));
        let (resolver, promise) = Deferred::<u8>::new();
        drop((promise.shared(), resolver));
        quiet(&lp).await;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());

        let (resolver, promise) = Deferred::<u8>::new();
        drop(resolver);
        let kind = promise.await.err().map(|failure| failure.kind());
        ensure_eq!(kind, Some(FailureKind::Broken), "what its waiter is told");
        Ok(())
    })
}
