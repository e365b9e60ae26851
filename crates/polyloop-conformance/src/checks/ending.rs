//! LOOP: what the end of a run, and a busy loop, mean for connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use polyloop_core::{CloseReason, MainLoop};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Journal, Probe, pair, run, until};

/// Both ends of a connection that nobody closed.
pub fn loop_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let (server, client) = (Journal::new(), Journal::new());
    let inner = lp.clone();
    let (here, there) = (client.clone(), server.clone());
    lp.run(async move {
        let both = pair(&inner, Probe::new(&there), Probe::new(&here)).await?;
        until(&inner, "the accepted end", || there.has("made")).await?;
        drop(both);
        Ok::<_, Fault>(())
    })??;
    for (end, journal) in [("server", server), ("client", client)] {
        ensure_eq!(
            journal.count("lost"),
            1,
            "losses told to the {end} when `run` returned"
        );
        journal.is_one_whole_life()?;
        ensure!(
            !matches!(journal.lost(), Some(CloseReason::Clean)),
            "the {end} was told a clean end"
        );
    }
    Ok(())
}

/// Around a call that asks for itself for ever, an echo and a timer get through.
pub fn loop_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn again<L: MainLoop>(lp: &L, enough: Arc<AtomicBool>) {
        let inner = lp.clone();
        let _ = lp.call_soon(move || {
            if !enough.load(Ordering::SeqCst) {
                again(&inner, enough);
            }
        });
    }
    run(make, async |lp| {
        let enough = Arc::new(AtomicBool::new(false));
        again(&lp, enough.clone());
        let timer = Journal::new();
        let notes = timer.clone();
        lp.call_later(std::time::Duration::from_millis(10), move || {
            notes.note("timer");
        })?;
        let answers = Journal::new();
        let both = pair(&lp, Probe::echo(&Journal::new()), Probe::new(&answers)).await?;
        both.client.write("through")?;
        let outcome = until(&lp, "an echo and a timer", || {
            answers.data() == b"through" && timer.has("timer")
        })
        .await;
        enough.store(true, Ordering::SeqCst);
        outcome
    })
}
