//! SCHED: batched timers.
//!
//! When a bucket fires stands in the loop's list of pending calls. Calls that are to
//! share a bucket are asked for inside one call of the loop, or in buckets of an
//! hour, so that a slow machine does not spread them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::schedule::{BatchedFailures, BatchedTimer};
use polyloop_core::{Failure, MainLoop};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, quiet, run, until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A hundred calls for one pending call; and in order, when they are made.
pub fn sched_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let timer = BatchedTimer::new(&lp, HOUR)?;
        for minute in 1..50 {
            timer.call_later(HOUR + minute * HOUR / 60, || Ok(()))?;
        }
        ensure_eq!(lp.pending_calls().len(), 1, "timers for one bucket");
        timer.call_later(2 * HOUR + HOUR / 2, || Ok(()))?;
        ensure_eq!(lp.pending_calls().len(), 2, "timers for two buckets");

        let (journal, notes) = (Journal::new(), Journal::new());
        let written = notes.clone();
        lp.call_soon(move || {
            for number in 0..20 {
                let written = written.clone();
                // Later calls are asked for with shorter delays.
                let delay = (20 - number) * MS;
                let _ = timer.call_later(delay, move || {
                    written.note(number.to_string());
                    Ok(())
                });
            }
        })?;
        until(&lp, "twenty calls", || notes.names().len() == 20).await?;
        for number in 0..20 {
            journal.note(number.to_string());
        }
        ensure_eq!(notes.names(), journal.names(), "the order in a bucket");
        Ok(())
    })
}

/// Calls for 1 h 1 s and for 1 h 50 min are due at 1 h; one for 50 min in the next
/// pass. A delay of 900 ms is not none: in buckets of 850 ms it waits.
pub fn sched_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let before = lp.now();
        let timer = BatchedTimer::new(&lp, HOUR)?;
        let after = lp.now();
        timer.call_later(HOUR + 1000 * MS, || Ok(()))?;
        timer.call_later(HOUR + HOUR / 6 * 5, || Ok(()))?;
        let pending = lp.pending_calls();
        ensure_eq!(pending.len(), 1, "pending calls");
        let due = pending[0].deadline.unwrap_or(before);
        ensure!(
            (before + HOUR..=after + HOUR).contains(&due),
            "due {:?} after the timer was made",
            due.duration_since(before)
        );
        let early = Flag::new();
        let made = early.clone();
        timer.call_later(HOUR / 6 * 5, move || {
            made.set();
            Ok(())
        })?;
        until(&lp, "a call for the first bucket", || early.is_set()).await?;

        let before = lp.now();
        let timer = BatchedTimer::new(&lp, 850 * MS)?;
        let (made, clock) = (Arc::new(Mutex::new(None)), lp.clone());
        let at = made.clone();
        timer.call_later(900 * MS, move || {
            *at.lock().unwrap() = Some(clock.now());
            Ok(())
        })?;
        until(&lp, "a call for the second bucket", || {
            made.lock().unwrap().is_some()
        })
        .await?;
        let at = made.lock().unwrap().unwrap_or(before);
        ensure!(at >= before + 850 * MS, "less than a second was cut off");
        Ok(())
    })
}

/// Five calls in chunks of two over 300 ms: the clock between chunks, and a pass of
/// the loop after each chunk but not inside one.
pub fn sched_20<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let timer = BatchedTimer::with_chunk_size(&lp, 300 * MS, 2)?;
        let (journal, times) = (Journal::new(), Arc::new(Mutex::new(Vec::new())));
        let (inner, notes, at) = (lp.clone(), journal.clone(), times.clone());
        lp.call_soon(move || {
            for _ in 0..5 {
                let (lp, notes, at) = (inner.clone(), notes.clone(), at.clone());
                let _ = timer.call_later(Duration::ZERO, move || {
                    at.lock().unwrap().push(lp.now());
                    notes.note("c");
                    lp.call_soon(move || notes.note("|"))?;
                    Ok(())
                });
            }
        })?;
        until(&lp, "five calls", || journal.names().len() == 10).await?;
        ensure_eq!(journal.names().concat(), "cc||cc||c|", "chunks and passes");
        let times = times.lock().unwrap();
        for (last, next) in [(1, 2), (3, 4)] {
            let passed = times[next].duration_since(times[last]);
            ensure!(passed >= 100 * MS, "{passed:?} between chunks");
        }
        Ok(())
    })
}

