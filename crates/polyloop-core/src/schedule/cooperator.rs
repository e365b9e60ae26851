//! [`Cooperator`]: long work done a little at a time, beside everything else.
//!
//! Tasks that can go on stand in one queue and advance one step each, in turn. A
//! call of the loop makes steps until the budget is used up, then asks for the next
//! call, so that others get their turn.

mod task;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use slab::Slab;
use thiserror::Error;

pub use task::{CooperativeTask, NotPaused, TaskFinished};
use task::{Stepped, TaskCell};

use super::step::{IntoStep, Step, Wait};
use crate::event_loop::calls::Calls;
use crate::event_loop::spawner::Spawner;
use crate::event_loop::timers::Timers;
use crate::promise::Promise as _;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::sync::primitive::{Arc, Mutex, lock};

/// How long a cooperator works before others get their turn, unless said otherwise.
const BUDGET: Duration = Duration::from_millis(10);

type Steps = Guarded<Box<dyn Iterator<Item = Step> + Send>>;
type Enough = Guarded<Box<dyn FnMut(usize, Duration) -> bool + Send>>;

/// Advances iterators by turns, so that long work does not hold up the loop:
/// Twisted's `Cooperator`.
///
/// Each item of an iterator is a step: nothing, a result, or a promise that parks
/// the task until it settles (see [`IntoStep`]). Steps are made on the loop; what
/// one of them blocks, it blocks for all.
///
/// ```
/// use polyloop_core::{Failure, Loop, Promise, schedule::Cooperator};
///
/// async fn sum<L: Loop>(lp: &L, numbers: Vec<u64>) -> Result<(), Failure> {
///     let cooperator = Cooperator::new(lp);
///     let mut total = 0;
///     let task = cooperator.cooperate(numbers.into_iter().map(move |n| total += n));
///     task.when_done().await
/// }
/// ```
pub struct Cooperator<L> {
    shared: Arc<Shared<L>>,
}

struct Shared<L> {
    lp: L,
    state: Mutex<State>,
}

struct State {
    /// Asked after each step, with the steps and the time of this call so far.
    /// Absent while a call is being made.
    enough: Option<Enough>,
    tasks: Slab<Arc<TaskCell>>,
    ready: VecDeque<Arc<TaskCell>>,
    /// A call is asked for, or being made.
    scheduled: bool,
    stopped: bool,
}

impl<L: Calls + Timers + Spawner> Cooperator<L> {
    /// A cooperator that works for 10 ms of the loop's clock at a time.
    pub fn new(lp: &L) -> Self {
        Self::with_budget(lp, |_, elapsed| elapsed >= BUDGET)
    }

    /// A cooperator that asks `enough` after each step, with the number of steps and
    /// the time since the loop called it, whether it is to stop there until the next
    /// pass (SCHED-13). Where time does not pass by itself, as in a simulation,
    /// count steps.
    ///
    /// ```
    /// # use polyloop_core::{Loop, schedule::Cooperator};
    /// # fn example<L: Loop>(lp: &L) {
    /// let cooperator = Cooperator::with_budget(lp, |steps, _elapsed| steps >= 100);
    /// # }
    /// ```
    pub fn with_budget<E>(lp: &L, enough: E) -> Self
    where
        E: FnMut(usize, Duration) -> bool + Send + 'static,
    {
        Self {
            shared: Arc::new(Shared {
                lp: lp.clone(),
                state: Mutex::new(State {
                    enough: Some(Guarded::new(Box::new(enough))),
                    tasks: Slab::new(),
                    ready: VecDeque::new(),
                    scheduled: false,
                    stopped: false,
                }),
            }),
        }
    }

    /// Adds a task; its first step is made in a later pass. On a stopped cooperator
    /// it has failed already (SCHED-17).
    pub fn cooperate<I>(&self, steps: I) -> CooperativeTask<L>
    where
        I: IntoIterator<Item: IntoStep + 'static, IntoIter: Send + 'static>,
    {
        let steps: Steps = Guarded::new(Box::new(steps.into_iter().map(IntoStep::into_step)));
        let cell = Arc::new(TaskCell::new(steps));
        let task = CooperativeTask::new(&self.shared, &cell);
        let mut state = lock(&self.shared.state);
        if state.stopped {
            drop(state);
            cell.finish(Err(Failure::new(SchedulerStopped)));
            return task;
        }
        let key = state.tasks.insert(cell.clone());
        cell.set_key(key);
        drop(state);
        self.shared.make_ready(cell);
        task
    }

    /// Ends every task with [`SchedulerStopped`], now, and every later one
    /// (SCHED-17). Stopping twice is harmless.
    pub fn stop(&self) {
        lock(&self.shared.state).stopped = true;
        self.shared.end_all(|| Failure::new(SchedulerStopped));
    }

    /// How many tasks have not ended.
    pub fn task_count(&self) -> usize {
        lock(&self.shared.state).tasks.len()
    }
}

