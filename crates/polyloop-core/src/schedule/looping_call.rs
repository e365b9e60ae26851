//! [`LoopingCall`]: a function called again and again, on a grid that does not
//! drift.
//!
//! There is one [`Tick`] per running looping call. It carries the function, is
//! owned by whatever goes on next (the timer, the call, or the task that waits for
//! the call's promise), and decides at its end whether there is another. So nothing
//! overlaps, and a tick that the loop drops unmade ends the looping call.

use std::fmt;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::step::{IntoStep, Kind, Step};
use crate::event_loop::calls::{Calls, DelayedCall, after};
use crate::event_loop::spawner::Spawner;
use crate::event_loop::timers::Timers;
use crate::promise::Promise as _;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::sync::primitive::{Arc, Mutex, lock};

type Function = Guarded<Box<dyn FnMut(u64) -> Step + Send>>;

/// Calls a function at a fixed interval: Twisted's `LoopingCall`.
///
/// Ticks stay on the grid that [`start`](Self::start) laid: a call that comes late
/// or takes long makes none of the later ones late, and ticks missed meanwhile are
/// skipped, not made up for (SCHED-02). If the function returns a promise, the next
/// tick waits for it (SCHED-04).
///
/// Handles are clones of one looping call, which runs on when all are dropped.
///
/// ```
/// use polyloop_core::{Failure, Loop, schedule::LoopingCall};
/// use std::time::Duration;
///
/// async fn heartbeat<L: Loop>(lp: &L) -> Result<(), Failure> {
///     let beat = LoopingCall::new(lp, || println!("still here"));
///     let running = beat.start(Duration::from_secs(30), true)?;
///     // `beat.stop()` resolves it, a failing call fails it.
///     running.await
/// }
/// ```
pub struct LoopingCall<L> {
    inner: Arc<Inner<L>>,
}

struct Inner<L> {
    lp: L,
    state: Mutex<State>,
}

struct State {
    /// The function, while no tick carries it.
    idle: Option<Function>,
    run: Option<Run>,
}

struct Run {
    resolver: Resolver<()>,
    interval: Duration,
    /// The grid: its origin, and how many of its points have been called for.
    /// Whether the origin itself is one of them is up to `start`.
    origin: Instant,
    from_origin: bool,
    seen: u64,
    /// How many calls were asked for, and the last of them.
    asked: u64,
    pending: Option<DelayedCall>,
    /// It was stopped, and this is what to settle with.
    stopping: Option<Result<(), Failure>>,
}

impl<L: Calls + Timers + Spawner> LoopingCall<L> {
    /// A looping call of `f`, which returns nothing, a `Result<(), Failure>`, or a
    /// promise; see [`IntoStep`].
    pub fn new<F, R>(lp: &L, mut f: F) -> Self
    where
        F: FnMut() -> R + Send + 'static,
        R: IntoStep,
    {
        Self::with_count(lp, move |_| f())
    }

    /// The same for a function that is told how many ticks the call stands for: 1,
    /// and one more for each that was missed (SCHED-03).
    pub fn with_count<F, R>(lp: &L, mut f: F) -> Self
    where
        F: FnMut(u64) -> R + Send + 'static,
        R: IntoStep,
    {
        Self {
            inner: Arc::new(Inner {
                lp: lp.clone(),
                state: Mutex::new(State {
                    idle: Some(Guarded::new(Box::new(move |count| f(count).into_step()))),
                    run: None,
                }),
            }),
        }
    }

