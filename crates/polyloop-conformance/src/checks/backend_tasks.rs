//! BACK: what core asks of a runtime for its tasks and for the thread inside `run`.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use polyloop_core::MainLoop;
use polyloop_core::backend::StartedTask;

use crate::fault::{Verdict, ensure};
use crate::probe::{Flag, poll_once, quiet, run, until};

/// A handle is dropped before the future has begun, another is kept and never polled.
pub fn back_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for kept in [false, true] {
            let done = Flag::new();
            let (inner, flag) = (lp.clone(), done.clone());
            let started = lp.start(async move {
                inner.sleep(std::time::Duration::from_millis(1)).await;
                flag.set();
            });
            let started = kept.then_some(started);
            let what = if kept {
                "the end of a started future whose handle nobody polls: `start` has to begin by \
                 itself"
            } else {
                "the end of a started future whose handle was dropped: a handle that is dropped \
                 has to detach the future, where the runtime's own cancels it"
            };
            until(&lp, what, || done.is_set()).await?;
            if let Some(started) = started {
                until(&lp, "a handle that says it is finished", || {
                    started.is_finished()
                })
                .await?;
            }
        }
        Ok(())
    })
}

/// Handles of futures that end, and of one whose loop is dropped before it could.
pub fn back_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut started = lp.start(async { 7 });
        let output = poll_fn(|cx| std::pin::Pin::new(&mut started).poll(cx)).await;
        ensure!(
            output == Some(7),
            "the output of a started future: {output:?}"
        );
        Ok(())
    })?;
    let lp = make();
    let mut started = lp.start(pending::<()>());
    drop(lp);
    // The runtime may run on with it, or drop it now or a little later.
    for _ in 0..20 {
        match poll_once(&mut started) {
            Poll::Ready(None) => return Ok(()),
            Poll::Ready(Some(())) => ensure!(false, "a future that waits for ever has ended"),
            Poll::Pending => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
    Ok(())
}

/// What is run and what is spawned wait, and nobody wakes them.
pub fn back_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    /// A runtime may wake once or twice too often. One that spins does so ten thousand times.
    const A_FEW: usize = 20;

    let polls = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let lp = make();
    let (inner, counts) = (lp.clone(), polls.clone());
    lp.run(async move {
        let turns = counts[1].clone();
        let task = inner.start(poll_fn(move |_| {
            turns.fetch_add(1, Ordering::SeqCst);
            Poll::<()>::Pending
        }));
        // A busy machine may take its time to begin.
        until(&inner, "a task's first turn", || {
            counts[1].load(Ordering::SeqCst) > 0
        })
        .await?;
        let mut rest = pin!(quiet(&inner));
        poll_fn(|cx| {
            counts[0].fetch_add(1, Ordering::SeqCst);
            rest.as_mut().poll(cx)
        })
        .await;
        drop(task);
        Verdict::Ok(())
    })??;
    let [main, task] = polls.map(|count| count.load(Ordering::SeqCst));
    ensure!(
        main <= A_FEW,
        "what `run` was given was polled {main} times while it waited for 50 ms: `block_on` has \
         to rest until it is woken"
    );
    ensure!(
        (1..=A_FEW).contains(&task),
        "a task that waits was polled {task} times in 50 ms, expected one time"
    );
    Ok(())
}
