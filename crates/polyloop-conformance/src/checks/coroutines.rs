//! CORO: async bodies, and how they are cancelled.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use polyloop_core::{Deferred, Failure, MainLoop, Promise, catch_cancel, from_future, gather};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    Flag, Reports, block_on, inside, is_inside, let_others_run, poll_once, quiet, run, until,
};

/// A thousand awaits in one poll.
pub fn coro_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let mut body = Box::pin(async {
            for number in 0..1000 {
                Deferred::resolved(number).await?;
            }
            Ok::<_, Failure>(())
        });
        ensure!(
            poll_once(&mut body).is_ready(),
            "an await of a settled promise was suspended"
        );
        Ok(())
    })
}

/// A hundred thousand, with 64 KiB of stack; and as a task.
pub fn coro_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    async fn many() -> Result<u32, Failure> {
        let mut sum = 0;
        for _ in 0..100_000 {
            sum += Deferred::resolved(1).then(Ok).await?;
        }
        Ok(sum)
    }
    let thread = thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(|| block_on(many()))?;
    let sum = thread
        .join()
        .map_err(|_| Fault::new("the awaits panicked"))??;
    ensure_eq!(sum, 100_000, "awaits on a small stack");
    run(make, async |lp| {
        ensure_eq!(lp.spawn(many()).await??, 100_000, "awaits in a task");
        Ok(())
    })
}

/// The same failure, with its original error, and the body goes on.
pub fn coro_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let original = Failure::new("x".parse::<u8>().err().ok_or_else(|| Fault::new("x"))?);
        let given = original.clone();
        let task = lp.spawn(async move {
            let caught = Deferred::<u8>::failed(given).await.err();
            polyloop_core::yield_now().await;
            caught
        });
        let caught = task.await?.ok_or_else(|| Fault::new("no failure came"))?;
        ensure!(caught.ptr_eq(&original), "another failure: {caught:?}");
        ensure!(
            caught.downcast_ref::<std::num::ParseIntError>().is_some(),
            "the original error is gone"
        );
        Ok(())
    })
}

/// A value, an error that the body returns, and a panic.
pub fn coro_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        ensure_eq!(lp.spawn(async { "value" }).await?, "value", "the value");
        let failed = lp.spawn(async {
            Deferred::<u8>::failed("its error").await?;
            Ok::<_, Failure>(())
        });
        let text = failed.await?.err().map(|f| f.text().into_owned());
        ensure_eq!(text.as_deref(), Some("its error"), "the body's error");
        let panicked: Result<(), Failure> = lp.spawn(async { panic!("its panic") }).await;
        let text = panicked
            .err()
            .map(|f| (f.is_panicked(), f.text().into_owned()));
        ensure_eq!(
            text,
            Some((true, "its panic".to_owned())),
            "the body's panic"
        );
        Ok(())
    })
}

/// The await inside is dropped, the reason arrives, and clean-up awaits a timer.
pub fn coro_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (waiting, gone, cleaned) = (Flag::new(), Flag::new(), Flag::new());
        let (noted, guard, done, inner) =
            (waiting.clone(), gone.on_drop(), cleaned.clone(), lp.clone());
        let task = lp.spawn(async move {
            let caught = catch_cancel(async move {
                noted.set();
                pending::<()>().await;
                drop(guard);
            });
            let reason = caught.await.err().map(|f| f.text().into_owned());
            inner.sleep(Duration::from_millis(5)).await;
            done.set();
            reason
        });
        until(&lp, "the body waits", || waiting.is_set()).await?;
        ensure!(task.cancel("time to go"), "the cancel was refused");
        ensure_eq!(
            task.await?.as_deref(),
            Some("time to go"),
            "what the body saw"
        );
        ensure!(gone.is_set(), "what the body awaited was not cancelled");
        ensure!(cleaned.is_set(), "the clean-up did not run to its end");
        Ok(())
    })
}

/// Its value stands, and nothing says cancelled.
pub fn coro_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let waiting = Flag::new();
        let noted = waiting.clone();
        let task = lp.spawn(async move {
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            "carried on"
        });
        until(&lp, "the body waits", || waiting.is_set()).await?;
        task.cancel("please");
        ensure_eq!(task.await?, "carried on", "the outcome");
        Ok(())
    })
}

