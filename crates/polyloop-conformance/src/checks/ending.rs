//! LOOP: what the end of a run, and a busy loop, mean for connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polyloop_core::{
    CloseReason, Failure, MainLoop, Promise, Protocol, ShutdownPhase, TimerKey, Transport, gather,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Probe, pair, quiet, run, until};

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

const TIMER: TimerKey = TimerKey::new("idle");

/// Fires once, and ends the connection.
struct Timed(Flag);

impl Protocol for Timed {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.set_timer(TIMER, Duration::from_millis(300));
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        self.0.set();
        transport.abort();
        Ok(())
    }
}

/// A hook waits for connections whose timers were set before main ended: one as it was,
/// one that the hook sets to later.
pub fn loop_49<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let (lp, fired, ended) = (make(), Flag::new(), Flag::new());
    let (inner, noted, seen) = (lp.clone(), fired.clone(), ended.clone());
    lp.run(async move {
        let server = inner
            .serve("127.0.0.1:0", || Probe::new(&Journal::new()))
            .await?;
        let mut open = Vec::new();
        for _ in 0..2 {
            let noted = noted.clone();
            let timed = move || Timed(noted.clone());
            open.push(inner.connect(server.local_addr(), timed).await?);
        }
        let lp = inner.clone();
        inner.on_shutdown(ShutdownPhase::Before, move || async move {
            open[0]
                .call(|_, transport| transport.set_timer(TIMER, Duration::from_millis(350)))
                .await?;
            let both = gather(
                open.into_iter()
                    .map(|open| lp.spawn(async move { open.closed().await })),
            );
            if both.timeout(&lp, Duration::from_secs(5)).await.is_ok() {
                seen.set();
            }
            Ok(())
        });
        // Until the timers are set, and the tasks asleep.
        quiet(&inner).await;
        Ok::<_, Fault>(())
    })??;
    ensure_eq!(fired.count(), 2, "timers that fired while a hook waited");
    ensure!(ended.is_set(), "the hook waited in vain");
    Ok(())
}
