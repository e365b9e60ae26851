//! SIG: handlers, streams and stops by signal, inside of one process. What the system does
//! where nobody asked for a signal ends the process, so that is shown with child processes,
//! and by a simulation's own tests.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polyloop_core::sync::Event;
use polyloop_core::{
    Failure, MainLoop, RunError, ShutdownPhase, Signal, SignalError, Signals, context, yield_now,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Reports, inside, is_inside, quiet, run, until};

/// Signals are the process's, and so are the checks of them: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Each of the two, with a hook that takes its time; afterwards the loop runs on.
pub fn sig_01<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    for signal in [Signal::INT, Signal::TERM] {
        let lp = make();
        let stopping = lp.stop_on_signals()?;
        // Whoever runs this in the background of a script has it ignored.
        if !stopping.signals().contains(&signal) {
            continue;
        }
        let hook_ran = Flag::new();
        let inner = lp.clone();
        let noted = hook_ran.clone();
        let stopped = lp.run(async {
            let timers = inner.clone();
            inner.on_shutdown(ShutdownPhase::Before, move || async move {
                timers.sleep(Duration::from_millis(20)).await;
                noted.set();
                Ok::<_, Failure>(())
            });
            inner.raise_signal(signal)?;
            pending::<Verdict>().await
        });
        ensure!(
            matches!(stopped, Err(RunError::StoppedEarly { .. })),
            "{signal}: the run ended with {stopped:?}"
        );
        ensure!(hook_ran.is_set(), "{signal}: the hook did not run");
        ensure_eq!(stopping.stopped_by(), Some(signal), "what stopped it");
        drop(stopping);
        ensure_eq!(lp.run(async { 1 })?, 1, "the next run after {signal}");
        let again = lp.stop_on_signals()?;
        ensure_eq!(again.stopped_by(), None, "before another has come");
    }
    Ok(())
}

/// Main waits for nothing but the handler; nothing is called inside of the raise.
pub fn sig_02<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    run(make, async |lp| {
        let journal = Journal::new();
        let came = Arc::new(Event::new());
        let (notes, wakes, name) = (journal.clone(), came.clone(), lp.name());
        lp.add_signal_handler(Signal::WINCH, move || {
            let current = context::current_state().map(|state| state.name());
            notes.note(match current {
                _ if is_inside() => "handled inside of the raise",
                Some(current) if current == name => "handled on the loop",
                _ => "handled elsewhere",
            });
            wakes.set();
        })?;
        inside(|| lp.raise_signal(Signal::WINCH))?;
        came.wait().await?;
        ensure_eq!(journal.names(), ["handled on the loop"], "what happened");
        ensure!(lp.remove_signal_handler(Signal::WINCH), "it was gone");
        Ok(())
    })
}

/// Removed, removed twice, replaced, and removed by itself.
pub fn sig_03<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    run(make, async |lp| {
        ensure!(
            !lp.remove_signal_handler(Signal::WINCH),
            "there was a handler before any was added"
        );
        let (first, second) = (Flag::new(), Flag::new());
        let (dropped, noted) = (Flag::new(), first.clone());
        let on_drop = dropped.on_drop();
        lp.add_signal_handler(Signal::WINCH, move || {
            let _kept = &on_drop;
            noted.set();
        })?;
        let noted = second.clone();
        lp.add_signal_handler(Signal::WINCH, move || noted.set())?;
        ensure!(dropped.is_set(), "the handler that was replaced is kept");
        lp.raise_signal(Signal::WINCH)?;
        until(&lp, "the second handler", || second.is_set()).await?;
        ensure!(!first.is_set(), "the handler that was replaced was called");
        ensure!(lp.remove_signal_handler(Signal::WINCH), "it was not there");
        ensure!(
            !lp.remove_signal_handler(Signal::WINCH),
            "it was there twice"
        );
        lp.raise_signal(Signal::WINCH)?;
        quiet(&lp).await;
        ensure_eq!(second.count(), 1, "calls of the handler that was removed");

        let (calls, itself) = (Flag::new(), lp.clone());
        let noted = calls.clone();
        lp.add_signal_handler(Signal::WINCH, move || {
            itself.remove_signal_handler(Signal::WINCH);
            noted.set();
        })?;
        lp.raise_signal(Signal::WINCH)?;
        until(&lp, "the handler that removes itself", || calls.is_set()).await?;
        lp.raise_signal(Signal::WINCH)?;
        quiet(&lp).await;
        ensure_eq!(calls.count(), 1, "calls of the handler that removed itself");
        Ok(())
    })
}

/// As handlers and as streams, and on a loop that was closed.
pub fn sig_04<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    let lp = make();
    for signal in [Signal::KILL, Signal::STOP] {
        let refused = lp.add_signal_handler(signal, || {});
        ensure!(
            matches!(refused, Err(SignalError::Uncatchable { signal: named }) if named == signal),
            "{signal}: {refused:?}"
        );
    }
    for number in [0, -1, 4711, i32::MIN, i32::MAX] {
        let signal = Signal::from_raw(number);
        let refused = lp.signals([Signal::WINCH, signal]);
        ensure!(
            matches!(refused, Err(SignalError::Refused { signal: named, .. }) if named == signal),
            "{signal}: {refused:?}"
        );
        let refused = lp.add_signal_handler(signal, || {});
        ensure!(refused.is_err(), "{signal}: {refused:?}");
    }
    let none = lp.signals([]);
    ensure!(matches!(none, Err(SignalError::None)), "none: {none:?}");
    lp.close()?;
    let closed = lp.add_signal_handler(Signal::WINCH, || {});
    ensure!(
        matches!(closed, Err(SignalError::Closed(_))),
        "a closed loop: {closed:?}"
    );
    ensure!(
        matches!(lp.stop_on_signals(), Err(SignalError::Closed(_))),
        "a closed loop stops on signals"
    );
    Ok(())
}