/// While every thread of the loop is kept busy, so that the task can't begin before
/// it is cancelled. On a busy machine a thread may come late; 300 ms are left for that.
pub fn coro_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const BUSY: Duration = Duration::from_millis(300);

    run(make, async |lp| {
        let threads = std::thread::available_parallelism().map_or(4, usize::from);
        for _ in 0..3 {
            let released = Flag::new();
            for _ in 0..4 * threads {
                let released = released.clone();
                let busy = lp.spawn(async move {
                    let begun = Instant::now();
                    while !released.is_set() && begun.elapsed() < BUSY {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                busy.detach();
            }
            // Not an await: a loop of one thread must not begin any of them yet.
            let_others_run(&lp, BUSY / 4);
            let begun = Flag::new();
            let noted = begun.clone();
            let task = lp.spawn(async move {
                noted.set();
                pending::<()>().await;
            });
            ensure!(task.cancel("at once"), "the cancel was refused");
            let early = begun.is_set();
            released.set();
            let failure = task.await.err();
            ensure!(
                failure.is_some_and(|failure| failure.is_cancelled()),
                "it did not end as cancelled"
            );
            ensure!(early || !begun.is_set(), "the body began after its cancel");
        }
        Ok(())
    })
}

/// Notes where it is dropped.
struct Where(Arc<Mutex<Option<bool>>>);

impl Drop for Where {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(is_inside());
    }
}

/// The body's reaction is not on the stack of `cancel`.
pub fn coro_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (waiting, gone) = (Flag::new(), Arc::new(Mutex::new(None)));
        let (noted, guard) = (waiting.clone(), Where(gone.clone()));
        let task = lp.spawn(async move {
            let _guard = guard;
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            is_inside()
        });
        until(&lp, "the body waits", || waiting.is_set()).await?;
        ensure!(inside(|| task.cancel("go")), "the cancel was refused");
        ensure!(!task.await?, "the body saw the cancel inside the call");
        ensure_eq!(
            *gone.lock().unwrap(),
            Some(false),
            "destructors inside the call"
        );
        Ok(())
    })
}

/// The body cancels itself and then ends without another await.
pub fn coro_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let slot = Arc::new(Mutex::new(None::<L::Task<u8>>));
        let (go, may_go) = Deferred::<()>::new();
        let own = slot.clone();
        let task = lp.spawn(async move {
            let _ = may_go.await;
            if let Some(own) = own.lock().unwrap().as_ref() {
                own.cancel("too late to matter");
            }
            5
        });
        *slot.lock().unwrap() = Some(task);
        let _ = go.resolve(());
        until(&lp, "the task is done", || {
            slot.lock().unwrap().as_ref().is_some_and(Promise::is_done)
        })
        .await?;
        let task = slot
            .lock()
            .unwrap()
            .take()
            .ok_or_else(|| Fault::new("no task"))?;
        ensure_eq!(task.await?, 5, "the value that was ready");
        Ok(())
    })
}

/// Three tasks, each waiting for the next with `cancel_on_drop`.
pub fn coro_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (waiting, gone) = (Flag::new(), Flag::new());
        let (noted, guard) = (waiting.clone(), gone.on_drop());
        let (lp2, lp3) = (lp.clone(), lp.clone());
        let outer = lp.spawn(async move {
            let middle = lp2.spawn(async move {
                let inner = lp3.spawn(async move {
                    noted.set();
                    pending::<()>().await;
                    drop(guard);
                });
                inner.cancel_on_drop().await
            });
            middle.cancel_on_drop().await
        });
        until(&lp, "the innermost waits", || waiting.is_set()).await?;
        ensure!(outer.cancel("all of you"), "the cancel was refused");
        ensure!(
            outer.await.is_err_and(|f| f.is_cancelled()),
            "the outer was not cancelled"
        );
        until(&lp, "the innermost is gone", || gone.is_set()).await
    })
}

