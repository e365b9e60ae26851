//! SCHED: looping calls.
//!
//! When a call is due stands in the loop's list of pending calls, so the grid is
//! checked to the nanosecond, however late the calls themselves come.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polyloop_core::schedule::{LoopingCall, LoopingCallError};
use polyloop_core::{Calls, Deferred, Failure, MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, busy_for, inside, is_inside, quiet, run, until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// When the looping call, the only one on its loop, comes next.
fn due<L: Calls>(lp: &L) -> Option<Instant> {
    lp.pending_calls().first().and_then(|call| call.deadline)
}

/// In turn with calls asked for before and after it; and not before one interval.
pub fn sched_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (inner, notes) = (lp.clone(), journal.clone());
        // Inside a call nothing else is called meanwhile.
        lp.call_soon(move || {
            let (before, at, after) = (notes.clone(), notes.clone(), notes);
            let looping = LoopingCall::new(&inner, move || {
                at.note(if is_inside() { "nested" } else { "tick" });
            });
            let _ = inner.call_soon(move || before.note("before"));
            let started = inside(|| looping.start(HOUR, true));
            let _ = inner.call_soon(move || after.note("after"));
            drop(started);
        })?;
        until(&lp, "three calls", || journal.names().len() == 3).await?;
        ensure_eq!(journal.names(), ["before", "tick", "after"], "the order");

        let first = Arc::new(Mutex::new(None));
        let (note, clock) = (first.clone(), lp.clone());
        let looping = LoopingCall::new(&lp, move || {
            note.lock().unwrap().get_or_insert(clock.now());
        });
        let asked = lp.now();
        looping.start(25 * MS, false)?.detach();
        until(&lp, "a later start", || first.lock().unwrap().is_some()).await?;
        looping.stop()?;
        let at = first.lock().unwrap().unwrap_or(asked);
        ensure!(at >= asked + 25 * MS, "the first call came early");
        Ok(())
    })
}

/// The first call takes three and a half intervals, each later one a while: all are
/// due on the grid, and the points that were missed are left out.
pub fn sched_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (note, clock) = (calls.clone(), lp.clone());
        let looping = LoopingCall::new(&lp, move || {
            let first = {
                let mut calls = note.lock().unwrap();
                calls.push(clock.now());
                calls.len() == 1
            };
            busy_for(&clock, if first { 70 * MS } else { 3 * MS });
        });
        let before = lp.now();
        looping.start(20 * MS, true)?.detach();
        let mut dues: Vec<Instant> = Vec::new();
        until(&lp, "five points of the grid", || {
            dues.extend(due(&lp).filter(|due| dues.last() != Some(due)));
            dues.len() >= 5
        })
        .await?;
        looping.stop()?;
        for due in &dues {
            let off = due.duration_since(dues[0]).as_nanos() % (20 * MS).as_nanos();
            ensure_eq!(off, 0, "nanoseconds off the grid");
        }
        // Points 1, 2 and 3 passed during the first call.
        for (call, at) in (1u32..).zip(calls.lock().unwrap().iter().skip(1)) {
            let point = before + (call + 3) * 20 * MS;
            ensure!(*at >= point, "call {call} came before its point");
        }
        Ok(())
    })
}

/// Four points at least for the second call after a first one that took three and a
/// half; and never more points than have passed. The start is a point where it calls.
pub fn sched_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for now in [true, false] {
            counted(&lp, now).await?;
        }
        Ok(())
    })
}

async fn counted<L: MainLoop>(lp: &L, now: bool) -> Verdict {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let (note, clock) = (counts.clone(), lp.clone());
    let before = lp.now();
    let looping = LoopingCall::with_count(lp, move |count| {
        let first = {
            let mut counts = note.lock().unwrap();
            counts.push((count, clock.now()));
            counts.len() == 1
        };
        if first {
            busy_for(&clock, 70 * MS);
        }
    });
    looping.start(20 * MS, now)?.detach();
    until(lp, "four calls", || counts.lock().unwrap().len() >= 4).await?;
    looping.stop()?;
    let mut total = 0;
    for (number, (count, at)) in counts.lock().unwrap().iter().enumerate() {
        ensure!(*count > 0, "call {number} stands for nothing");
        total += *count;
        ensure!(number != 1 || total >= 5, "{total} points after two calls");
        let passed = at.duration_since(before).as_nanos() / (20 * MS).as_nanos();
        ensure!(
            u128::from(total) <= passed + u128::from(now),
            "{total} points were counted, but {passed} intervals have passed"
        );
    }
    Ok(())
}

/// For ten intervals there is no other call; then the next is on the grid.
pub fn sched_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let resolvers = Arc::new(Mutex::new(Vec::new()));
        let asked = resolvers.clone();
        let looping = LoopingCall::new(&lp, move || {
            let (resolver, promise) = Deferred::<()>::new();
            asked.lock().unwrap().push(resolver);
            promise
        });
        looping.start(5 * MS, false)?.detach();
        let first = due(&lp).ok_or_else(|| Fault::new("no call is pending"))?;
        until(&lp, "a call", || resolvers.lock().unwrap().len() == 1).await?;
        quiet(&lp).await;
        ensure_eq!(resolvers.lock().unwrap().len(), 1, "calls in ten intervals");
        ensure_eq!(lp.pending_calls().len(), 0, "pending calls meanwhile");
        let settled = lp.now();
        let resolver = resolvers.lock().unwrap().pop();
        let _ = resolver.map(|resolver| resolver.resolve(()));
        let mut next = None;
        until(&lp, "the next call", || {
            next = next.or(due(&lp));
            resolvers.lock().unwrap().len() == 1
        })
        .await?;
        if let Some(next) = next {
            let off = next.duration_since(first).as_nanos() % (5 * MS).as_nanos();
            ensure_eq!(off, 0, "nanoseconds off the grid");
            ensure!(
                next > settled,
                "the next call was due before it was allowed"
            );
        }
        looping.stop()?;
        resolvers.lock().unwrap().clear();
        Ok(())
    })
}

