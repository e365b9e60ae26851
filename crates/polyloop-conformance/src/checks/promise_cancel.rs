//! PROM: cancelling.

use std::sync::{Arc, Mutex};

use polyloop_core::{Deferred, Failure, FailureKind, MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, inside, is_inside, poll_once, run};

fn text<T>(outcome: Result<T, Failure>) -> Option<(FailureKind, String)> {
    let failure = outcome.err()?;
    Some((failure.kind(), failure.text().into_owned()))
}

/// After a cancel, with and without canceller, and after a drop.
pub fn prom_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (resolver, promise) = Deferred::new();
        promise.cancel("enough");
        ensure!(
            resolver.is_abandoned(),
            "a resolver does not see the cancel"
        );
        ensure_eq!(resolver.resolve(5), Err(5), "resolving after a cancel");
        let (resolver, promise) = Deferred::with_canceller(|_| Some(Ok(1)));
        promise.cancel("enough");
        ensure_eq!(
            resolver.resolve(5),
            Err(5),
            "resolving after a canceller answered"
        );
        ensure_eq!(promise.await?, 1, "the canceller's answer");
        let (resolver, promise) = Deferred::<u8>::new();
        drop(promise);
        ensure!(
            resolver.reject("late").is_err(),
            "rejecting after the promise went"
        );
        Ok(())
    })
}

/// It runs on the stack of `cancel`, once, knows the reason, and answers.
pub fn prom_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = seen.clone();
        let (_resolver, promise) = Deferred::with_canceller(move |reason| {
            notes.lock().unwrap().push((reason.to_owned(), is_inside()));
            Some(Ok("instead"))
        });
        ensure!(inside(|| promise.cancel("hurry")), "the cancel was refused");
        ensure_eq!(
            *seen.lock().unwrap(),
            [("hurry".to_owned(), true)],
            "the canceller's calls"
        );
        ensure_eq!(promise.await?, "instead", "the outcome");
        Ok(())
    })
}

/// None at all, and one that does nothing.
pub fn prom_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (_first, without) = Deferred::<u8>::new();
        let (_second, idle) = Deferred::<u8>::with_canceller(|_| None);
        for promise in [without, idle] {
            ensure!(promise.cancel("stop"), "the cancel was refused");
            ensure!(promise.is_done(), "a cancelled promise is pending");
            let expected = Some((FailureKind::Cancelled, "stop".to_owned()));
            ensure_eq!(text(promise.await), expected, "the outcome");
        }
        Ok(())
    })
}

/// A resolved, a failed, a cancelled promise and a finished task.
pub fn prom_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let called = Flag::new();
        let noted = called.clone();
        let (resolver, promise) = Deferred::with_canceller(move |_| {
            noted.set();
            None
        });
        ensure!(resolver.resolve(3).is_ok(), "nobody waits");
        ensure!(!promise.cancel("late"), "a settled promise was cancelled");
        ensure!(!called.is_set(), "the canceller of a settled promise ran");
        ensure_eq!(promise.await?, 3, "the outcome that stood");
        let task = lp.spawn(async { 4 });
        while !task.is_done() {
            polyloop_core::yield_now().await;
        }
        ensure!(!task.cancel("late"), "a finished task was cancelled");
        ensure_eq!(task.await?, 4, "the task's value");
        Ok(())
    })
}

/// Two cancels, the second from inside the canceller, and a third later.
pub fn prom_20<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let called = Flag::new();
        let noted = called.clone();
        let (_resolver, promise) = Deferred::<u8>::with_canceller(move |_| {
            noted.set();
            None
        });
        promise.cancel("once");
        promise.cancel("twice");
        ensure_eq!(called.count(), 1, "runs of the canceller");
        let expected = Some((FailureKind::Cancelled, "once".to_owned()));
        ensure_eq!(text(promise.await), expected, "the outcome");
        Ok(())
    })
}

/// Through `and_then`, a chain of links, and an adoption.
pub fn prom_21<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (_resolver, inner) = Deferred::with_canceller(|reason| Some(Ok(reason.len())));
        let mut chain = Box::pin(
            Deferred::resolved(1)
                .and_then(move |_: u8| inner)
                .then(|n| Ok(n + 100)),
        );
        ensure!(poll_once(&mut chain).is_pending(), "the chain did not wait");
        ensure!(chain.cancel("four"), "the cancel was refused");
        ensure_eq!(
            chain.await?,
            104,
            "the inner promise's answer, through the chain"
        );

        let (outer_resolver, outer) = Deferred::<u8>::new();
        let (resolver, inner) = Deferred::new();
        let _ = outer_resolver.adopt(inner);
        ensure!(outer.cancel("through"), "the cancel was refused");
        ensure!(
            resolver.is_abandoned(),
            "the inner promise was not cancelled"
        );
        let expected = Some((FailureKind::Cancelled, "through".to_owned()));
        ensure_eq!(text(outer.await), expected, "the outer outcome");
        Ok(())
    })
}