/// Handles, chains and futures that were pending when they went.
pub fn coro_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let reports = Reports::of(&lp);
    let inner = lp.clone();
    lp.run(async move {
        drop(inner.spawn(pending::<()>()));
        drop(inner.spawn(pending::<()>()).cancel_on_drop());
        drop(inner.sleep(Duration::from_secs(1)));
        let (_resolver, promise) = Deferred::<u8>::new();
        drop(promise.then(Ok));
        quiet(&inner).await;
    })?;
    ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
    Ok(())
}

/// One wrapper around all parts of a body; and a task for each part that has to clean up.
pub fn coro_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    async fn busy<L: MainLoop>(lp: L, turn: Flag) -> Result<(), Failure> {
        loop {
            lp.sleep(Duration::from_millis(1)).await;
            turn.set();
        }
    }
    run(make, async |lp| {
        let (turn, caught) = (Flag::new(), Flag::new());
        let (inner, turns, noted) = (lp.clone(), turn.clone(), caught.clone());
        let whole = lp.spawn(async move {
            let parts = (0..2).map(|_| from_future(busy(inner.clone(), turns.clone())));
            if catch_cancel(gather(parts)).await.is_err() {
                noted.set();
            }
        });
        until(&lp, "the parts have had some turns", || turn.count() > 6).await?;
        ensure!(whole.cancel("enough"), "the cancel was refused");
        whole.await?;
        ensure!(
            caught.is_set(),
            "the wrapper around the whole did not catch"
        );

        let (turns, cleaned) = ([Flag::new(), Flag::new()], Flag::new());
        let (inner, each, noted) = (lp.clone(), turns.clone(), cleaned.clone());
        let whole = lp.spawn(async move {
            let parts = gather(each.map(|turns| {
                let (lp, noted) = (inner.clone(), noted.clone());
                inner.spawn(async move {
                    if catch_cancel(busy(lp.clone(), turns)).await.is_err() {
                        lp.sleep(Duration::from_millis(5)).await;
                        noted.set();
                    }
                })
            }));
            let mut parts = parts.shared();
            if let Err(cancelled) = catch_cancel(&mut parts).await {
                parts.cancel(&cancelled.text());
                let _ = parts.await;
            }
        });
        until(&lp, "each part has had a turn", || {
            turns.iter().all(Flag::is_set)
        })
        .await?;
        ensure!(whole.cancel("enough"), "the cancel was refused");
        whole.await?;
        ensure_eq!(cleaned.count(), 2, "parts that cleaned up before the end");
        Ok(())
    })
}

/// In two wrappers, one after the other; and where only the first is caught.
pub fn coro_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let text = |caught: Result<(), Failure>| caught.err().map(|f| f.text().into_owned());
        let (waiting, gone) = (Flag::new(), Flag::new());
        let noted = waiting.clone();
        let task = lp.spawn(async move {
            noted.set();
            let first = text(catch_cancel(pending()).await);
            noted.set();
            let second = text(catch_cancel(pending()).await);
            (first, second)
        });
        until(&lp, "the first wait", || waiting.count() == 1).await?;
        ensure!(task.cancel("one"), "the first cancel was refused");
        until(&lp, "the second wait", || waiting.count() == 2).await?;
        ensure!(task.cancel("two"), "the second cancel was refused");
        let expected = (Some("one".to_owned()), Some("two".to_owned()));
        ensure_eq!(task.await?, expected, "the reasons that were caught");

        let (noted, guard) = (waiting.clone(), gone.on_drop());
        let task = lp.spawn(async move {
            let _guard = guard;
            noted.set();
            let _ = catch_cancel(pending::<()>()).await;
            noted.set();
            pending::<()>().await;
        });
        until(&lp, "the wait", || waiting.count() == 3).await?;
        task.cancel("one");
        until(&lp, "the wait outside", || waiting.count() == 4).await?;
        ensure!(!gone.is_set(), "the first cancel ended it");
        task.cancel("two");
        ensure_eq!(text(task.await), Some("two".to_owned()), "the end");
        ensure!(gone.is_set(), "it ended without its destructor");
        Ok(())
    })
}
