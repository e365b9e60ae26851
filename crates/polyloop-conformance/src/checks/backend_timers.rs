//! BACK: what core asks of a runtime's timers, which it moves instead of making new ones.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use polyloop_core::MainLoop;
use polyloop_core::backend::{ThreadTimer, Timer as _};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, block_on, poll_once, run, until};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(5);

/// A waker that says that it was called.
struct Called(Flag);

impl Wake for Called {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

/// Ready; then moved on, waiting, and ready again.
pub fn back_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut timer = Box::pin(lp.timer(lp.now() + SHORT));
        let mut cx = Context::from_waker(Waker::noop());
        ensure!(
            timer.as_mut().poll(&mut cx).is_pending(),
            "a timer is ready at once"
        );
        timer.as_mut().await;
        for time in ["first", "second"] {
            timer.as_mut().reset(lp.now() + LONG);
            ensure!(
                timer.as_mut().poll(&mut cx).is_pending(),
                "a timer that was ready and then moved on by an hour is still ready, the {time} \
                 time"
            );
            timer.as_mut().reset(lp.now() + SHORT);
            let moved = lp.now();
            timer.as_mut().await;
            ensure!(
                lp.now() >= moved + SHORT,
                "a timer that was moved to be due sooner is early, the {time} time"
            );
        }
        Ok(())
    })
}

/// Moved to be due sooner and later, while somebody waits and does not ask again.
pub fn back_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for first in [LONG, SHORT] {
            let woken = Flag::new();
            let waker = Waker::from(Arc::new(Called(woken.clone())));
            let mut timer = Box::pin(lp.timer(lp.now() + first));
            let waits = poll(&mut timer, &waker).is_pending();
            ensure!(waits, "a timer of {first:?} is ready at once");
            timer.as_mut().reset(lp.now() + 4 * SHORT);
            let what = "the waker of a timer that was moved: `reset` has to keep whoever waits";
            until(&lp, what, || woken.is_set()).await?;
            // It may have been woken for the old deadline; then it is asked again.
            timer.as_mut().await;
        }
        Ok(())
    })
}

fn poll<F: Future>(future: &mut Pin<Box<F>>, waker: &Waker) -> std::task::Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Several at once, in any order, some at one moment; moved, and given up.
pub fn back_20<L: MainLoop>(_make: &dyn Fn() -> L) -> Verdict {
    let begun = Instant::now();
    let over = Flag::new();
    let given_up = Flag::new();
    let waker = Waker::from(Arc::new(Called(given_up.clone())));
    let mut first = Box::pin(ThreadTimer::at(begun + SHORT));
    ensure!(poll(&mut first, &waker).is_pending(), "ready at once");
    drop(first);
    let waits = |after: Duration| {
        let (at, over) = (begun + after, over.clone());
        std::thread::spawn(move || {
            block_on(ThreadTimer::at(at));
            over.set();
            Instant::now() >= at
        })
    };
    let waiting: Vec<_> = [8, 2, 4, 4, 4, 1].map(|n| waits(n * SHORT)).into();
    let count = waiting.len();
    let deadline = begun + Duration::from_secs(20);
    while over.count() < count && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    ensure_eq!(over.count(), count, "timers that were ready");
    for thread in waiting {
        ensure!(thread.join().unwrap_or(false), "a timer was early");
    }
    ensure!(!given_up.is_set(), "a timer that was dropped woke somebody");

    let woken = Flag::new();
    let waker = Waker::from(Arc::new(Called(woken.clone())));
    let mut moved = Box::pin(ThreadTimer::at(Instant::now() + LONG));
    ensure!(poll(&mut moved, &waker).is_pending(), "ready an hour early");
    moved.as_mut().reset(Instant::now() + SHORT);
    while !woken.is_set() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    ensure!(woken.is_set(), "a timer that was moved woke nobody");
    block_on(moved.as_mut());
    moved.as_mut().reset(Instant::now() + LONG);
    ensure!(poll_once(&mut moved).is_pending(), "moved on, and ready");
    Ok(())
}