/// A failure in the first chunk, a panic in the last, calls between them.
pub fn sched_21<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, made) = (Reports::of(&lp), Flag::new());
        let timer = BatchedTimer::with_chunk_size(&lp, 90 * MS, 2)?;
        let (seen, unreported) = (made.clone(), reports.clone());
        let early = Flag::new();
        let told = early.clone();
        lp.call_soon(move || {
            for number in 0..5 {
                let (seen, unreported, told) = (seen.clone(), unreported.clone(), told.clone());
                let _ = timer.call_later(Duration::ZERO, move || {
                    seen.set();
                    if !unreported.all().is_empty() {
                        told.set();
                    }
                    match number {
                        0 => Err(Failure::from("the first")),
                        4 => panic!("the last"),
                        _ => Ok(()),
                    }
                });
            }
        })?;
        until(&lp, "a report", || !reports.all().is_empty()).await?;
        quiet(&lp).await;
        ensure_eq!(made.count(), 5, "calls");
        ensure!(!early.is_set(), "reported before the last chunk");
        let reports = reports.all();
        ensure_eq!(reports.len(), 1, "reports");
        let combined = reports[0].failure.downcast_ref::<BatchedFailures>();
        let combined = combined.ok_or_else(|| Fault::new("not a combined failure"))?;
        let texts: Vec<_> = combined.failures.iter().map(Failure::text).collect();
        ensure_eq!(texts, ["the first", "the last"], "what failed");
        let text = combined.to_string();
        ensure!(
            text.starts_with("2 batched calls failed: ") && text.ends_with("the last"),
            "what is told of two: {text:?}"
        );
        for (count, end) in [(5, "number 4"), (7, "; and 2 more")] {
            let reports = Reports::of(&lp);
            let timer = BatchedTimer::new(&lp, HOUR)?;
            // All of them before the first is made.
            lp.call_soon(move || {
                for number in 0..count {
                    let failure = Failure::message(format!("number {number}"));
                    let _ = timer.call_later(Duration::ZERO, move || Err(failure));
                }
            })?;
            until(&lp, "a report", || !reports.all().is_empty()).await?;
            let text = reports.all()[0].failure.text().into_owned();
            let begin = format!("{count} batched calls failed: ");
            ensure!(
                text.starts_with(&begin) && text.ends_with(end),
                "what is told of {count}: {text:?}"
            );
        }
        Ok(())
    })
}

/// Late, twice, and the last two of a bucket.
pub fn sched_22<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (timer, made) = (BatchedTimer::new(&lp, HOUR)?, Flag::new());
        let seen = made.clone();
        let call = timer.call_later(Duration::ZERO, move || {
            seen.set();
            Ok(())
        })?;
        until(&lp, "the call", || made.is_set()).await?;
        ensure!(!call.cancel() && !call.cancel(), "cancelled what was made");

        let gone = Flag::new();
        let guard = gone.on_drop();
        let first = timer.call_later(3 * HOUR / 2, move || {
            drop(guard);
            Ok(())
        })?;
        let second = timer.call_later(3 * HOUR / 2, || Ok(()))?;
        ensure!(first.cancel(), "the first cancel was refused");
        ensure!(gone.is_set(), "the closure was kept");
        ensure!(!first.cancel(), "cancelled twice");
        ensure_eq!(lp.pending_calls().len(), 1, "timers with one call left");
        ensure!(second.cancel(), "the last cancel was refused");
        ensure_eq!(lp.pending_calls().len(), 0, "timers with no call left");
        Ok(())
    })
}
