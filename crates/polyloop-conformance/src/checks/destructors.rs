//! ERR: destructors of users that panic. Each is reported once, and everything else goes
//! on.

use std::error::Error;
use std::fmt;
use std::future::{Future, pending, ready};
use std::panic::panic_any;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use polyloop_core::schedule::{BatchedTimer, Cooperator, LoopingCall};
use polyloop_core::sync::Queue;
use polyloop_core::{
    ClientService, Deferred, Failure, Loop, MainLoop, Promise, Protocol, ShutdownPhase, TaskGroup,
    Transport, catch_cancel, gather, race, try_gather,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Probe, Reports, quiet, run, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Panics when it is dropped, and says as what.
#[derive(Debug)]
struct Bad(&'static str);

impl Drop for Bad {
    fn drop(&mut self) {
        // A second panic would end the process, and with it the report of the first.
        assert!(std::thread::panicking(), "bad: {}.", self.0);
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error")
    }
}

impl Error for Bad {}

impl Wake for Bad {
    fn wake(self: Arc<Self>) {}
}

/// A future, and something that is dropped with it and not by it.
struct Beside<F>(
    F,
    #[expect(dead_code, reason = "it is there to be dropped")] Bad,
);

impl<F: Future + Unpin> Future for Beside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Everything of a loop that users' values end up in. Nothing of it hears of another.
pub fn err_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        tasks(&lp, &reports).await?;
        calls(&lp, &reports).await?;
        promises(&lp, &reports).await?;
        schedules(&lp, &reports).await?;
        hooks(&lp, &reports).await?;
        quiet(&lp).await;
        ensure_eq!(lp.spawn(async { 7 }).await?, 7, "a task after all of that");
        told_once(&reports, 28)
    })?;
    at_the_end(make())
}

/// Each was told once. They have names of their own.
fn told_once(reports: &Reports, expected: usize) -> Verdict {
    let all: Vec<String> = reports
        .all()
        .iter()
        .map(|report| report.failure.text().into_owned())
        .filter(|text| text.starts_with("bad: "))
        .collect();
    let mut names = all.clone();
    names.sort_unstable();
    names.dedup();
    ensure_eq!(names.len(), all.len(), "different ones among {all:?}");
    ensure_eq!(all.len(), expected, "reports of destructors: {all:?}");
    Ok(())
}

async fn told<L: Loop>(lp: &L, reports: &Reports, name: &str) -> Verdict {
    let text = format!("bad: {name}.");
    until(lp, &format!("a report of {name}"), || {
        reports.mentioning(&text) > 0
    })
    .await
}

async fn tasks<L: MainLoop>(lp: &L, reports: &Reports) -> Verdict {
    lp.spawn(async { Bad("a value nobody awaits") }).detach();
    told(lp, reports, "a value nobody awaits").await?;

    let done = lp.spawn(async { Bad("a value nobody took") });
    until(lp, "the task", || done.is_done()).await?;
    drop(done);
    told(lp, reports, "a value nobody took").await?;

    let held = lp.spawn(Beside(ready(1), Bad("a future that is done")));
    ensure_eq!(held.await?, 1, "the value of a future that is torn");

    let begun = Flag::new();
    let noted = begun.clone();
    let cancelled = lp.spawn(async move {
        let _bad = Bad("a cancelled future");
        noted.set();
        pending::<()>().await;
    });
    until(lp, "the task", || begun.is_set()).await?;
    cancelled.cancel("enough");
    let failure = cancelled.await.err();
    ensure!(failure.is_some_and(|f| f.is_cancelled()), "not cancelled");

    let begun = Flag::new();
    let noted = begun.clone();
    let caught = lp.spawn(async move {
        let waits = async {
            let _bad = Bad("what a cancel interrupts");
            noted.set();
            pending::<()>().await;
        };
        catch_cancel(waits).await.is_err()
    });
    until(lp, "the task", || begun.is_set()).await?;
    caught.cancel("enough");
    ensure!(caught.await?, "the task did not see its cancel");

    let panicked = lp.spawn(async { panic_any(Bad("what a task panics with")) });
    let failure = panicked.await.map(|()| "a value").err();
    ensure!(failure.is_some_and(|f| f.is_panicked()), "not panicked");

    let group = TaskGroup::new(lp);
    group
        .spawn(async { Ok(Bad("a value of a group")) })?
        .detach();
    group.join().await?;

    let begun = Flag::new();
    let noted = begun.clone();
    let unwanted = lp.run_in_thread(move || {
        noted.set();
        Bad("a value of a thread")
    });
    unwanted.cancel("enough");
    drop(unwanted);
    told(lp, reports, "a value of a thread").await
}

