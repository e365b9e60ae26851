//! BACK: what core asks of a runtime's timers, which it moves instead of making new ones.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use polyloop_core::MainLoop;
use polyloop_core::backend::Timer as _;

use crate::fault::{Verdict, ensure};
use crate::probe::{Flag, run, until};

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
