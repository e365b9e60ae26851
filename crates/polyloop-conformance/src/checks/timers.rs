//! LOOP: timers and the clock they go by.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{Calls, DelayedCall, MainLoop, Timers};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, inside, is_inside, poll_once, quiet, run, until};

const MS: Duration = Duration::from_millis(1);

/// Fifty timers with one deadline, among others with other deadlines.
pub async fn equal_deadlines_keep_order<C: Calls + Timers>(lp: &C) -> Verdict {
    let journal = Journal::new();
    let at = lp.now() + 40 * MS;
    for number in 0..50 {
        let journal = journal.clone();
        lp.call_at(at, move || journal.note(number.to_string()))?;
        lp.call_at(at + 20 * MS, || ())?;
    }
    until(lp, "fifty timers", || journal.names().len() >= 50).await?;
    let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    ensure_eq!(journal.names(), expected, "timers of one deadline");
    Ok(())
}

/// See [`equal_deadlines_keep_order`].
pub fn loop_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| equal_deadlines_keep_order(&lp).await)
}

/// Timers and sleeps of some lengths look at the loop's clock when they come; how
/// late they are is nobody's business.
pub async fn never_early<C: Calls + Timers + Clone + 'static>(lp: &C) -> Verdict {
    let early = Arc::new(Mutex::new(Vec::new()));
    let made = Flag::new();
    for length in [1, 2, 3, 7, 15, 40] {
        let (early, made) = (early.clone(), made.clone());
        let asked = lp.now();
        let clock = lp.clone();
        lp.call_later(length * MS, move || {
            let passed = clock.now().saturating_duration_since(asked);
            if passed < length * MS {
                early.lock().unwrap().push((length, passed));
            }
            made.set();
        })?;
        lp.sleep(length * MS).await;
        let passed = lp.now().duration_since(asked);
        ensure!(
            passed >= length * MS,
            "a sleep of {length} ms took {passed:?}"
        );
        let deadline = lp.now() + length * MS;
        lp.sleep_until(deadline).await;
        ensure!(lp.now() >= deadline, "sleep_until came early");
    }
    until(lp, "all timers", || made.count() == 6).await?;
    let early = early.lock().unwrap();
    ensure!(early.is_empty(), "early calls: {early:?}");
    Ok(())
}

/// See [`never_early`]; and one with no delay is not made on the spot.
pub fn loop_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        never_early(&lp).await?;
        let (called, nested) = (Flag::new(), Flag::new());
        let (inner, noted, flag) = (lp.clone(), called.clone(), nested.clone());
        lp.call_soon(move || {
            let asked = inside(|| {
                inner.call_later(Duration::ZERO, move || {
                    if is_inside() {
                        flag.set();
                    }
                    noted.set();
                })
            });
            drop(asked);
        })?;
        until(&lp, "the timer without delay", || called.is_set()).await?;
        ensure!(!nested.is_set(), "a timer with no delay ran on the spot");
        Ok(())
    })
}

/// One in the past runs, in a later pass, and before one in the future.
pub fn loop_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let past = lp
            .now()
            .checked_sub(Duration::from_secs(1))
            .unwrap_or(lp.now());
        let (future, gone) = (journal.clone(), journal.clone());
        lp.call_later(60 * MS, move || future.note("future"))?;
        inside(|| {
            lp.call_at(past, move || {
                gone.note(if is_inside() { "nested" } else { "past" });
            })
            .map(drop)
        })?;
        lp.sleep_until(past).await;
        until(&lp, "both", || journal.names().len() == 2).await?;
        ensure_eq!(journal.names(), ["past", "future"], "the order");
        Ok(())
    })
}

