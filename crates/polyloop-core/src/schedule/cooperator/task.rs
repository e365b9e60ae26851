//! [`CooperativeTask`]: one iterator in the hands of a cooperator, and what its
//! owner may do to it.

use std::fmt;

use thiserror::Error;

use super::{SchedulerStopped, Shared, Steps};
use crate::event_loop::calls::Calls;
use crate::event_loop::spawner::Spawner;
use crate::event_loop::timers::Timers;
use crate::promise::crowd::Crowd;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::schedule::step::{Kind, Step, Wait};
use crate::sync::primitive::{Arc, Mutex, lock};

/// One task of a [`Cooperator`](super::Cooperator). Clones are handles of the same
/// task, which goes on when all are dropped.
pub struct CooperativeTask<L> {
    shared: Arc<Shared<L>>,
    cell: Arc<TaskCell>,
}

pub(super) struct TaskCell(Mutex<State>);

struct State {
    /// Absent while a step is made, and when the task has ended.
    steps: Option<Steps>,
    /// It is in the queue of those that can go on, or making a step.
    queued: bool,
    /// A promise of a step has yet to settle.
    parked: bool,
    pauses: usize,
    ended: Option<Ended>,
    /// Somebody was told how it ended.
    observed: bool,
    waiters: Crowd<Resolver<()>>,
    key: Option<usize>,
}

#[derive(Clone)]
enum Ended {
    Done,
    Stopped,
    Failed(Failure),
}

/// What came of a turn.
pub(super) enum Stepped {
    /// It was not its turn after all: paused, parked or ended.
    NotNow,
    /// A step was made, and the task can go on.
    Again,
    /// A step was made, and the task was paused or stopped meanwhile.
    Held,
    /// A step was made, and has to be waited for.
    Wait(Wait),
    /// That was the last step; the task has yet to be told its end.
    Ended(Result<(), Failure>),
}

impl TaskCell {
    pub(super) fn new(steps: Steps) -> Self {
        Self(Mutex::new(State {
            steps: Some(steps),
            queued: true,
            parked: false,
            pauses: 0,
            ended: None,
            observed: false,
            waiters: Crowd::default(),
            key: None,
        }))
    }

    pub(super) fn set_key(&self, key: usize) {
        lock(&self.0).key = Some(key);
    }

    pub(super) fn key(&self) -> Option<usize> {
        lock(&self.0).key
    }

    /// Makes one step, if it may.
    pub(super) fn step(&self) -> Stepped {
        let mut state = lock(&self.0);
        if state.pauses > 0 || state.parked {
            state.queued = false;
            return Stepped::NotNow;
        }
        let Some(mut steps) = state.steps.take() else {
            return Stepped::NotNow;
        };
        drop(state);
        let step = match catch(|| Ok(steps.next().map(Step::kind))) {
            Ok(Some(Kind::Wait(promise))) => Ok(Some(promise)),
            Ok(Some(Kind::Done(Ok(())))) => Ok(None),
            Ok(Some(Kind::Done(Err(failure)))) | Err(failure) => Err(Err(failure)),
            Ok(None) => Err(Ok(())),
        };
        let wait = match step {
            Ok(wait) => wait,
            Err(outcome) => return Stepped::Ended(outcome),
        };
        let mut state = lock(&self.0);
        if state.ended.is_some() {
            // Stopped by its own step, or from another thread.
            drop(state);
            drop(steps);
            return Stepped::Held;
        }
        state.steps = Some(steps);
        if let Some(promise) = wait {
            state.parked = true;
            state.queued = false;
            return Stepped::Wait(promise);
        }
        state.queued = state.pauses == 0;
        if state.queued {
            Stepped::Again
        } else {
            Stepped::Held
        }
    }

    /// The promise of a step has settled. True if the task is to be queued.
    pub(super) fn unpark(&self) -> bool {
        let mut state = lock(&self.0);
        state.parked = false;
        state.queue()
    }

    /// Ends the task; the first end counts.
    pub(super) fn finish(&self, outcome: Result<(), Failure>) {
        self.end(match outcome {
            Ok(()) => Ended::Done,
            Err(failure) => Ended::Failed(failure),
        });
    }

    fn end(&self, ended: Ended) {
        let mut state = lock(&self.0);
        if state.ended.is_some() {
            return;
        }
        let outcome = ended.outcome();
        state.ended = Some(ended);
        let waiters = state.waiters.leave();
        let steps = state.steps.take();
        drop(state);
        // Only now is the lock gone: an iterator may hold anything.
        drop(steps);
        let mut told = false;
        for waiter in waiters {
            // One that no longer waits is passed over.
            told |= match outcome.clone() {
                Ok(()) => waiter.resolve(()).is_ok(),
                Err(failure) => waiter.reject(failure).is_ok(),
            };
        }
        lock(&self.0).observed |= told;
    }
}

