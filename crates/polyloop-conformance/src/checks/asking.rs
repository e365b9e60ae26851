//! PROM and COMB: what whoever holds a promise may ask of it, where it is made of others.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use polyloop_core::{
    Deferred, MainLoop, Promise, TaskGroup, WaitFor, as_completed, as_promise, catch_cancel,
    from_future, gather, race, select, shield, try_gather, wait,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Reports, poll_once, quiet, run, until};

/// What is special about a promise that is made of another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    Nothing,
    /// A cancel does not reach the promise within.
    Shields,
    /// It has its outcome still when it was taken.
    Shares,
}

/// Asks `wrap` of a pending promise, of a settled one, of a cancelled one, and of one
/// whose failure nobody takes.
async fn asked<L, P>(
    lp: &L,
    what: &str,
    special: Special,
    wrap: impl Fn(Deferred<u8>) -> P,
) -> Verdict
where
    L: MainLoop,
    P: Promise,
{
    let make = || {
        let (resolver, promise) = Deferred::new();
        // A promise that was never polled may not know that it has nothing to wait for.
        let mut whole = Wrapped(Box::pin(wrap(promise)));
        let pending = poll_once(&mut whole.0).is_pending();
        (resolver, whole, pending)
    };
    let (resolver, mut whole, pending) = make();
    ensure!(pending, "{what} was ready before anything was settled");
    ensure!(!whole.is_done(), "{what} was done with nothing settled");
    ensure!(resolver.resolve(1).is_ok(), "{what} had let go");
    ensure!(whole.is_done(), "{what} was not done with an outcome there");
    ensure!(!whole.cancel("late"), "{what}, settled, took a cancel");
    let taken = poll_once(&mut whole.0);
    ensure!(taken.is_ready(), "{what} was done, and had no outcome");
    ensure_eq!(
        whole.is_done(),
        special == Special::Shares,
        "whether {what} was done with its outcome taken"
    );
    ensure!(!whole.cancel("late"), "{what}, taken, took a cancel");

    let (resolver, whole, _) = make();
    ensure!(whole.cancel("because"), "{what} refused a cancel");
    ensure!(whole.is_done(), "{what} was cancelled and not done");
    ensure_eq!(
        resolver.is_abandoned(),
        special != Special::Shields,
        "whether the cancel of {what} reached the promise within"
    );
    if let Err(failure) = whole.0.await {
        ensure!(failure.is_cancelled(), "{what} ended with {failure}");
        ensure_eq!(failure.text(), "because", "the reason that {what} gives");
    }

    let reports = Reports::of(lp);
    for ignored in [false, true] {
        let text = format!("a failure, ignored: {ignored}");
        let (resolver, whole, _) = make();
        if ignored {
            whole.ignore_failure();
        }
        ensure!(resolver.reject(text.clone()).is_ok(), "{what} had let go");
        drop(whole);
        quiet(lp).await;
        ensure_eq!(
            reports.mentioning(&text),
            usize::from(!ignored),
            "reports of what {what} left untaken, ignored: {ignored}"
        );
    }
    Ok(())
}

/// A promise on the heap, asked itself and not through its box.
struct Wrapped<P>(Pin<Box<P>>);

impl<P: Promise> Wrapped<P> {
    fn cancel(&self, reason: &str) -> bool {
        self.0.as_ref().get_ref().cancel(reason)
    }

    fn is_done(&self) -> bool {
        self.0.as_ref().get_ref().is_done()
    }

    fn ignore_failure(&self) {
        self.0.as_ref().get_ref().ignore_failure();
    }
}

