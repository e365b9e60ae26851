//! The table of a loop's suspended tasks: how a task is found in order to
//! cancel it, and how the end of a run knows that all of them have gone.
//!
//! A task enters the table when it is first suspended, so one that finishes at
//! its first poll touches no lock. A handle and its task share nothing but the
//! task's number, which keeps `spawn` at the runtime's own single allocation.

#[cfg(all(test, loom))]
mod models;

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::panic::Location;
use std::task::Waker;

use rustc_hash::FxBuildHasher;

use crate::sync::primitive::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::primitive::{Mutex, MutexGuard, lock};

/// Numbers grow with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(u64);

/// Why a task is to end.
pub(crate) enum Cancel {
    /// It may take the reason in `catch_cancel` and go on.
    Ask(String),
    /// It may not.
    Kill,
}

impl Cancel {
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::Ask(reason) => reason,
            Self::Kill => LOOP_ENDED.to_owned(),
        }
    }
}

const LOOP_ENDED: &str = "the loop ended";

/// More shards than cores would be idle; fewer would be waited for. A model of the table
/// is told all there is by one.
const SHARDS: usize = if cfg!(all(test, loom)) { 1 } else { 8 };

pub(crate) struct TaskTable {
    counts: Counts,
    /// Every task below this number is to end.
    ending: AtomicU64,
    /// Every task below this number is dropped, whatever it waits for.
    killed: AtomicU64,
    /// How many cancels have not been picked up. A poll looks at this number instead
    /// of taking a lock.
    cancels: AtomicUsize,
    shards: [Mutex<Shard>; SHARDS],
    /// Tasks whose failure nobody minds, and how many they are: the end of a task
    /// looks at the number instead of taking the lock.
    ignored: Mutex<HashSet<TaskId>>,
    ignored_count: AtomicUsize,
    /// Who waits for `alive` to reach zero.
    idle: Mutex<Option<Waker>>,
}

/// Written by every task, while the rest of the table is mostly read: on a line of
/// their own they hold no poll up.
#[repr(align(128))]
struct Counts {
    next: AtomicU64,
    /// Tasks that have been dropped. The rest of those numbered are alive.
    ended: AtomicU64,
}

/// Two maps, because there are many suspended tasks and seldom a cancel. Nobody outside
/// chooses the numbers, so they need no hash that withstands an attack.
#[derive(Default)]
struct Shard {
    suspended: HashMap<TaskId, Suspended, FxBuildHasher>,
    /// Why tasks are to end that have not been told yet.
    cancels: HashMap<TaskId, String, FxBuildHasher>,
}

struct Suspended {
    waker: Waker,
    location: &'static Location<'static>,
}

impl TaskTable {
    pub(crate) fn new() -> Self {
        Self {
            counts: Counts {
                next: AtomicU64::new(1),
                ended: AtomicU64::new(0),
            },
            ending: AtomicU64::new(0),
            killed: AtomicU64::new(0),
            cancels: AtomicUsize::new(0),
            shards: std::array::from_fn(|_| Mutex::default()),
            ignored: Mutex::default(),
            ignored_count: AtomicUsize::new(0),
            idle: Mutex::new(None),
        }
    }

    /// Numbers a new task, and thereby counts it.
    #[inline]
    pub(crate) fn begin(&self) -> TaskId {
        TaskId(self.counts.next.fetch_add(1, Ordering::SeqCst))
    }

    /// Uncounts a task whose future has been dropped.
    #[inline]
    pub(crate) fn end(&self) {
        // What the future's destructors did happens before `run` returns.
        let ended = self.counts.ended.fetch_add(1, Ordering::SeqCst) + 1;
        if ended == self.begun() {
            self.wake_idle();
        }
    }