    /// Starts calling: in the next pass and then every `interval` if `now`, else
    /// after one interval (SCHED-01). A zero interval means every pass.
    ///
    /// The promise is resolved by [`stop`](Self::stop) and fails with the first call
    /// that fails (SCHED-05); cancelling it stops the looping call, dropping it does
    /// not. A failure that nobody takes is reported to the error hook.
    pub fn start(&self, interval: Duration, now: bool) -> Result<Deferred<()>, LoopingCallError> {
        let weak = Arc::downgrade(&self.inner);
        let (resolver, promise) = Deferred::with_canceller(move |reason| {
            if let Some(inner) = weak.upgrade() {
                let _ = stop(&inner, Err(Failure::cancelled(reason.to_owned())));
            }
            None
        });
        let mut state = lock(&self.inner.state);
        let Some(function) = state.idle.take() else {
            drop(state);
            // Nobody else has it yet, so it can't be missed.
            drop(promise);
            return Err(LoopingCallError::AlreadyRunning);
        };
        state.run = Some(Run {
            resolver,
            interval,
            origin: self.inner.lp.now(),
            from_origin: now,
            seen: 0,
            asked: 0,
            pending: None,
            stopping: None,
        });
        drop(state);
        let tick = Tick {
            inner: self.inner.clone(),
            function: Some(function),
        };
        tick.ask(now);
        Ok(promise)
    }

    /// Stops calling, and resolves the promise of [`start`](Self::start): at once, or
    /// when the call that is under way has ended (SCHED-06).
    pub fn stop(&self) -> Result<(), LoopingCallError> {
        stop(&self.inner, Ok(()))
    }

    /// Lays the grid anew from now: the next call comes in one interval (SCHED-08).
    pub fn reset(&self) -> Result<(), LoopingCallError> {
        let mut state = lock(&self.inner.state);
        let run = state.running()?;
        let now = self.inner.lp.now();
        run.origin = now;
        run.from_origin = false;
        run.seen = 0;
        let due = after(now, run.interval);
        let pending = run.pending.clone();
        drop(state);
        if let Some(pending) = pending {
            // Too late if the call is about to be made; that one is made.
            pending.reset_at(due);
        }
        Ok(())
    }

    /// Whether it was started and neither stopped nor failed.
    pub fn is_running(&self) -> bool {
        lock(&self.inner.state).running().is_ok()
    }
}

fn stop<L>(inner: &Inner<L>, outcome: Result<(), Failure>) -> Result<(), LoopingCallError> {
    let mut state = lock(&inner.state);
    let run = state.running()?;
    run.stopping = Some(outcome);
    let pending = run.pending.take();
    drop(state);
    if let Some(pending) = pending {
        // This drops the tick, which resolves the promise; or it is too late, and
        // the tick does so when it comes.
        pending.cancel();
    }
    Ok(())
}

impl State {
    fn running(&mut self) -> Result<&mut Run, LoopingCallError> {
        let running = self.run.as_mut().filter(|run| run.stopping.is_none());
        running.ok_or(LoopingCallError::NotRunning)
    }
}

impl Run {
    /// How many intervals have passed since the origin.
    fn passed(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin).as_nanos();
        let passed = elapsed.checked_div(self.interval.as_nanos()).unwrap_or(0);
        u64::try_from(passed).unwrap_or(u64::MAX - 1)
    }

    /// The first point of the grid after `now`.
    fn next_point(&self, now: Instant) -> Instant {
        let ahead = u128::from(self.passed(now)) + 1;
        let nanos = self.interval.as_nanos().saturating_mul(ahead);
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        after(self.origin, Duration::from_nanos(nanos))
    }

    /// How many points of the grid a call that is made at `now` stands for.
    fn count(&mut self, now: Instant) -> u64 {
        let points = self.passed(now) + u64::from(self.from_origin);
        let count = points.saturating_sub(self.seen).max(1);
        self.seen = points;
        count
    }

    fn settle(self, outcome: Result<(), Failure>) {
        match outcome {
            // Nobody has to be told that all went well.
            Ok(()) => drop(self.resolver.resolve(())),
            Err(failure) => {
                if let Err(failure) = self.resolver.reject(failure)
                    && !failure.is_cancelled()
                {
                    report_here("a looping call failed and nobody waits for it", &failure);
                }
            }
        }
    }
}

struct Tick<L> {
    inner: Arc<Inner<L>>,
    /// Taken when the looping call ends.
    function: Option<Function>,
}