impl State {
    /// True if it is to be put into the queue.
    fn queue(&mut self) -> bool {
        let can = self.pauses == 0 && !self.parked && self.ended.is_none() && !self.queued;
        self.queued |= can;
        can
    }

    fn check(&self) -> Result<(), TaskFinished> {
        match &self.ended {
            None => Ok(()),
            Some(Ended::Done) => Err(TaskFinished::Done),
            Some(Ended::Stopped) => Err(TaskFinished::Stopped),
            Some(Ended::Failed(failure)) => Err(TaskFinished::Failed(failure.clone())),
        }
    }
}

impl Ended {
    fn outcome(&self) -> Result<(), Failure> {
        match self {
            Self::Done => Ok(()),
            Self::Stopped => Err(Failure::new(TaskFinished::Stopped)),
            Self::Failed(failure) => Err(failure.clone()),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let (Some(Ended::Failed(failure)), false) = (&self.ended, self.observed)
            && !failure.is_cancelled()
            // Stopping all of them is a choice and not a fault.
            && failure.downcast_ref::<SchedulerStopped>().is_none()
        {
            report_here(
                "a cooperative task failed and nobody asked for its end",
                failure,
            );
        }
    }
}

impl<L> CooperativeTask<L> {
    pub(super) fn new(shared: &Arc<Shared<L>>, cell: &Arc<TaskCell>) -> Self {
        Self {
            shared: shared.clone(),
            cell: cell.clone(),
        }
    }

    /// Makes no further step until it is [resumed](Self::resume) as often as it was
    /// paused (SCHED-15).
    pub fn pause(&self) -> Result<(), TaskFinished> {
        let mut state = lock(&self.cell.0);
        state.check()?;
        state.pauses += 1;
        Ok(())
    }

    /// Ends the task before its time: who waits for it gets
    /// [`TaskFinished::Stopped`]. A promise that it waits for is left to itself.
    pub fn stop(&self) -> Result<(), TaskFinished> {
        lock(&self.cell.0).check()?;
        self.shared.forget(&self.cell);
        self.cell.end(Ended::Stopped);
        Ok(())
    }

    /// Waits for the end of the task. May be asked many times, before and after
    /// (SCHED-16).
    pub fn when_done(&self) -> Deferred<()> {
        let mut state = lock(&self.cell.0);
        if let Some(ended) = &state.ended {
            let outcome = ended.outcome();
            state.observed = true;
            drop(state);
            return outcome.map_or_else(Deferred::failed, Deferred::resolved);
        }
        let (promise, left) = state.waiters.wait();
        drop(state);
        drop(left);
        promise
    }
}

impl<L: Calls + Timers + Spawner> CooperativeTask<L> {
    /// Takes one [`pause`](Self::pause) back (SCHED-15).
    pub fn resume(&self) -> Result<(), NotPaused> {
        let mut state = lock(&self.cell.0);
        state.check().map_err(NotPaused::Finished)?;
        state.pauses = state.pauses.checked_sub(1).ok_or(NotPaused::Running)?;
        let queue = state.queue();
        drop(state);
        if queue {
            self.shared.make_ready(self.cell.clone());
        }
        Ok(())
    }
}

impl<L> Clone for CooperativeTask<L> {
    fn clone(&self) -> Self {
        Self::new(&self.shared, &self.cell)
    }
}

impl<L> fmt::Debug for CooperativeTask<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.cell.0);
        f.debug_struct("CooperativeTask")
            .field("pauses", &state.pauses)
            .field("ended", &state.check())
            .finish_non_exhaustive()
    }
}

/// What was asked of a cooperative task that had ended (SCHED-16).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TaskFinished {
    /// It had made all its steps.
    #[error("the cooperative task is done already")]
    Done,
    /// It had been stopped.
    #[error("the cooperative task was stopped")]
    Stopped,
    /// It had failed.
    #[error("the cooperative task has failed: {0}")]
    Failed(Failure),
}

/// Why a cooperative task was not resumed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum NotPaused {
    /// It was resumed as often as it was paused.
    #[error("the cooperative task is not paused")]
    Running,
    /// It had ended.
    #[error(transparent)]
    Finished(TaskFinished),
}

impl From<TaskFinished> for Failure {
    #[track_caller]
    fn from(error: TaskFinished) -> Self {
        Self::new(error)
    }
}

impl From<NotPaused> for Failure {
    #[track_caller]
    fn from(error: NotPaused) -> Self {
        Self::new(error)
    }
}
