//! SCHED: one delayed call, and sleeps.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use polyloop_core::schedule::delayed;
use polyloop_core::{Failure, MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, quiet, run, until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A value, a failure and a panic come through; a cancelled one never runs, and its
/// timer and closure are gone at once.
pub fn sched_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let asked = lp.now();
        let clock = lp.clone();
        let at = delayed(&lp, 15 * MS, move || Ok(clock.now())).await?;
        ensure!(at >= asked + 15 * MS, "the function ran early");
        let failed = delayed(&lp, MS, || Err::<(), _>(Failure::from("on purpose"))).await;
        ensure!(
            failed.is_err_and(|f| f.text() == "on purpose"),
            "the failure"
        );
        let panicked = delayed(&lp, MS, || -> Result<(), Failure> { panic!("boo") }).await;
        ensure!(panicked.is_err_and(|f| f.is_panicked()), "the panic");

        let (ran, gone) = (Flag::new(), Flag::new());
        let (run, guard) = (ran.clone(), gone.on_drop());
        let promise = delayed(&lp, 30 * MS, move || {
            run.set();
            drop(guard);
            Ok(())
        });
        ensure_eq!(lp.pending_calls().len(), 1, "pending calls");
        ensure!(promise.cancel("not needed"), "the cancel was refused");
        ensure_eq!(
            lp.pending_calls().len(),
            0,
            "pending calls after the cancel"
        );
        ensure!(gone.is_set(), "the closure was kept");
        let Err(failure) = promise.await else {
            return Err(Fault::new("a cancelled call gave a value"));
        };
        ensure!(failure.is_cancelled(), "cancelled, but: {failure}");
        ensure_eq!(failure.text(), "not needed", "the reason");
        // Until after it was due, and 20 ms more.
        quiet(&lp).await;
        ensure!(!ran.is_set(), "a cancelled call was made");
        Ok(())
    })
}

struct NoWake;

impl Wake for NoWake {
    fn wake(self: Arc<Self>) {}
}

/// A timer holds the waker of whoever sleeps: when nobody holds that any more, the
/// timer has gone. By drop, and by cancelling a task; each an hour before it is due.
pub fn sched_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let token = Arc::new(NoWake);
        {
            let waker = Waker::from(token.clone());
            let mut sleep = pin!(lp.sleep(HOUR));
            let polled = sleep.as_mut().poll(&mut Context::from_waker(&waker));
            ensure!(polled.is_pending(), "an hour has passed");
            ensure!(Arc::strong_count(&token) > 2, "nothing holds the waker");
        }
        until(&lp, "the timer is gone", || Arc::strong_count(&token) == 1).await?;

        let gone = Flag::new();
        let (guard, sleeper) = (gone.on_drop(), lp.clone());
        let task = lp.spawn(async move {
            let _guard = guard;
            sleeper.sleep(HOUR).await;
        });
        quiet(&lp).await;
        ensure!(task.cancel("wake up"), "the sleep can't be cancelled");
        until(&lp, "the sleeper is gone", || gone.is_set()).await
    })
}

struct Woken(Flag);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

/// Pending once, with a wake-up, then ready.
pub fn sched_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let woken = Flag::new();
        let waker = Waker::from(Arc::new(Woken(woken.clone())));
        let mut cx = Context::from_waker(&waker);
        let mut sleep = pin!(lp.sleep(Duration::ZERO));
        ensure_eq!(
            sleep.as_mut().poll(&mut cx),
            Poll::Pending,
            "the first poll"
        );
        ensure_eq!(woken.count(), 1, "wake-ups");
        ensure_eq!(
            sleep.as_mut().poll(&mut cx),
            Poll::Ready(()),
            "the second poll"
        );
        lp.sleep(Duration::ZERO).await;
        Ok(())
    })
}