/// True once, false ever after; false when made; false inside its own call.
pub fn loop_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let call = lp.call_later(Duration::from_secs(60), || ())?;
        ensure!(
            call.is_pending() && call.cancel(),
            "the first cancel was refused"
        );
        ensure!(
            !call.cancel() && !call.is_pending(),
            "the second cancel claims success"
        );

        let (made, own) = (Flag::new(), Arc::new(Mutex::new(None::<DelayedCall>)));
        let answer = Arc::new(Mutex::new(None));
        let (noted, handle, told) = (made.clone(), own.clone(), answer.clone());
        let call = lp.call_later(20 * MS, move || {
            let handle = handle.lock().unwrap().clone();
            *told.lock().unwrap() = handle.map(|handle| handle.cancel());
            noted.set();
        })?;
        *own.lock().unwrap() = Some(call.clone());
        until(&lp, "the call", || made.is_set()).await?;
        ensure_eq!(
            *answer.lock().unwrap(),
            Some(false),
            "a cancel from inside its own call"
        );
        ensure!(!call.cancel(), "a cancel after the call claims success");
        ensure!(!call.reset(MS), "a call that was made could be moved");
        Ok(())
    })
}

/// A drop counter inside the closure, for a timer and for a call.
pub fn loop_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let gone = Flag::new();
        let guard = gone.on_drop();
        let call = lp.call_later(Duration::from_secs(60), move || drop(guard))?;
        ensure!(!gone.is_set(), "the closure went too early");
        ensure!(call.cancel(), "the cancel was refused");
        ensure!(gone.is_set(), "the closure is still held after the cancel");
        Ok(())
    })
}

/// Asked for, cancelled, made, moved: the list follows.
pub fn loop_21<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let made = Flag::new();
        let noted = made.clone();
        ensure_eq!(lp.pending_calls().len(), 0, "calls of a fresh loop");
        let far = lp.call_later(Duration::from_secs(200), || ())?;
        let near = lp.call_later(Duration::from_secs(100), || ())?;
        lp.call_later(20 * MS, move || noted.set())?;
        ensure_eq!(lp.pending_calls().len(), 3, "calls asked for");
        until(&lp, "the short one", || made.is_set()).await?;
        let pending = lp.pending_calls();
        ensure_eq!(pending.len(), 2, "calls after one was made");
        ensure!(
            pending[0].deadline < pending[1].deadline,
            "not in the order they are due"
        );
        far.reset(Duration::from_secs(50));
        ensure_eq!(lp.pending_calls().len(), 2, "calls after one was moved");
        near.cancel();
        far.cancel();
        ensure_eq!(
            lp.pending_calls().len(),
            0,
            "calls after both were cancelled"
        );
        Ok(())
    })
}

/// Ten years, and more than any clock can say; for timers and for sleeps.
pub fn loop_22<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let early = Flag::new();
        let mut calls = Vec::new();
        let mut sleeps = Vec::new();
        let decade = Duration::from_secs(10 * 365 * 24 * 3600);
        for length in [decade, decade * 20, Duration::MAX / 2, Duration::MAX] {
            let noted = early.clone();
            calls.push(lp.call_later(length, move || noted.set())?);
            let last = lp.pending_calls().pop().and_then(|call| call.deadline);
            ensure!(
                last >= lp.now().checked_add(decade / 2),
                "it was brought near"
            );
            sleeps.push(Box::pin(lp.sleep(length)));
        }
        ensure!(
            sleeps.iter_mut().all(|sleep| poll_once(sleep).is_pending()),
            "a sleep was ready"
        );
        quiet(&lp).await;
        ensure!(
            sleeps.iter_mut().all(|sleep| poll_once(sleep).is_pending()),
            "a sleep came early"
        );
        ensure!(!early.is_set(), "a call came early");
        ensure!(calls.iter().all(DelayedCall::cancel), "a call was lost");
        Ok(())
    })
}

/// A thousand readings, some of them around sleeps.
pub async fn clock_never_steps_back<T: Timers>(lp: &T) -> Verdict {
    let mut last = lp.now();
    for reading in 0..1000 {
        if reading % 200 == 0 {
            lp.sleep(MS).await;
        }
        let now = lp.now();
        ensure!(
            now >= last,
            "the clock went back by {:?}",
            last.duration_since(now)
        );
        last = now;
    }
    Ok(())
}

/// See [`clock_never_steps_back`].
pub fn loop_30<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| clock_never_steps_back(&lp).await)
}
