//! PROM: promises in many hands at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use polyloop_core::{Deferred, Failure, FailureKind, MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, poll_once, run, until};

/// What a promise does with a poll.
type Turn = Box<dyn FnMut(&Waker) -> Poll<Result<u32, Failure>> + Send>;

/// A promise whose polls are made up.
struct Scripted(Turn);

impl Scripted {
    fn new(turn: impl FnMut(&Waker) -> Poll<Result<u32, Failure>> + Send + 'static) -> Self {
        Self(Box::new(turn))
    }
}

impl Future for Scripted {
    type Output = Result<u32, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        (self.0)(cx.waker())
    }
}

impl Promise for Scripted {
    type Value = u32;

    fn cancel(&self, _: &str) -> bool {
        false
    }

    fn is_done(&self) -> bool {
        false
    }
}

struct Wakes(Flag);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

fn poll_with(promise: &mut polyloop_core::Shared<Scripted>, woken: &Flag) -> bool {
    let waker = Waker::from(Arc::new(Wakes(woken.clone())));
    let polled = Pin::new(promise).poll(&mut Context::from_waker(&waker));
    polled.is_ready()
}

/// The work has something new while one waiter polls it, another one looks and is turned
/// away, and the first never looks again: dropped, or kept. And one that looked once and is
/// kept holds nobody up.
pub fn prom_41<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    for first_is_dropped in [true, false] {
        let second = Arc::new(Mutex::new(None));
        let (seen, woken) = (second.clone(), Flag::new());
        let (turned_away, mut polls) = (woken.clone(), 0);
        let mut first = Scripted::new(move |waker| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(Ok(7));
            }
            let (seen, woken, waker) = (seen.clone(), turned_away.clone(), waker.clone());
            let elsewhere = thread::spawn(move || {
                let mut seen = seen.lock().unwrap();
                let second = seen.as_mut().expect("it is there before the first poll");
                let early = poll_with(second, &woken);
                waker.wake();
                early || poll_with(second, &woken)
            });
            assert!(
                matches!(elsewhere.join(), Ok(false)),
                "an outcome too early"
            );
            Poll::Pending
        })
        .shared();
        *second.lock().unwrap() = Some(first.clone());
        ensure!(poll_once(&mut first).is_pending(), "an outcome too early");
        let kept = (!first_is_dropped).then_some(first);
        // Once for the work, and once when it is free.
        ensure!(
            woken.count() >= 2,
            "one that was turned away is never woken"
        );
        let mut second = second.lock().unwrap().take();
        let polled = second
            .as_mut()
            .is_some_and(|second| poll_with(second, &woken));
        ensure!(polled, "the work is ready, and was not polled");
        drop(kept);
    }
    run(make, async |lp| {
        let (resolver, promise) = Deferred::new();
        let shared = promise.shared();
        let mut kept = shared.clone();
        ensure!(poll_once(&mut kept).is_pending(), "an outcome too early");
        let waiters: Vec<_> = (0..3).map(|_| lp.spawn(shared.clone())).collect();
        ensure!(resolver.resolve(5).is_ok(), "nobody waits");
        for waiter in waiters {
            ensure_eq!(waiter.await??, 5, "a waiter beside one that never looks");
        }
        drop(kept);
        Ok(())
    })
}

/// Two tasks wait when the work panics, and a third comes later.
pub fn prom_42<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (polls, woken_by) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (counted, known) = (polls.clone(), woken_by.clone());
        let shared = Scripted::new(move |waker| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            assert!(first, "broken work");
            *known.lock().unwrap() = Some(waker.clone());
            Poll::Pending
        })
        .shared();
        let waiters = [lp.spawn(shared.clone()), lp.spawn(shared.clone())];
        until(&lp, "a waiter polls the work", || {
            polls.load(Ordering::SeqCst) > 0
        })
        .await?;
        let waker = woken_by.lock().unwrap().take();
        waker.ok_or_else(|| Fault::new("no waker"))?.wake();
        let mut outcomes = Vec::new();
        for waiter in waiters {
            outcomes.push(waiter.await?);
        }
        outcomes.push(shared.await);
        for outcome in outcomes {
            let told = outcome.err().map(|f| (f.kind(), f.text().into_owned()));
            let expected = (FailureKind::Panicked, "broken work".to_owned());
            ensure_eq!(told, Some(expected), "what a waiter is told");
        }
        Ok(())
    })
}

/// The canceller itself adopts; and another thread does at the same time as the cancel, at
/// the promise's own end and at the far end of what it had adopted.
pub fn prom_43<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let slot = Arc::new(Mutex::new(None));
        let held = slot.clone();
        let (inner_resolver, inner) = Deferred::with_canceller(|reason| Some(Ok(reason.len())));
        let (resolver, promise) = Deferred::<usize>::with_canceller(move |_| {
            let resolver: Option<polyloop_core::Resolver<usize>> = held.lock().unwrap().take();
            drop(resolver.map(|resolver| resolver.adopt(inner)));
            None
        });
        *slot.lock().unwrap() = Some(resolver);
        ensure!(promise.cancel("four"), "the cancel was refused");
        ensure!(
            inner_resolver.is_abandoned(),
            "what the canceller adopted was not cancelled"
        );
        ensure_eq!(promise.await?, 4, "the adopted promise's answer");

        for round in 0..100 {
            let (outer, promise) = Deferred::<u8>::new();
            let (far, at_the_end) = if round % 2 == 0 {
                (outer, promise)
            } else {
                let (far, middle) = Deferred::new();
                drop(outer.adopt(middle));
                (far, promise)
            };
            let (resolver, inner) = Deferred::new();
            let together = Barrier::new(2);
            let adopted = thread::scope(|scope| {
                let adopting = scope.spawn(|| {
                    together.wait();
                    far.adopt(inner).is_ok()
                });
                together.wait();
                at_the_end.cancel("stop");
                adopting.join()
            });
            ensure!(
                resolver.is_abandoned(),
                "a cancel was lost in round {round}; adopted: {:?}",
                adopted.ok()
            );
            let told = at_the_end.await.err();
            let told = told.map(|failure| (failure.kind(), failure.text().into_owned()));
            let expected = (FailureKind::Cancelled, "stop".to_owned());
            ensure_eq!(told, Some(expected), "the outcome of round {round}");
        }
        Ok(())
    })
}
