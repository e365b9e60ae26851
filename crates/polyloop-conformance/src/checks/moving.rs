//! LOOP: pending calls that are moved, at the worst of moments, too.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polyloop_core::{DelayedCall, MainLoop};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, busy_for, quiet, run, until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Earlier and later while nothing happens; by an earlier call of its own pass; by itself;
/// and by another thread, just as it is due.
pub fn loop_20<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        at_rest(&lp).await?;
        for timed in [true, false] {
            in_its_pass(&lp, timed, 30 * MS).await?;
            in_its_pass(&lp, timed, Duration::ZERO).await?;
            away_in_its_pass(&lp, timed).await?;
        }
        by_itself(&lp).await?;
        by_a_thread(&lp).await?;
        ensure_eq!(lp.pending_calls().len(), 0, "calls left behind");
        Ok(())
    })
}

/// From an hour to now; and away from a moment that then passes.
async fn at_rest<L: MainLoop>(lp: &L) -> Verdict {
    let (sooner, later) = (Flag::new(), Flag::new());
    let noted = sooner.clone();
    let call = lp.call_later(HOUR, move || noted.set())?;
    // Meanwhile the loop goes to sleep until the old deadline.
    quiet(lp).await;
    ensure!(call.reset(10 * MS), "it could not be moved earlier");
    until(lp, "the call that was moved earlier", || sooner.is_set()).await?;

    let noted = later.clone();
    let call = lp.call_later(500 * MS, move || noted.set())?;
    ensure!(call.reset(HOUR), "it could not be moved later");
    lp.sleep(600 * MS).await;
    ensure!(!later.is_set(), "it came at the old moment");
    ensure!(call.is_pending() && call.cancel(), "it was lost on the way");
    Ok(())
}

/// A call that notes when it is made.
struct Noted {
    made: Flag,
    /// By the loop's clock.
    at: Arc<Mutex<Option<Instant>>>,
    call: DelayedCall,
}

/// Two calls of one pass, of which the first moves the second; and from when on that is
/// to be made.
async fn moved_in_its_pass<L: MainLoop>(
    lp: &L,
    timed: bool,
    delay: Duration,
) -> Verdict<(Noted, Instant)> {
    let (made, at) = (Flag::new(), Arc::new(Mutex::new(None)));
    let second = {
        let (made, at, clock) = (made.clone(), at.clone(), lp.clone());
        move || {
            *at.lock().unwrap() = Some(clock.now());
            made.set();
        }
    };
    let slot = Arc::new(Mutex::new(None::<DelayedCall>));
    let earliest = Arc::new(Mutex::new(None));
    let first = {
        let (slot, earliest, clock) = (slot.clone(), earliest.clone(), lp.clone());
        move || {
            let now = clock.now();
            let call = slot.lock().unwrap().clone();
            if call.is_some_and(|call| call.reset(delay)) {
                *earliest.lock().unwrap() = now.checked_add(delay).or(Some(now));
            }
        }
    };
    // Both are asked for by one call. It stays until timers are due, so that they share
    // a pass, too.
    let (inner, asked) = (lp.clone(), slot.clone());
    lp.call_soon(move || {
        let calls = if timed {
            let due = inner.now() + 2 * MS;
            (
                inner.call_at(due, first).err().map(drop),
                inner.call_at(due, second).ok(),
            )
        } else {
            (
                inner.call_soon(first).err().map(drop),
                inner.call_soon(second).ok(),
            )
        };
        *asked.lock().unwrap() = calls.1;
        busy_for(&inner, 4 * MS);
    })?;
    until(lp, "the call that moves another", || {
        earliest.lock().unwrap().is_some()
    })
    .await?;
    let call = slot.lock().unwrap().clone();
    let call = call.ok_or_else(|| Fault::new("the call was refused"))?;
    let earliest = earliest.lock().unwrap().unwrap_or_else(|| lp.now());
    Ok((Noted { made, at, call }, earliest))
}