async fn calls<L: MainLoop>(lp: &L, reports: &Reports) -> Verdict {
    let bad = Bad("a cancelled call");
    let call = lp.call_later(HOUR, move || drop(bad))?;
    ensure!(call.cancel(), "the cancel was refused");

    let next = Flag::new();
    let (bad, noted) = (Bad("a call that is made"), next.clone());
    lp.call_soon(move || {
        let _bad = &bad;
    })?;
    lp.call_soon(|| panic_any(Bad("what a call panics with")))?;
    lp.call_soon(move || noted.set())?;
    until(lp, "the next call", || next.is_set()).await?;
    told(lp, reports, "what a call panics with").await
}

async fn promises<L: MainLoop>(lp: &L, reports: &Reports) -> Verdict {
    let (resolver, promise) = Deferred::new();
    ensure!(
        resolver.resolve(Bad("what a promise holds")).is_ok(),
        "the promise took no value"
    );
    drop(promise);

    let bad = Bad("a canceller");
    let (resolver, promise) = Deferred::with_canceller(move |_| {
        let _bad = &bad;
        None
    });
    ensure!(resolver.resolve(5).is_ok(), "the promise took no value");
    ensure_eq!(promise.await?, 5, "the value of a promise");

    let bad = Bad("a canceller that runs");
    let (_resolver, promise) = Deferred::<()>::with_canceller(move |_| {
        let _bad = &bad;
        None
    });
    ensure!(promise.cancel("enough"), "it can't be cancelled");
    let failure = promise.await.err();
    ensure!(failure.is_some_and(|f| f.is_cancelled()), "not cancelled");

    // Two who wait with wakers of their own.
    let mut waiting = Vec::new();
    let mut resolvers = Vec::new();
    for name in ["a waker", "another waker"] {
        let (resolver, promise) = Deferred::new();
        let mut promise = Box::pin(promise);
        let waker = Waker::from(Arc::new(Bad(name)));
        let polled = promise.as_mut().poll(&mut Context::from_waker(&waker));
        ensure!(polled.is_pending(), "it is ready");
        waiting.push(promise);
        resolvers.push(resolver);
    }
    for resolver in resolvers {
        ensure!(resolver.resolve(()).is_ok(), "nobody waits");
    }
    for promise in waiting {
        promise.await?;
    }

    drop(Failure::new(Bad("an error")));

    let queue = Queue::unbounded();
    for name in ["an item", "another item"] {
        ensure!(queue.try_put(Bad(name)).is_ok(), "the queue is full");
    }
    drop(queue);

    {
        let ready = [Bad("a gathered value"), Bad("another gathered value")];
        let ready = ready.map(Deferred::resolved);
        let (_resolver, never) = Deferred::new();
        let mut all = pin!(gather(ready.into_iter().chain([never])));
        let polled = all.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        ensure!(polled.is_pending(), "all are there");
    }
    let some = [
        Deferred::resolved(Bad("a value beside a failure")),
        Deferred::failed("no"),
    ];
    ensure!(try_gather(some).await.is_err(), "it did not fail");

    let loser = lp.spawn(async { Bad("the loser's value") });
    until(lp, "the loser", || loser.is_done()).await?;
    let winner = lp.spawn(async { Bad("the winner's value") });
    until(lp, "the winner", || winner.is_done()).await?;
    let (_index, value) = race([loser, winner]).await?;
    drop(lp.spawn(async move {
        let _value = value;
    }));
    told(lp, reports, "the loser's value").await?;
    told(lp, reports, "the winner's value").await
}