/// A failure, a panic and a promise that fails, each in the second call.
pub fn sched_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let calls = Flag::new();
        let seen = calls.clone();
        let failing = LoopingCall::new(&lp, move || {
            seen.set();
            match seen.count() {
                2 => Err(Failure::from("on purpose")),
                _ => Ok(()),
            }
        });
        let outcome = failing.start(MS, true)?.await;
        ensure!(
            outcome.is_err_and(|f| f.text() == "on purpose"),
            "the failure"
        );
        ensure!(!failing.is_running(), "it runs on");
        quiet(&lp).await;
        ensure_eq!(calls.count(), 2, "calls");

        let panicking = LoopingCall::new(&lp, || -> Result<(), Failure> { panic!("boo") });
        let outcome = panicking.start(MS, true)?.await;
        ensure!(outcome.is_err_and(|f| f.is_panicked()), "the panic");
        let rejecting = LoopingCall::new(&lp, || Deferred::<()>::failed("later"));
        let outcome = rejecting.start(MS, true)?.await;
        ensure!(outcome.is_err_and(|f| f.text() == "later"), "the promise");
        Ok(())
    })
}

/// Idle: before `stop` returns. Inside a call whose promise is open: when it settles.
pub fn sched_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let idle = LoopingCall::new(&lp, || ());
        let promise = idle.start(HOUR, false)?;
        idle.stop()?;
        ensure!(promise.is_done(), "an idle one is still running");
        promise.await?;
        ensure_eq!(lp.pending_calls().len(), 0, "pending calls");

        let (resolver, open) = Deferred::<()>::new();
        let (calls, mut open) = (Flag::new(), Some(open));
        let seen = calls.clone();
        let busy = LoopingCall::new(&lp, move || {
            seen.set();
            open.take().unwrap_or_else(|| Deferred::resolved(()))
        });
        let promise = busy.start(MS, true)?;
        until(&lp, "a call", || calls.is_set()).await?;
        busy.stop()?;
        ensure!(!busy.is_running(), "a stopped one says it runs");
        quiet(&lp).await;
        ensure!(!promise.is_done(), "the call under way was not waited for");
        let _ = resolver.resolve(());
        promise.await?;
        ensure_eq!(calls.count(), 1, "calls");
        Ok(())
    })
}

/// Typed errors; a negative interval can't be written as a `Duration`.
pub fn sched_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let looping = LoopingCall::new(&lp, || ());
        let not_running = Err(LoopingCallError::NotRunning);
        ensure_eq!(looping.stop(), not_running, "stopping what never ran");
        ensure_eq!(looping.reset(), not_running, "resetting what never ran");
        let promise = looping.start(HOUR, true)?;
        let again = looping.start(HOUR, true).err();
        ensure_eq!(
            again,
            Some(LoopingCallError::AlreadyRunning),
            "a second start"
        );
        looping.stop()?;
        ensure_eq!(looping.stop(), not_running, "a second stop");
        promise.await?;
        // And it may begin anew.
        let promise = looping.start(HOUR, false)?;
        ensure!(looping.is_running(), "it was not started again");
        ensure!(promise.cancel("enough"), "its promise can't be cancelled");
        ensure!(!looping.is_running(), "a cancelled one runs on");
        ensure!(promise.await.is_err_and(|f| f.is_cancelled()), "cancelled");
        Ok(())
    })
}

/// One call is pending before and after, later by what has passed. In the pass in which
/// the tick is due, too; then the looping goes on.
pub fn sched_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let looping = LoopingCall::new(&lp, || ());
        looping.start(HOUR, false)?.detach();
        let first = due(&lp).ok_or_else(|| Fault::new("no call is pending"))?;
        lp.sleep(5 * MS).await;
        let reset = lp.now();
        looping.reset()?;
        ensure_eq!(lp.pending_calls().len(), 1, "pending calls");
        let second = due(&lp).ok_or_else(|| Fault::new("no call is pending"))?;
        ensure!(second >= first + 5 * MS, "the grid was not laid anew");
        ensure!(second >= reset + HOUR, "the new grid begins too early");
        ensure!(
            second <= lp.now() + HOUR,
            "the new grid begins in the future"
        );
        looping.stop()?;

        let ticks = Flag::new();
        let tick = ticks.clone();
        let looping = LoopingCall::new(&lp, move || tick.set());
        let (reset, earliest) = (looping.clone(), Arc::new(Mutex::new(None)));
        let (noted, clock) = (earliest.clone(), lp.clone());
        // The pass is late, so that what resets and what is reset share it.
        let busy = lp.clone();
        lp.call_soon(move || busy_for(&busy, 40 * MS))?;
        lp.call_later(5 * MS, move || {
            let now = clock.now();
            if reset.reset().is_ok() {
                *noted.lock().unwrap() = Some(now + 20 * MS);
            }
        })?;
        looping.start(20 * MS, false)?.detach();
        until(&lp, "ticks after a reset in their pass", || {
            ticks.count() >= 2
        })
        .await?;
        let earliest = *earliest.lock().unwrap();
        ensure!(earliest.is_some(), "it was not reset");
        ensure!(
            lp.now() >= earliest.unwrap_or(lp.now()) + 20 * MS,
            "a tick came early"
        );
        ensure!(looping.is_running(), "it says that it has ended");
        looping.stop()?;
        Ok(())
    })
}