/// Each link, the adapters and the guard; and what is different with a future.
pub fn prom_46<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let hour = Duration::from_secs(3600);
        asked(&lp, "a box", Special::Nothing, Box::new).await?;
        asked(&lp, "a pinned box", Special::Nothing, Box::pin).await?;
        asked(&lp, "a guard", Special::Nothing, Promise::cancel_on_drop).await?;
        asked(&lp, "then", Special::Nothing, |p| p.then(Ok)).await?;
        asked(&lp, "or_else", Special::Nothing, |p| p.or_else(Err)).await?;
        asked(&lp, "finally", Special::Nothing, |p| {
            p.finally(|outcome| outcome)
        })
        .await?;
        asked(&lp, "on_done", Special::Nothing, |p| p.on_done(|_| ())).await?;
        asked(&lp, "a time limit", Special::Nothing, |p| {
            p.timeout(&lp, hour)
        })
        .await?;
        asked(&lp, "a shared promise", Special::Shares, Promise::shared).await?;
        asked(&lp, "as_promise", Special::Nothing, |p| as_promise(|| p)).await?;
        let behind = |p| Deferred::resolved(0).and_then(move |_: u8| p);
        asked(&lp, "what a link waits for", Special::Nothing, behind).await?;

        let reports = Reports::of(&lp);
        let (resolver, promise) = Deferred::<u8>::new();
        let one = promise.shared();
        let two = one.clone();
        drop(one);
        two.ignore_failure();
        two.ignore_failure();
        ensure!(resolver.reject("shared").is_ok(), "nobody waits");
        drop(two);
        quiet(&lp).await;
        ensure_eq!(reports.mentioning("shared"), 0, "reports of the last clone");

        let (resolver, promise) = Deferred::<u8>::new();
        let mut whole = Box::pin(from_future(promise));
        ensure!(poll_once(&mut whole).is_pending(), "it ended by itself");
        ensure!(!whole.is_done(), "a future that waits is done");
        ensure!(whole.cancel("because"), "a future refused a cancel");
        ensure!(whole.is_done(), "a cancelled future is not done");
        ensure!(poll_once(&mut whole).is_ready(), "it waits on");
        ensure!(!whole.is_done(), "a future was done with nothing left");
        ensure!(!whole.cancel("again"), "a future that ended took a cancel");
        ensure!(resolver.is_abandoned(), "the promise within is still there");
        let panicking = as_promise(|| -> Deferred<u8> { panic!("at once") });
        ensure!(panicking.is_done(), "a promise out of a panic is not done");
        ensure!(!panicking.cancel("late"), "a panic took a cancel");
        panicking.ignore_failure();
        drop(panicking);
        group_task(&lp).await
    })
}

/// A group's task, whose failure is the group's to tell; and the group itself.
async fn group_task<L: MainLoop>(lp: &L) -> Verdict {
    let mut task = lp.spawn(async { 1 });
    (&mut task).await?;
    ensure!(!task.is_done(), "a task was done with its outcome taken");
    ensure!(
        !task.cancel("late"),
        "a task whose end was seen took a cancel"
    );
    let group = TaskGroup::new(lp);
    let (resolver, promise) = Deferred::<u8>::new();
    let (_kept, forever) = Deferred::<u8>::new();
    let waiting = group.spawn(forever)?;
    let task = group.spawn(promise)?;
    ensure!(!task.is_done(), "a group's task is done while it waits");
    ensure!(resolver.resolve(1).is_ok(), "nobody waits");
    until(lp, "the group's task is done", || task.is_done()).await?;
    ensure!(!task.cancel("late"), "a finished one took a cancel");
    ensure_eq!(task.await?, 1, "its value");
    ensure!(!waiting.is_done(), "the other is done");
    ensure!(waiting.cancel("because"), "the other refused a cancel");
    until(lp, "the other is done", || waiting.is_done()).await?;
    ensure!(!waiting.cancel("again"), "a cancelled one took a cancel");
    let failure = waiting.await.err();
    let text = failure.map(|failure| failure.text().into_owned());
    ensure_eq!(text.as_deref(), Some("because"), "how the other ended");

    let (resolver, promise) = Deferred::<u8>::new();
    let task = group.spawn(promise)?;
    let mut joined = group.join();
    ensure!(poll_once(&mut joined).is_pending(), "it waits for nobody");
    ensure!(!joined.is_done(), "a group is done before its task");
    ensure!(resolver.resolve(2).is_ok(), "nobody waits");
    until(lp, "the group is done", || joined.is_done()).await?;
    ensure!(
        poll_once(&mut joined).is_ready(),
        "done, but with no outcome"
    );
    ensure!(!joined.is_done(), "done with its outcome taken");
    ensure_eq!(task.await?, 2, "the last one's value");
    Ok(())
}

/// Of one part each, which is what they have in common; then of more.
pub fn comb_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        asked(&lp, "gather", Special::Nothing, |p| gather([p])).await?;
        asked(&lp, "try_gather", Special::Nothing, |p| try_gather([p])).await?;
        asked(&lp, "race", Special::Nothing, |p| race([p])).await?;
        asked(&lp, "select", Special::Nothing, |p| select([p])).await?;
        asked(&lp, "a shield", Special::Shields, shield).await?;
        for until in [WaitFor::FirstDone, WaitFor::FirstFailure, WaitFor::All] {
            let what = format!("wait for {until:?}");
            asked(&lp, &what, Special::Nothing, |p| wait([p], until)).await?;
        }
        parts().await?;
        slow_parts(&lp).await
    })
}