async fn in_its_pass<L: MainLoop>(lp: &L, timed: bool, delay: Duration) -> Verdict {
    let (moved, earliest) = moved_in_its_pass(lp, timed, delay).await?;
    until(lp, "a call moved by an earlier one of its pass", || {
        moved.made.is_set()
    })
    .await?;
    quiet(lp).await;
    ensure_eq!(moved.made.count(), 1, "times that it was made");
    let at = *moved.at.lock().unwrap();
    ensure!(at >= Some(earliest), "it was made before its new time");
    ensure!(!moved.call.is_pending(), "it says that it is still pending");
    Ok(())
}

/// As far away as can be, and back.
async fn away_in_its_pass<L: MainLoop>(lp: &L, timed: bool) -> Verdict {
    let (moved, _) = moved_in_its_pass(lp, timed, Duration::MAX).await?;
    quiet(lp).await;
    ensure!(!moved.made.is_set(), "a call put off for ever was made");
    ensure!(moved.call.is_pending(), "a call put off for ever was lost");
    ensure!(moved.call.reset(MS), "it could not be moved back");
    until(lp, "the call that was moved back", || moved.made.is_set()).await?;
    quiet(lp).await;
    ensure_eq!(moved.made.count(), 1, "times that it was made");
    Ok(())
}

/// Its own call is too late.
async fn by_itself<L: MainLoop>(lp: &L) -> Verdict {
    let (made, accepted) = (Flag::new(), Flag::new());
    let own = Arc::new(Mutex::new(None::<DelayedCall>));
    let (noted, told, handle) = (made.clone(), accepted.clone(), own.clone());
    let call = lp.call_later(5 * MS, move || {
        let own = handle.lock().unwrap().clone();
        if own.is_some_and(|own| own.reset(MS)) {
            told.set();
        }
        noted.set();
    })?;
    *own.lock().unwrap() = Some(call);
    until(lp, "the call that moves itself", || made.is_set()).await?;
    quiet(lp).await;
    ensure!(
        !accepted.is_set(),
        "a call could be moved while it was made"
    );
    ensure_eq!(made.count(), 1, "times that it was made");
    Ok(())
}

/// Idle limits that are pushed back just as they run out. Each is made once: at its old
/// time, if the move came too late, else not before its new one.
async fn by_a_thread<L: MainLoop>(lp: &L) -> Verdict {
    const ROUNDS: u32 = 10;
    const CALLS: u32 = 100;
    const MICRO: Duration = Duration::from_micros(1);

    let inner = lp.clone();
    let moved = lp.run_in_thread(move || {
        let mut all = Vec::new();
        for _ in 0..ROUNDS {
            let mut calls = Vec::new();
            for number in 0..CALLS {
                let (made, at) = (Flag::new(), Arc::new(Mutex::new(None)));
                let (noted, when, clock) = (made.clone(), at.clone(), inner.clone());
                let call = inner.call_later((500 + number) * MICRO, move || {
                    *when.lock().unwrap() = Some(clock.now());
                    noted.set();
                })?;
                calls.push(Noted { made, at, call });
            }
            busy_for(&inner, 450 * MICRO);
            for noted in calls {
                let earliest = inner.now() + 2 * MS;
                let earliest = noted.call.reset(2 * MS).then_some(earliest);
                all.push((noted, earliest));
            }
            busy_for(&inner, 3 * MS);
        }
        Ok::<_, Fault>(all)
    });
    let all = moved.await??;
    until(lp, "calls that were moved by a thread", || {
        all.iter().all(|(noted, _)| noted.made.is_set())
    })
    .await?;
    quiet(lp).await;
    for (noted, earliest) in all {
        ensure_eq!(noted.made.count(), 1, "times that one was made");
        let at = *noted.at.lock().unwrap();
        ensure!(at >= earliest, "one was made before its new time");
    }
    Ok(())
}