impl<L> Shared<L> {
    fn end_all(&self, failure: impl Fn() -> Failure) {
        let (tasks, ready) = {
            let mut state = lock(&self.state);
            let tasks: Vec<_> = state.tasks.drain().collect();
            (tasks, std::mem::take(&mut state.ready))
        };
        drop(ready);
        for task in tasks {
            task.finish(Err(failure()));
        }
    }

    /// Forgets a task that has ended.
    fn forget(&self, task: &Arc<TaskCell>) {
        let mut state = lock(&self.state);
        let known = task.key().filter(|key| {
            let at = state.tasks.get(*key);
            at.is_some_and(|at| Arc::ptr_eq(at, task))
        });
        let forgotten = known.map(|key| state.tasks.remove(key));
        drop(state);
        drop(forgotten);
    }
}

impl<L: Calls + Timers + Spawner> Shared<L> {
    /// Lets a task make its next step when its turn comes.
    fn make_ready(self: &Arc<Self>, task: Arc<TaskCell>) {
        let mut state = lock(&self.state);
        state.ready.push_back(task);
        let schedule = !std::mem::replace(&mut state.scheduled, true);
        drop(state);
        if schedule {
            self.schedule();
        }
    }

    fn schedule(self: &Arc<Self>) {
        let tick = Tick {
            shared: self.clone(),
            made: false,
        };
        if let Err(rejected) = self.lp.call_soon(move || tick.make()) {
            // The tasks fail with the better reason, before the tick is dropped.
            self.end_all(|| rejected.closed.into());
        }
    }

    fn park(self: &Arc<Self>, task: Arc<TaskCell>, promise: Wait) {
        let parked = Parked {
            shared: self.clone(),
            task: Some(task),
        };
        let waiting = self.lp.spawn(async move {
            let outcome = promise.into_inner().await;
            parked.settled(outcome);
        });
        waiting.detach();
    }

    /// Makes one step of a task.
    fn step(self: &Arc<Self>, task: Arc<TaskCell>) -> bool {
        match task.step() {
            Stepped::NotNow => return false,
            Stepped::Again => {
                let mut state = lock(&self.state);
                state.ready.push_back(task);
            }
            Stepped::Held => {}
            Stepped::Wait(promise) => self.park(task, promise),
            // Whoever waits for its end finds it gone already.
            Stepped::Ended(outcome) => {
                self.forget(&task);
                task.finish(outcome);
            }
        }
        true
    }
}

/// One call of the loop. If the loop drops it instead, the tasks end.
struct Tick<L> {
    shared: Arc<Shared<L>>,
    made: bool,
}

impl<L: Calls + Timers + Spawner> Tick<L> {
    fn make(mut self) {
        self.made = true;
        let shared = &self.shared;
        let began = shared.lp.now();
        let mut enough = lock(&shared.state).enough.take();
        let mut steps = 0;
        loop {
            let next = lock(&shared.state).ready.pop_front();
            let Some(task) = next else { break };
            if !shared.step(task) {
                continue;
            }
            steps += 1;
            let elapsed = shared.lp.now().saturating_duration_since(began);
            // A predicate that panics is no reason to hold up the loop.
            let stop = crate::promise::failure::catch(|| {
                Ok(enough.as_mut().is_none_or(|enough| enough(steps, elapsed)))
            });
            if stop.unwrap_or(true) {
                break;
            }
        }
        let more = {
            let mut state = lock(&shared.state);
            state.enough = enough;
            state.scheduled = !state.ready.is_empty();
            state.scheduled
        };
        if more {
            shared.schedule();
        }
    }
}

impl<L> Drop for Tick<L> {
    fn drop(&mut self) {
        if !self.made {
            lock(&self.shared.state).scheduled = false;
            self.shared
                .end_all(|| Failure::cancelled("the loop ended before the cooperative task"));
        }
    }
}

/// A task that waits for the promise of a step. If the loop drops it instead, the
/// task ends.
struct Parked<L> {
    shared: Arc<Shared<L>>,
    task: Option<Arc<TaskCell>>,
}

impl<L: Calls + Timers + Spawner> Parked<L> {
    fn settled(mut self, outcome: Result<(), Failure>) {
        let Some(task) = self.task.take() else { return };
        match outcome {
            Ok(()) => {
                if task.unpark() {
                    self.shared.make_ready(task);
                }
            }
            Err(failure) => {
                self.shared.forget(&task);
                task.finish(Err(failure));
            }
        }
    }
}

impl<L> Drop for Parked<L> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.shared.forget(&task);
            task.finish(Err(Failure::cancelled(
                "the loop ended before the promise of a step settled",
            )));
        }
    }
}

impl<L> Clone for Cooperator<L> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<L> fmt::Debug for Cooperator<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.shared.state);
        f.debug_struct("Cooperator")
            .field("tasks", &state.tasks.len())
            .field("stopped", &state.stopped)
            .finish_non_exhaustive()
    }
}

/// What a task fails with when its [`Cooperator`] was stopped.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the cooperator was stopped, and its tasks with it")]
#[non_exhaustive]
pub struct SchedulerStopped;