/// Switched off, a stop that was asked for before has no effect; nobody asked, nothing is
/// caught.
pub fn sig_05<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    let lp = make();
    let stopping = lp.stop_on_signals()?;
    let caught = stopping.signals().to_vec();
    drop(stopping);
    // A loop of somebody else's catches them meanwhile, or the process would end.
    let other = make();
    let _keeps = match caught.first() {
        Some(_) => Some(other.signals(caught.iter().copied())?),
        None => None,
    };
    let inner = lp.clone();
    lp.run(async move {
        for signal in caught {
            other.raise_signal(signal)?;
        }
        quiet(&inner).await;
        Ok::<_, Fault>(())
    })?
}

/// Two kinds, one of them twice before it is taken, and two streams on two loops.
pub fn sig_06<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    let lp = make();
    let mut first = lp.signals([Signal::WINCH, Signal::URG])?;
    let mut second = lp.signals([Signal::WINCH])?;
    let inner = lp.clone();
    lp.run(async {
        inner.raise_signal(Signal::WINCH)?;
        ensure_eq!(
            second.next().await,
            Some(Signal::WINCH),
            "the second stream"
        );
        inner.raise_signal(Signal::WINCH)?;
        ensure_eq!(second.next().await, Some(Signal::WINCH), "the second again");
        // The first has not been looked at, so both count once.
        ensure_eq!(first.next().await, Some(Signal::WINCH), "the first stream");
        inner.raise_signal(Signal::URG)?;
        ensure_eq!(
            first.next().await,
            Some(Signal::URG),
            "the first, after two"
        );
        Ok::<_, Fault>(())
    })??;
    lp.close()?;
    let ended = crate::probe::block_on(first.next());
    ensure_eq!(ended, None, "the stream of a closed loop");
    Ok(())
}

/// It is reported, the handler stays, and it stays for the next run, too.
pub fn sig_07<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    let lp = make();
    let reports = Reports::of(&lp);
    let calls = Flag::new();
    let noted = calls.clone();
    lp.add_signal_handler(Signal::WINCH, move || {
        noted.set();
        assert!(noted.count() > 1, "the first of them panics on purpose");
    })?;
    for round in 1..=3 {
        let inner = lp.clone();
        let seen = calls.clone();
        lp.run(async move {
            inner.raise_signal(Signal::WINCH)?;
            until(&inner, "the handler's call", || seen.count() >= round).await
        })??;
    }
    ensure_eq!(reports.mentioning("on purpose"), 1, "reports of the panic");
    ensure!(lp.remove_signal_handler(Signal::WINCH), "it was gone");
    Ok(())
}

/// Runs that end as the signal comes, before its call has had its turn, and hooks that end so.
pub fn sig_08<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    let _alone = alone();
    let lp = make();
    let calls = Flag::new();
    let noted = calls.clone();
    lp.add_signal_handler(Signal::WINCH, move || noted.set())?;
    for yields in 0..12 {
        let inner = lp.clone();
        lp.run(async move {
            inner.raise_signal(Signal::WINCH)?;
            for _ in 0..yields % 4 {
                yield_now().await;
            }
            Ok::<_, Fault>(())
        })??;
    }
    for phase in [
        ShutdownPhase::Before,
        ShutdownPhase::During,
        ShutdownPhase::After,
    ] {
        let inner = lp.clone();
        lp.on_shutdown(phase, move || async move {
            inner.raise_signal(Signal::WINCH)?;
            yield_now().await;
            Ok::<_, Failure>(())
        });
        lp.run(async {})?;
    }
    let (inner, before) = (lp.clone(), calls.count());
    lp.run(async move {
        inner.raise_signal(Signal::WINCH)?;
        until(&inner, "the handler's call", || calls.count() > before).await
    })??;
    ensure!(lp.remove_signal_handler(Signal::WINCH), "it was gone");
    Ok(())
}

/// So many that their number may not count when one of them goes; the last is told.
pub fn sig_09<L: MainLoop + Signals>(make: &dyn Fn() -> L) -> Verdict {
    const MANY: usize = 100_000;

    let _alone = alone();
    run(make, async |lp| {
        let mut streams = Vec::with_capacity(MANY);
        for _ in 0..MANY {
            streams.push(lp.signals([Signal::WINCH])?);
        }
        let mut last = lp.signals([Signal::WINCH])?;
        drop(streams);
        lp.raise_signal(Signal::WINCH)?;
        ensure_eq!(
            last.next().await,
            Some(Signal::WINCH),
            "the one that is left"
        );
        Ok(())
    })
}
