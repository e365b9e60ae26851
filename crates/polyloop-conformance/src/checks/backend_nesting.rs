//! BACK: what core asks of a loop on a thread on which a runtime is polling already.
//!
//! A future that the backend starts is polled by the runtime and is no task of core's: so
//! it stands where code of the application's does that has spawned on the same runtime.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};
use polyloop_core::backend::StartedTask as _;
use polyloop_core::{CallFromThreadError, MainLoop, RunError};

use crate::fault::{Fault, Verdict, ensure};
use crate::probe::{poll_once, run};

/// What is seen of a started future that may get stuck.
async fn output_of<L: MainLoop, T: Send + 'static>(
    lp: &L,
    what: &str,
    future: impl Future<Output = T> + Send + 'static,
) -> Verdict<T> {
    const PATIENCE: Duration = Duration::from_secs(10);

    let mut started = lp.start(future);
    let output = poll_fn(|cx| Pin::new(&mut started).poll(cx));
    match select(output, pin!(lp.sleep(PATIENCE))).await {
        Either::Left((Some(output), _)) => Ok(output),
        Either::Left((None, _)) => Err(Fault::new(format!(
            "{what} panicked, or was dropped by the runtime"
        ))),
        Either::Right(_) => Err(Fault::new(format!("{what} has not ended in {PATIENCE:?}"))),
    }
}

/// A refusal says what stands in the way and what to do, and not just no.
fn is_sentence(reason: &str) -> bool {
    reason.split_whitespace().count() > 5
}

/// A started future that asks for a call and would wait for it. What was ready for it before
/// is so after the refusal: a runtime that bounds a turn has not used it up.
pub fn back_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let inner = lp.clone();
        let what = "`call_from_thread` in a started future";
        let asking = async move {
            let mut done = inner.start(async {});
            while !done.is_finished() {
                polyloop_core::yield_now().await;
            }
            let answer = inner.call_from_thread(|| 1);
            (answer, poll_once(&mut done).is_ready())
        };
        let (answer, ready) = output_of(&lp, what, asking).await?;
        ensure!(
            ready,
            "after {what} what was ready before is not: the refusal used up the future's turn"
        );
        match answer {
            Err(CallFromThreadError::OnLoop { .. }) => Ok(()),
            Err(CallFromThreadError::MayNotBlock { reason, .. }) => {
                ensure!(
                    is_sentence(&reason),
                    "{what} is refused because of {reason:?}: `refuses_to_wait` has to say what \
                     stands in the way, and what to do"
                );
                Ok(())
            }
            other => Err(Fault::new(format!(
                "{what} gave {other:?}: the runtime polls on that thread, which stands still \
                 while it waits, so `refuses_to_wait` has to say no"
            ))),
        }
    })
}

/// A started future that runs another loop.
pub fn back_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let other = make();
    run(make, async |lp| {
        let what = "`run` of another loop in a started future";
        match output_of(&lp, what, async move { other.run(async { 7 }) }).await? {
            Ok(7) | Err(RunError::Nested { .. }) => Ok(()),
            Err(RunError::MayNotBlock { reason, .. }) => {
                ensure!(
                    is_sentence(&reason),
                    "{what} is refused because of {reason:?}: `refuses_to_block` has to say what \
                     stands in the way, and what to do"
                );
                Ok(())
            }
            other => Err(Fault::new(format!("{what} gave {other:?}"))),
        }
    })
}

/// In what `run` was given and in a started future: a loop that was used, and one that was
/// not.
pub fn back_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let used = || {
        let lp = make();
        drop(lp.start(pending::<()>()));
        lp
    };
    let (one, another) = (used(), make());
    run(make, async |lp| {
        drop(used());
        drop(make());
        let what = "a started future that drops two loops";
        output_of(&lp, what, async move { drop((one, another)) }).await
    })
}
