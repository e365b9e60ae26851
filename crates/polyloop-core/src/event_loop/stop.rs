//! Asking a run to stop.
//!
//! It counts for the run that is under way and for no other: while that winds up there is
//! nothing left to be stopped, and a run that begins has not been asked yet. So no stop,
//! whenever it comes, keeps a later run's calls from being made.

use std::task::Waker;

use crate::event_loop::calls::CallQueue;
use crate::event_loop::state::LoopState;
use crate::promise::discard::wake;
use crate::sync::primitive::{Arc, Mutex, lock};

pub(crate) struct StopRequest {
    /// Halted by a stop, and by nobody else, under this lock.
    calls: Arc<CallQueue>,
    run: Mutex<Run>,
}

#[derive(Default)]
struct Run {
    stage: Stage,
    asked: bool,
    /// Who ends the run.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// There is no run.
    #[default]
    Idle,
    Running,
    WindingUp,
}

impl StopRequest {
    pub(crate) fn new(calls: &Arc<CallQueue>) -> Self {
        Self {
            calls: calls.clone(),
            run: Mutex::default(),
        }
    }

    /// Asks the run to stop: no further pass of its calls begins. False if there is none.
    pub(crate) fn ask(&self) -> bool {
        let mut run = lock(&self.run);
        match run.stage {
            Stage::Idle => return false,
            Stage::WindingUp => return true,
            Stage::Running => {}
        }
        run.asked = true;
        self.calls.halt();
        let waker = run.waker.clone();
        drop(run);
        if let Some(waker) = waker {
            wake(waker);
        }
        true
    }

    /// Whether the run was asked to stop; otherwise `waker` is woken when it is.
    pub(crate) fn is_asked(&self, waker: &Waker) -> bool {
        let mut run = lock(&self.run);
        let known = run.waker.as_ref().is_some_and(|w| w.will_wake(waker));
        let old = if run.asked || known {
            None
        } else {
            run.waker.replace(waker.clone())
        };
        let asked = run.asked;
        drop(run);
        drop(old);
        asked
    }

    /// A run begins. `waker` is woken whenever it is asked to stop.
    pub(crate) fn begin(&self, waker: Option<Waker>) {
        self.enter(Run {
            stage: Stage::Running,
            asked: false,
            waker,
        });
    }

    /// The run is over.
    pub(crate) fn end(&self) {
        self.enter(Run::default());
    }

    /// From here until the guard is dropped the run winds up.
    pub(crate) fn wind_up(&self) -> WindingUp<'_> {
        let mut run = lock(&self.run);
        if run.stage == Stage::Running {
            run.stage = Stage::WindingUp;
        }
        self.calls.halt();
        WindingUp(self)
    }

    /// What was asked of the run so far no longer counts.
    pub(crate) fn withdraw(&self) {
        let mut run = lock(&self.run);
        run.asked = false;
        if run.stage == Stage::WindingUp {
            run.stage = Stage::Running;
        }
        self.calls.resume();
    }

    fn enter(&self, run: Run) {
        let mut known = lock(&self.run);
        let old = std::mem::replace(&mut *known, run);
        self.calls.resume();
        drop(known);
        // Dropping a waker may run code of others.
        drop(old);
    }
}

impl LoopState {
    /// Stops the run that is under way, or, if there is none, whichever comes next. True if
    /// it was the one under way.
    pub(crate) fn stop_this_run_or_the_next(self: &Arc<Self>) -> bool {
        loop {
            if self.stop.ask() {
                return true;
            }
            let next = Arc::downgrade(self);
            let stop = move || {
                if let Some(state) = next.upgrade() {
                    state.stop.ask();
                }
            };
            if self.wait_for_run(stop).is_none() {
                return false;
            }
            // A run has begun meanwhile: that is the one to be asked.
        }
    }
}

/// A run winds up until this is dropped. A loop that goes on after it, since it is one of
/// several in a run, can be stopped again.
pub(crate) struct WindingUp<'a>(&'a StopRequest);

impl Drop for WindingUp<'_> {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}