/// By kind, for a promise and a task, against an ordinary error.
pub fn prom_22<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (_resolver, promise) = Deferred::<u8>::new();
        promise.cancel("a choice");
        let cancelled = promise.await.err();
        let failed = Deferred::<u8>::failed("a fault").await.err();
        let task = lp.spawn(std::future::pending::<u8>());
        task.cancel("a choice");
        let ended = task.await.err();
        let is = |failure: Option<Failure>| failure.map(|failure| failure.is_cancelled());
        ensure_eq!(is(cancelled), Some(true), "a cancelled promise");
        ensure_eq!(is(ended), Some(true), "a cancelled task");
        ensure_eq!(is(failed), Some(false), "a failed promise");
        Ok(())
    })
}

/// Dropped after their cancel: a promise, a task, a chain.
pub fn prom_23<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (_first, promise) = Deferred::<u8>::new();
        promise.cancel("quietly");
        drop(promise);
        let (_second, promise) = Deferred::<u8>::new();
        let chain = promise.then(Ok);
        chain.cancel("quietly");
        drop(chain);
        let task = lp.spawn(std::future::pending::<()>());
        task.cancel("quietly");
        drop(task);
        crate::probe::quiet(&lp).await;
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// It panics; the promise is cancelled, `cancel` comes back, and the panic is told.
pub fn prom_24<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (_resolver, promise) = Deferred::<u8>::with_canceller(|_| panic!("a broken canceller"));
        ensure!(promise.cancel("try"), "the cancel was refused");
        let expected = Some((FailureKind::Cancelled, "try".to_owned()));
        ensure_eq!(text(promise.await), expected, "the outcome");
        ensure_eq!(
            reports.mentioning("a broken canceller"),
            1,
            "reports of the canceller"
        );
        Ok(())
    })
}

/// To a promise's waiter, a task's, and one at the end of a chain.
pub fn prom_25<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let expected = Some((FailureKind::Cancelled, "because".to_owned()));
        let (_resolver, promise) = Deferred::<u8>::new();
        promise.cancel("because");
        ensure_eq!(text(promise.await), expected, "a promise");
        let (_resolver, promise) = Deferred::<u8>::new();
        let chain = promise.then(Ok).on_done(|_| ());
        chain.cancel("because");
        ensure_eq!(text(chain.await), expected, "a chain");
        let task = lp.spawn(std::future::pending::<()>());
        ensure!(task.cancel("because"), "the cancel of a task was refused");
        ensure_eq!(text(task.await), expected, "a task");
        Ok(())
    })
}

/// Of a task and of a promise: cancelled through it, done, and dropped.
pub fn prom_45<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let expected = Some((FailureKind::Cancelled, "because".to_owned()));
        let (resolver, promise) = Deferred::<u8>::new();
        let guard = promise.cancel_on_drop();
        ensure!(!guard.is_done(), "a pending promise is done");
        ensure!(guard.cancel("because"), "the cancel was refused");
        ensure!(guard.is_done(), "a cancelled promise is not done");
        ensure!(resolver.is_abandoned(), "the promise did not hear of it");
        ensure!(!guard.cancel("again"), "a second cancel was taken");
        ensure_eq!(text(guard.await), expected, "a promise");

        let guard = lp.spawn(std::future::pending::<u8>()).cancel_on_drop();
        ensure!(!guard.is_done(), "a task that waits is done");
        ensure!(guard.cancel("because"), "the cancel of a task was refused");
        ensure_eq!(text(guard.await), expected, "a task");

        let (resolver, promise) = Deferred::new();
        let guard = promise.cancel_on_drop();
        resolver
            .resolve(5)
            .map_err(|_| Fault::new("the promise was gone"))?;
        ensure!(guard.is_done(), "a promise with a value is not done");
        ensure_eq!(guard.await?, 5, "the value");

        let (resolver, promise) = Deferred::<u8>::new();
        drop(promise.cancel_on_drop());
        ensure!(
            resolver.is_abandoned(),
            "dropping the guard cancelled nothing"
        );
        Ok(())
    })
}
