//! LOOP: the turns that tasks get: how much fits into one, when there is one, and in which
//! span.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use polyloop_core::sync::{Lock, Queue, Semaphore};
use polyloop_core::{Deferred, Failure, MainLoop, Promise, yield_now};
use tracing::Dispatch;
use tracing::dispatcher::with_default;

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Spans, quiet, run, until};

/// Counts the polls of a future.
struct Counted<F> {
    future: F,
    polls: Arc<AtomicUsize>,
}

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.future).poll(cx)
    }
}

/// Makes promises of one kind that are ready.
type Maker = Box<dyn Fn() -> Ready + Send>;
type Ready = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Main awaits what is ready until a timer of another task tells it to stop; and tasks do
/// 5,000 such awaits, which take more than one turn and far fewer turns than awaits.
pub fn loop_41<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    async fn until_told(told: Arc<AtomicBool>) -> Result<(), Failure> {
        while !told.load(Ordering::SeqCst) {
            Deferred::resolved(()).await?;
        }
        Ok(())
    }
    run(make, async |lp| {
        let told = Arc::new(AtomicBool::new(false));
        let (teller, timer) = (told.clone(), lp.clone());
        lp.spawn(async move {
            // Soon: where time is virtual, a turn takes a microsecond of it.
            timer.sleep(Duration::from_micros(100)).await;
            teller.store(true, Ordering::SeqCst);
        })
        .detach();
        until_told(told).await?;

        // One kind at a time: none may hide behind another.
        let queue = Queue::unbounded();
        for _ in 0..5_000 {
            queue
                .try_put(())
                .map_err(|_| "full")
                .map_err(Failure::from)?;
        }
        let lock = Lock::new(());
        let semaphore = Semaphore::new(1);
        let shared = Deferred::resolved(()).shared();
        let filled = Queue::unbounded();
        let kinds: [(&str, Maker); 6] = [
            ("promises", Box::new(|| Box::pin(Deferred::resolved(())))),
            ("clones", Box::new(move || Box::pin(shared.clone()))),
            ("items", Box::new(move || Box::pin(queue.get()))),
            (
                "locks",
                Box::new(move || Box::pin(lock.lock().then(|_| Ok(())))),
            ),
            (
                "permits",
                Box::new(move || Box::pin(semaphore.acquire().then(|_| Ok(())))),
            ),
            (
                "puts",
                Box::new(move || {
                    let queue = filled.clone();
                    Box::pin(async move {
                        queue.put(()).await;
                        Ok(())
                    })
                }),
            ),
        ];
        for (kind, one) in kinds {
            let polls = Arc::new(AtomicUsize::new(0));
            let counted = Counted {
                future: Box::pin(async move {
                    for _ in 0..5_000 {
                        one().await?;
                    }
                    Ok::<_, Failure>(())
                }),
                polls: polls.clone(),
            };
            lp.spawn(counted).await??;
            let turns = polls.load(Ordering::SeqCst);
            ensure!(
                (2..=50).contains(&turns),
                "5,000 {kind} that were ready took {turns} turns"
            );
        }
        Ok(())
    })
}

/// Says when it is polled, keeps the waker, and is ready when it is told.
struct Sleeper {
    polls: Arc<AtomicUsize>,
    waker: Arc<Mutex<Option<Waker>>>,
    ready: Arc<AtomicBool>,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        if self.ready.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A task that waits while others come, go, sleep and are cancelled around it.
pub fn loop_44<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (polls, waker, ready) = (Arc::default(), Arc::default(), Arc::default());
        let task = lp.spawn(Sleeper {
            polls: Arc::clone(&polls),
            waker: Arc::clone(&waker),
            ready: Arc::clone(&ready),
        });
        let polled = || polls.load(Ordering::SeqCst);
        until(&lp, "the first turn", || polled() == 1).await?;
        for _ in 0..20 {
            lp.spawn(async { yield_now().await }).await?;
            let beside = lp.spawn(std::future::pending::<()>());
            lp.sleep(Duration::from_millis(1)).await;
            beside.cancel("enough");
            let _ = beside.await;
        }
        quiet(&lp).await;
        ensure_eq!(polled(), 1, "turns of a task that nobody woke");
        let wake = || {
            let waker = waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            waker.is_some_and(|waker: Waker| {
                waker.wake();
                true
            })
        };
        ensure!(wake(), "no waker came");
        until(&lp, "the second turn", || polled() == 2).await?;
        quiet(&lp).await;
        ensure_eq!(polled(), 2, "turns of a task that was woken once");
        ready.store(true, Ordering::SeqCst);
        until(&lp, "the waker of the second turn", wake).await?;
        task.await?;
        ensure_eq!(polled(), 3, "turns in all");
        Ok(())
    })
}

/// Over two turns, in its end, and in the end that a cancel brings; one spawned outside is
/// in none.
pub fn loop_47<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    /// Notes the span that it is dropped in.
    struct OnDrop(Spans, Arc<Mutex<Vec<Option<u64>>>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            let mut seen = self.1.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(self.0.here());
        }
    }
    run(make, async |lp| {
        let spans = Spans::new();
        let dispatch = Dispatch::new(spans.clone());
        // Polled with the subscriber as the one of this thread, whoever's it is otherwise.
        let (span, inside, cancelled, dropped) = with_default(&dispatch, || {
            let span = tracing::info_span!(target: "polyloop_conformance", "of the spawn");
            let dropped: Arc<Mutex<Vec<_>>> = Arc::default();
            let (inside, cancelled) = span.in_scope(|| {
                let (here, last) = (spans.clone(), OnDrop(spans.clone(), dropped.clone()));
                let inside = lp.spawn(async move {
                    let _last = last;
                    let first = here.here();
                    yield_now().await;
                    (first, here.here())
                });
                let (begun, last) = (Flag::new(), OnDrop(spans.clone(), dropped.clone()));
                let noted = begun.clone();
                let cancelled = lp.spawn(async move {
                    noted.set();
                    pin!(std::future::pending::<()>()).await;
                    drop(last);
                });
                (inside, (cancelled, begun))
            });
            (span, inside, cancelled, dropped)
        });
        let expected = span.id().map(|id| id.into_u64());
        ensure!(expected.is_some(), "the span is disabled");
        ensure_eq!(inside.await?, (expected, expected), "the span of two turns");
        let (cancelled, begun) = cancelled;
        until(&lp, "the task under way", || begun.is_set()).await?;
        cancelled.cancel("enough");
        ensure!(cancelled.await.is_err(), "the cancel was lost");
        let dropped = dropped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        ensure_eq!(dropped, [expected, expected], "the spans of two ends");
        let here = spans.clone();
        let outside = lp.spawn(async move { here.here() }).await?;
        ensure_eq!(outside, None, "the span of a task that was spawned in none");
        ensure_eq!(spans.here(), None, "the span left behind on this thread");
        Ok(())
    })
}