impl<L: Calls + Timers + Spawner> Tick<L> {
    /// Asks for the next call.
    fn ask(self, at_once: bool) {
        let inner = self.inner.clone();
        let (due, number) = {
            let mut state = lock(&inner.state);
            let Some(run) = &mut state.run else { return };
            run.asked += 1;
            let soon = at_once || run.interval.is_zero();
            let due = (!soon).then(|| run.next_point(inner.lp.now()));
            (due, run.asked)
        };
        let fire = move || self.fire();
        let asked = match due {
            None => inner.lp.call_soon(fire),
            Some(due) => inner.lp.call_at(due, fire),
        };
        match asked {
            Ok(call) => {
                let mut state = lock(&inner.state);
                // It may have been made by now, or even be followed by another.
                if let Some(run) = &mut state.run
                    && run.asked == number
                {
                    if run.stopping.is_none() {
                        run.pending = Some(call);
                    } else {
                        drop(state);
                        call.cancel();
                    }
                }
            }
            Err(rejected) => {
                let run = lock(&inner.state).run.take();
                if let Some(run) = run {
                    run.settle(Err(rejected.closed.into()));
                }
            }
        }
    }

    /// Makes the call.
    fn fire(mut self) {
        let mut state = lock(&self.inner.state);
        let Some(run) = &mut state.run else { return };
        if run.stopping.is_some() {
            drop(state);
            return self.end(Ok(()));
        }
        run.pending = None;
        let count = run.count(self.inner.lp.now());
        drop(state);
        let step = match &mut self.function {
            Some(function) => catch(|| Ok(function(count))),
            None => return,
        };
        match step.map(Step::kind) {
            Err(failure) | Ok(Kind::Done(Err(failure))) => self.end(Err(failure)),
            Ok(Kind::Done(Ok(()))) => self.go_on(),
            Ok(Kind::Wait(promise)) => {
                let lp = self.inner.lp.clone();
                let waiting = lp.spawn(async move {
                    match promise.into_inner().await {
                        Ok(()) => self.go_on(),
                        Err(failure) => self.end(Err(failure)),
                    }
                });
                waiting.detach();
            }
        }
    }

    fn go_on(self) {
        let state = lock(&self.inner.state);
        let stopping = state.run.as_ref().is_none_or(|run| run.stopping.is_some());
        drop(state);
        if stopping {
            self.end(Ok(()));
        } else {
            self.ask(false);
        }
    }
}

impl<L> Tick<L> {
    fn end(mut self, outcome: Result<(), Failure>) {
        self.give_back(outcome);
    }

    /// Makes the looping call ready to be started again, and settles the promise of
    /// this run.
    fn give_back(&mut self, outcome: Result<(), Failure>) {
        let Some(function) = self.function.take() else {
            return;
        };
        let mut state = lock(&self.inner.state);
        state.idle = Some(function);
        let run = state.run.take();
        drop(state);
        if let Some(mut run) = run {
            let outcome = outcome.and_then(|()| run.stopping.take().unwrap_or(Ok(())));
            run.settle(outcome);
        }
    }
}

impl<L> Drop for Tick<L> {
    /// The call, or the task that waits for its promise, was dropped: because the
    /// looping call was stopped, or else because the loop ended.
    fn drop(&mut self) {
        let stopped = {
            let state = lock(&self.inner.state);
            state.run.as_ref().is_some_and(|run| run.stopping.is_some())
        };
        self.give_back(if stopped {
            Ok(())
        } else {
            Err(Failure::cancelled(
                "the loop ended before the looping call was stopped",
            ))
        });
    }
}

impl<L> Clone for LoopingCall<L> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<L> fmt::Debug for LoopingCall<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopingCall")
            .field("running", &lock(&self.inner.state).running().is_ok())
            .finish_non_exhaustive()
    }
}

/// Why a looping call was not started, stopped or reset (SCHED-07).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoopingCallError {
    /// It was started already, or its last call has not ended.
    #[error("the looping call runs already; stop it, and await what `start` promised")]
    AlreadyRunning,
    /// It was never started, or has ended.
    #[error("the looping call does not run; `start` it first")]
    NotRunning,
}

impl From<LoopingCallError> for Failure {
    #[track_caller]
    fn from(error: LoopingCallError) -> Self {
        Self::new(error)
    }
}