/// Two parts, of which one settles: enough for some, and not for others.
async fn parts() -> Verdict {
    async fn one_of_two<P: Promise>(
        what: &str,
        enough: bool,
        whole: impl Fn([Deferred<u8>; 2]) -> P,
    ) -> Verdict {
        let (first, a) = Deferred::new();
        let (second, b) = Deferred::new();
        let mut waiting = Box::pin(whole([a, b]));
        ensure!(poll_once(&mut waiting).is_pending(), "{what} did not wait");
        let whole = waiting.as_ref().get_ref();
        ensure!(first.resolve(1).is_ok(), "{what} had let go");
        ensure_eq!(whole.is_done(), enough, "{what}, one of two settled, done");
        ensure!(whole.cancel("because"), "{what} refused a cancel");
        ensure!(second.is_abandoned(), "{what} kept its cancel from a part");
        ensure!(whole.is_done(), "{what}, cancelled, is not done");
        let failure = waiting.await.err();
        let text = failure.map(|failure| failure.text().into_owned());
        ensure_eq!(text.as_deref(), Some("because"), "how {what} ended");
        Ok(())
    }
    one_of_two("gather", false, gather).await?;
    one_of_two("try_gather", false, try_gather).await?;
    one_of_two("select", true, select).await?;
    one_of_two("wait for all", false, |p| wait(p, WaitFor::All)).await?;
    let first = |p| wait(p, WaitFor::FirstDone);
    one_of_two("wait for the first", true, first).await?;

    let (resolvers, promises): (Vec<_>, Vec<_>) = (0..3).map(|_| Deferred::<u8>::new()).unzip();
    let mut completed = as_completed(promises);
    ensure_eq!(completed.remaining(), 3, "outcomes to come");
    let [first, second, third] = <[_; 3]>::try_from(resolvers)
        .map_err(|_| Fault::new("three promises have as many resolvers"))?;
    ensure!(second.resolve(5).is_ok(), "nobody waits");
    let (index, outcome) = completed
        .next()
        .await
        .ok_or_else(|| Fault::new("no outcome of three"))?;
    ensure_eq!((index, outcome?), (1, 5), "the first outcome");
    ensure_eq!(completed.remaining(), 2, "outcomes to come after one");
    let left = completed.into_pending();
    let places: Vec<_> = left.iter().map(|(index, _)| *index).collect();
    ensure_eq!(places, [0, 2], "the places of what is given back");
    ensure!(!first.is_abandoned(), "what is given back was cancelled");
    ensure!(third.resolve(6).is_ok(), "what is given back had gone");
    let failure = race([Deferred::<u8>::failed("a"), Deferred::failed("b")]).await;
    let text = failure.err().map(|failure| failure.text().into_owned());
    ensure_eq!(
        text.as_deref(),
        Some("all of 2 competitors failed: Error: a; Error: b"),
        "what a race says that nobody won"
    );
    Ok(())
}

/// A cancelled whole ends behind its parts.
async fn slow_parts<L: MainLoop>(lp: &L) -> Verdict {
    let none = || std::iter::empty::<Deferred<u8>>();
    ensure!(wait(none(), WaitFor::FirstDone).is_done(), "over nothing");
    for way in 0..3 {
        let (waits, over) = (Flag::new(), Flag::new());
        let (noted, done, inner) = (waits.clone(), over.clone(), lp.clone());
        let slow = lp.spawn(async move {
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            inner.sleep(Duration::from_millis(20)).await;
            done.set();
        });
        until(lp, "the part waits", || waits.is_set()).await?;
        let failure = match way {
            0 => {
                let whole = select([slow]);
                ensure!(whole.cancel("because"), "select refused a cancel");
                whole.await.err()
            }
            1 => {
                let whole = wait([slow], WaitFor::FirstDone);
                ensure!(whole.cancel("because"), "wait refused a cancel");
                whole.await.err()
            }
            _ => {
                let whole = gather([slow]);
                ensure!(whole.cancel("because"), "gather refused a cancel");
                whole.await.err()
            }
        };
        ensure!(over.is_set(), "a whole has ended before its part ({way})");
        let text = failure.map(|failure| failure.text().into_owned());
        ensure_eq!(text.as_deref(), Some("because"), "how it ended");
    }
    Ok(())
}