async fn schedules<L: MainLoop>(lp: &L, reports: &Reports) -> Verdict {
    struct Steps(#[expect(dead_code, reason = "it is there to be dropped")] Bad);
    impl Iterator for Steps {
        type Item = ();
        fn next(&mut self) -> Option<()> {
            None
        }
    }

    let cooperator = Cooperator::new(lp);
    let bad = cooperator.cooperate(Steps(Bad("steps")));
    let good = cooperator.cooperate(vec![(), ()]);
    good.when_done().await?;
    bad.when_done().await?;
    cooperator.cooperate(vec![()]).when_done().await?;

    let bad = Bad("what a looping call calls");
    let looping = LoopingCall::new(lp, move || {
        let _bad = &bad;
    });
    let running = looping.start(HOUR, true)?;
    looping.stop()?;
    running.await?;
    drop(looping);

    let bad = Bad("a batched call");
    let batched = BatchedTimer::new(lp, HOUR)?.call_later(HOUR, move || {
        let _bad = &bad;
        Ok(())
    })?;
    ensure!(batched.cancel(), "the cancel was refused");
    told(lp, reports, "a batched call").await
}

async fn hooks<L: MainLoop>(lp: &L, reports: &Reports) -> Verdict {
    let bad = Bad("a shutdown hook");
    let hook = lp.on_shutdown(ShutdownPhase::After, move || {
        let _bad = &bad;
        async { Ok(()) }
    });
    ensure!(hook.cancel(), "the hook could not be taken back");
    told(lp, reports, "a shutdown hook").await
}

/// Whatever main leaves behind: its own value is kept, and everything is wound up.
fn at_the_end<L: MainLoop>(lp: L) -> Verdict {
    let reports = Reports::of(&lp);
    let hooked = Flag::new();
    let (inner, noted) = (lp.clone(), hooked.clone());
    let main = async move {
        for name in ["a pending call", "another pending call"] {
            let bad = Bad(name);
            let asked = inner.call_later(HOUR, move || drop(bad));
            drop(asked);
        }
        inner.on_shutdown(ShutdownPhase::Before, move || async move {
            noted.set();
            Ok(())
        });
        inner.spawn(pending::<()>()).detach();
        "the value"
    };
    let value = lp.run(Beside(Box::pin(main), Bad("the main future")))?;
    ensure_eq!(value, "the value", "what main gave");
    ensure!(hooked.is_set(), "the shutdown hook did not run");
    ensure_eq!(lp.task_count(), 0, "tasks left");
    told_once(&reports, 3)?;

    // One that is replaced is told to its successor.
    let bad = Bad("an error hook");
    lp.set_error_hook(move |_| {
        let _bad = &bad;
    });
    let reports = Reports::of(&lp);
    told_once(&reports, 1)?;
    ensure_eq!(lp.run(async { 7 })?, 7, "the run after it");
    Ok(())
}

/// Leaves a closure in its own mailbox, and ends the connection.
struct Leaving(Option<Bad>);

impl Protocol for Leaving {
    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        let bad = self.0.take();
        transport.handle().post(move |_| {
            let _bad = &bad;
            Ok(())
        });
        transport.abort();
        Ok(())
    }
}

/// Holds something to its end.
struct Held(#[expect(dead_code, reason = "it is there to be dropped")] Bad);

impl Protocol for Held {
    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        transport.abort();
        Ok(())
    }
}

/// A closure that waits for a connection that is lost, or comes too late for it; a
/// protocol; a factory, also of a client service; and what a call gives. The server drains
/// all the same.
pub fn err_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let bad = Bad("a factory");
        let leaving = move || {
            let _bad = &bad;
            Leaving(Some(Bad("a closure in the mailbox")))
        };
        lose_one(&lp, leaving).await?;
        lose_one(&lp, || Held(Bad("a protocol"))).await?;
        told_once(&reports, 3)?;

        let server = lp
            .serve("127.0.0.1:0", || Probe::new(&Journal::new()))
            .await?;
        let client = lp
            .connect(server.local_addr(), || Probe::new(&Journal::new()))
            .await?;
        let answer = client.call(|_, _| Bad("the answer of a call"));
        drop(answer);
        told(&lp, &reports, "the answer of a call").await?;
        ensure!(!client.is_lost(), "the connection was lost");
        client.abort();
        client.closed().await;
        let bad = Bad("a closure too late");
        client.post(move |_, _| {
            let _bad = &bad;
            Ok(())
        });
        server.close();
        server.drained().await;

        let bad = Bad("the factory of a service");
        let factory = move || {
            let _bad = &bad;
            Probe::new(&Journal::new())
        };
        drop(ClientService::builder("127.0.0.1:9", factory)?.build(&lp));
        told_once(&reports, 6)
    })
}

/// Serves one connection that ends when it is written to.
async fn lose_one<L, P, F>(lp: &L, factory: F) -> Verdict
where
    L: MainLoop,
    P: Protocol,
    F: FnMut() -> P + Send + 'static,
{
    let server = lp.serve("127.0.0.1:0", factory).await?;
    let client = lp
        .connect(server.local_addr(), || Probe::new(&Journal::new()))
        .await?;
    client.write("x")?;
    client.closed().await;
    server.close();
    let drained = lp.spawn(async move { server.drained().await });
    drained
        .timeout(lp, Duration::from_secs(20))
        .await
        .map_err(|_| Fault::new("the server did not drain"))
}
