//! The roll of a task group: who is in it, what has failed, and whether it is
//! closing.
//!
//! Nothing is cancelled, woken or dropped under its lock, since any of that may
//! lead back here.

use std::collections::HashMap;
use std::task::Waker;

use super::GroupClosed;
use crate::event_loop::spawner::Spawner;
use crate::promise::Promise;
use crate::promise::failure::Failure;
use crate::promise::report::report_here;
use crate::sync::primitive::{Arc, Mutex, lock};

pub(super) struct Roll<S: Spawner>(Mutex<State<S>>);

/// A task's number in its group. It is never used again, so a late cancel can't
/// meet another task.
pub(super) type Number = u64;

struct State<S: Spawner> {
    members: HashMap<Number, Entry<S>>,
    next: Number,
    failures: HashMap<Number, Failed>,
    /// Why its tasks are to end.
    closing: Option<String>,
    /// Why the join was cancelled.
    cancelled: Option<String>,
    /// The join has settled.
    over: bool,
    /// Nobody will join it.
    abandoned: bool,
    waiter: Option<Waker>,
}

impl<S: Spawner> State<S> {
    /// In the order in which they came.
    fn take_failures(&mut self) -> Vec<Failed> {
        let mut failures: Vec<_> = std::mem::take(&mut self.failures).into_values().collect();
        failures.sort_unstable_by_key(|failed| failed.place);
        failures
    }
}

struct Entry<S: Spawner> {
    /// Empty until the spawn has returned. A handle need not be `Sync`.
    task: Option<Arc<Mutex<S::Task<()>>>>,
    /// Why it is to end.
    cancel: Option<String>,
}

struct Failed {
    /// How many had failed before.
    place: usize,
    failure: Failure,
    /// Whoever awaited the task's own handle has it.
    seen: bool,
}

/// How a group ended.
pub(super) struct Ending {
    pub(super) failures: Vec<Failure>,
    pub(super) cancelled: Option<String>,
}

impl<S: Spawner> Roll<S> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            members: HashMap::new(),
            next: 0,
            failures: HashMap::new(),
            closing: None,
            cancelled: None,
            over: false,
            abandoned: false,
            waiter: None,
        }))
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.0).members.len()
    }

    /// Enters a task that is about to be spawned.
    pub(super) fn enter(&self) -> Result<Number, GroupClosed> {
        let mut state = lock(&self.0);
        if state.over || state.closing.is_some() {
            return Err(GroupClosed);
        }
        let number = state.next;
        state.next += 1;
        let entry = Entry {
            task: None,
            cancel: None,
        };
        state.members.insert(number, entry);
        Ok(number)
    }

    /// The task has been spawned. By now it may have ended, or be cancelled.
    pub(super) fn started(&self, number: Number, task: S::Task<()>) {
        let task = Arc::new(Mutex::new(task));
        let mut state = lock(&self.0);
        let Some(entry) = state.members.get_mut(&number) else {
            drop(state);
            return;
        };
        entry.task = Some(task.clone());
        let cancel = entry.cancel.clone();
        drop(state);
        if let Some(reason) = cancel {
            lock(&task).cancel(&reason);
        }
    }

    /// The task's failure. The first one ends the group.
    pub(super) fn fail(&self, number: Number, failure: Failure) {
        let mut state = lock(&self.0);
        if state.abandoned {
            drop(state);
            report(&failure);
            return;
        }
        let failed = Failed {
            place: state.failures.len(),
            failure,
            seen: false,
        };
        state.failures.insert(number, failed);
        drop(state);
        self.close("another task of its group failed");
    }

    /// Nobody will join the group, or somebody has: takes no more tasks, cancels those
    /// it has, and reports the failures that nobody has seen (PROM-32).
    pub(super) fn abandon(&self) {
        self.close("its task group was dropped");
        let unseen = {
            let mut state = lock(&self.0);
            state.abandoned = true;
            state.take_failures()
        };
        for failed in unseen.iter().filter(|failed| !failed.seen) {
            report(&failed.failure);
        }
    }

    /// The task has been dropped. Gives the reason if it was asked to end.
    pub(super) fn leave(&self, number: Number) -> Option<String> {
        let mut state = lock(&self.0);
        let entry = state.members.remove(&number);
        let waiter = if state.members.is_empty() {
            state.waiter.take()
        } else {
            None
        };
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        entry.and_then(|entry| entry.cancel)
    }

    /// Whether the task was asked to end.
    pub(super) fn is_asked(&self, number: Number) -> bool {
        let state = lock(&self.0);
        let entry = state.members.get(&number);
        entry.is_some_and(|entry| entry.cancel.is_some())
    }

    /// Takes no more tasks, and cancels those it has.
    pub(super) fn close(&self, reason: &str) {
        let mut state = lock(&self.0);
        if state.closing.is_some() {
            return;
        }
        state.closing = Some(reason.to_owned());
        let mut asked: Vec<_> = state
            .members
            .iter_mut()
            .filter(|(_, entry)| entry.cancel.is_none())
            .filter_map(|(number, entry)| {
                entry.cancel = Some(reason.to_owned());
                Some((*number, entry.task.clone()?))
            })
            .collect();
        drop(state);
        // The order of a hash map differs from run to run.
        asked.sort_unstable_by_key(|(number, _)| *number);
        for (_, task) in asked {
            lock(&task).cancel(reason);
        }
    }

    /// Closes it because the join was cancelled. False if it is over.
    pub(super) fn cancel(&self, reason: &str) -> bool {
        {
            let mut state = lock(&self.0);
            if state.members.is_empty() {
                return false;
            }
            state.cancelled.get_or_insert_with(|| reason.to_owned());
        }
        self.close(reason);
        true
    }

    /// How it ended, if it has. Otherwise `waker` is woken then.
    pub(super) fn poll_over(&self, waker: &Waker) -> Option<Ending> {
        let mut state = lock(&self.0);
        if !state.members.is_empty() {
            let old = state.waiter.replace(waker.clone());
            drop(state);
            drop(old);
            return None;
        }
        state.over = true;
        Some(Ending {
            failures: state
                .take_failures()
                .into_iter()
                .map(|failed| failed.failure)
                .collect(),
            cancelled: state.cancelled.take(),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        lock(&self.0).members.is_empty()
    }
}

fn report(failure: &Failure) {
    if !failure.is_cancelled() {
        report_here("a task failed and nobody joined its group", failure);
    }
}

/// What the handle of one task does with its group, whatever loop it is on.
pub(super) trait Group: Send + Sync {
    /// Cancels the task.
    fn cancel_one(&self, number: Number, reason: &str) -> bool;

    /// The task's failure was given to whoever awaited its handle.
    fn failure_seen(&self, number: Number);
}

impl<S: Spawner> Group for Roll<S> {
    fn failure_seen(&self, number: Number) {
        if let Some(failed) = lock(&self.0).failures.get_mut(&number) {
            failed.seen = true;
        }
    }

    fn cancel_one(&self, number: Number, reason: &str) -> bool {
        let mut state = lock(&self.0);
        let Some(entry) = state.members.get_mut(&number) else {
            return false;
        };
        entry.cancel.get_or_insert_with(|| reason.to_owned());
        let task = entry.task.clone();
        drop(state);
        // Without a handle it is being spawned, and cancelled once it has one.
        task.is_none_or(|task| lock(&task).cancel(reason))
    }
}