    #[cold]
    fn wake_idle(&self) {
        let waker = lock(&self.idle).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn begun(&self) -> u64 {
        self.counts.next.load(Ordering::SeqCst) - 1
    }

    /// How many tasks are alive.
    pub(crate) fn alive(&self) -> u64 {
        // In this order it is never less than there are.
        let ended = self.counts.ended.load(Ordering::SeqCst);
        self.begun() - ended
    }

    /// Wakes `waker` once no task is alive. True if none is now.
    pub(crate) fn wake_when_idle(&self, waker: &Waker) -> bool {
        let old = lock(&self.idle).replace(waker.clone());
        drop(old);
        self.alive() == 0
    }

    fn shard(&self, id: TaskId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::try_from(id.0 % SHARDS as u64).unwrap_or(0)])
    }

    /// Notes that the task is suspended, and how to wake it. False if it has been
    /// cancelled meanwhile: its caller looks again instead of sleeping.
    pub(crate) fn suspend(
        &self,
        id: TaskId,
        told_to_end: bool,
        waker: &Waker,
        location: &'static Location<'static>,
    ) -> bool {
        let waker = waker.clone();
        let mut shard = self.shard(id);
        let known = shard.suspended.insert(id, Suspended { waker, location });
        // The limits are raised before the shards are walked, so a task that
        // comes too late for the walk sees them here.
        let sleeps = !shard.cancels.contains_key(&id)
            && (told_to_end || id.0 >= self.ending.load(Ordering::SeqCst))
            && id.0 >= self.killed.load(Ordering::SeqCst);
        // Dropping a waker may run code of others.
        drop(shard);
        drop(known);
        sleeps
    }

    /// Removes a task that ends, if it was `suspended` or may have been cancelled.
    #[inline]
    pub(crate) fn forget(&self, id: TaskId, suspended: bool) {
        if suspended || self.has_cancels() {
            self.remove(id);
        }
    }

    fn remove(&self, id: TaskId) {
        let mut shard = self.shard(id);
        let known = shard.suspended.remove(&id);
        self.take_note(&mut shard, id);
        // Dropping a waker may run code of others.
        drop(shard);
        drop(known);
    }

    fn take_note(&self, shard: &mut Shard, id: TaskId) -> Option<String> {
        // Most often there is none, and nothing to be hashed for.
        if shard.cancels.is_empty() {
            return None;
        }
        let reason = shard.cancels.remove(&id)?;
        self.cancels.fetch_sub(1, Ordering::Relaxed);
        Some(reason)
    }

    /// The reason of a cancel that its task has not read.
    pub(crate) fn noted(&self, id: TaskId) -> Option<String> {
        self.shard(id).cancels.get(&id).cloned()
    }

    /// Takes back a cancel that its task has not read. False if it has.
    pub(crate) fn retract(&self, id: TaskId) -> bool {
        self.take_note(&mut self.shard(id), id).is_some()
    }

    /// Notes that nobody minds what the task fails with. Its handle says so, and is
    /// still there; so the outcome, which lives as long, finds the note.
    pub(crate) fn ignore_failure(&self, id: TaskId) {
        if lock(&self.ignored).insert(id) {
            self.ignored_count.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether that was noted. Forgets it: the task is over.
    pub(crate) fn is_failure_ignored(&self, id: TaskId) -> bool {
        let ignored = lock(&self.ignored).remove(&id);
        if ignored {
            self.ignored_count.fetch_sub(1, Ordering::Relaxed);
        }
        ignored
    }

    /// Forgets what a handle noted for a task that is over: perhaps after it ended.
    #[inline]
    pub(crate) fn close(&self, id: TaskId) {
        if self.ignored_count.load(Ordering::Acquire) > 0 || self.has_cancels() {
            self.forget_notes(id);
        }
    }

    #[cold]
    fn forget_notes(&self, id: TaskId) {
        self.is_failure_ignored(id);
        self.retract(id);
    }

    /// Whether some task may have a cancel that it has not read.
    #[inline]
    pub(crate) fn has_cancels(&self) -> bool {
        self.cancels.load(Ordering::Acquire) > 0
    }

    /// Takes the cancel that is waiting for this task. The end of the loop is told
    /// to each task once; `told_to_end` remembers it.
    #[inline]
    pub(crate) fn take_cancel(&self, id: TaskId, told_to_end: &mut bool) -> Option<Cancel> {
        if id.0 >= self.ending.load(Ordering::Acquire) && !self.has_cancels() {
            return None;
        }
        self.look_for_cancel(id, told_to_end)
    }

    #[cold]
    fn look_for_cancel(&self, id: TaskId, told_to_end: &mut bool) -> Option<Cancel> {
        if id.0 < self.ending.load(Ordering::Acquire) {
            if id.0 < self.killed.load(Ordering::Acquire) {
                return Some(Cancel::Kill);
            }
            if !std::mem::replace(told_to_end, true) {
                return Some(Cancel::Ask(LOOP_ENDED.to_owned()));
            }
        }
        if !self.has_cancels() {
            return None;
        }
        self.take_note(&mut self.shard(id), id).map(Cancel::Ask)
    }

    /// Asks one task to end. True if it was not suspended, so that the request was
    /// left for it to find.
    pub(crate) fn cancel(&self, id: TaskId, reason: &str) -> bool {
        let mut shard = self.shard(id);
        if let Entry::Vacant(note) = shard.cancels.entry(id) {
            note.insert(reason.to_owned());
            self.cancels.fetch_add(1, Ordering::Release);
        }
        let waker = shard.suspended.get(&id).map(|task| task.waker.clone());
        drop(shard);
        match waker {
            Some(waker) => {
                waker.wake();
                false
            }
            None => true,
        }
    }

    /// Asks every task to end, those too that are spawned while it lasts.
    pub(crate) fn end_all(&self) {
        self.ending.store(u64::MAX, Ordering::SeqCst);
        self.wake_all();
    }

    /// Drops every task that is still suspended, whatever it waits for.
    pub(crate) fn kill_all(&self) {
        self.killed.store(u64::MAX, Ordering::SeqCst);
        self.wake_all();
    }

    /// Lets tasks be spawned again after [`end_all`](Self::end_all). Those of
    /// before still end.
    pub(crate) fn reopen(&self) {
        let next = self.counts.next.load(Ordering::SeqCst);
        self.ending.store(next, Ordering::SeqCst);
        self.killed.store(next, Ordering::SeqCst);
    }

    fn wake_all(&self) {
        for shard in &self.shards {
            let shard = lock(shard);
            if shard.suspended.is_empty() {
                continue;
            }
            let suspended = shard.suspended.iter();
            let mut wakers: Vec<(TaskId, Waker)> = suspended
                .map(|(id, task)| (*id, task.waker.clone()))
                .collect();
            drop(shard);
            // A hash map has no order of its own.
            wakers.sort_unstable_by_key(|(id, _)| *id);
            for (_, waker) in wakers {
                waker.wake();
            }
        }
    }

    /// Where the suspended tasks were spawned, in the order of spawning.
    pub(crate) fn locations(&self) -> Vec<&'static Location<'static>> {
        let mut found: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| {
                lock(shard)
                    .suspended
                    .iter()
                    .map(|(id, task)| (*id, task.location))
                    .collect::<Vec<_>>()
            })
            .collect();
        found.sort_by_key(|(id, _)| *id);
        found.into_iter().map(|(_, location)| location).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_that_comes_after_the_end_of_its_task_is_forgotten_with_the_outcome() {
        let table = TaskTable::new();
        let (late, other) = (table.begin(), table.begin());
        table.forget(late, false);
        table.end();
        assert!(table.cancel(late, "too late"));
        assert!(table.has_cancels());
        table.close(other);
        assert!(table.has_cancels(), "it was not that one's");
        table.close(late);
        assert!(!table.has_cancels());
        assert!(!table.retract(late));
    }

    #[test]
    fn a_cancel_that_came_before_the_first_suspension_keeps_the_task_awake() {
        let table = TaskTable::new();
        let (task, mut told) = (table.begin(), false);
        assert!(table.take_cancel(task, &mut told).is_none());
        assert!(table.cancel(task, "early"));
        let sleeps = table.suspend(task, told, Waker::noop(), Location::caller());
        assert!(!sleeps);
        let cancel = table.take_cancel(task, &mut told);
        assert_eq!(cancel.map(Cancel::into_reason).as_deref(), Some("early"));
        assert!(table.suspend(task, told, Waker::noop(), Location::caller()));
        assert!(!table.cancel(task, "again"), "it was suspended");
    }
}
