//! The table of a loop's suspended tasks: how a task is found in order to
//! cancel it, and how the end of a run knows that all of them have gone.
//!
//! A task enters the table when it is first suspended, so one that finishes at
//! its first poll touches no lock. A handle and its task share nothing but the
//! task's number, which keeps `spawn` at the runtime's own single allocation.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use crate::lock::lock;

/// Numbers grow with time; zero is no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(u64);

impl TaskId {
    pub(crate) const NONE: Self = Self(0);
}

/// Why a task is to end.
pub(crate) enum Cancel {
    /// It may take the reason in `catch_cancel` and go on.
    Ask(String),
    /// It may not.
    Kill,
}

/// More shards than cores would be idle; fewer would be waited for.
const SHARDS: usize = 8;

pub(crate) struct TaskTable {
    next: AtomicU64,
    /// Every task below this number is to end.
    ending: AtomicU64,
    /// Every task below this number is dropped, whatever it waits for.
    killed: AtomicU64,
    /// Tasks that have been dropped. The rest of those numbered are alive.
    ended: AtomicU64,
    shards: [Shard; SHARDS],
    /// Tasks whose failure nobody minds, and how many they are: the end of a task
    /// looks at the number instead of taking the lock.
    ignored: Mutex<HashSet<TaskId>>,
    ignored_count: AtomicUsize,
    /// Who waits for `alive` to reach zero.
    idle: Mutex<Option<Waker>>,
}

#[derive(Default)]
struct Shard {
    /// How many entries carry a cancel that has not been picked up. A poll looks
    /// at this number instead of taking the lock.
    cancels: AtomicUsize,
    entries: Mutex<HashMap<TaskId, Entry>>,
}

#[derive(Default)]
struct Entry {
    waker: Option<Waker>,
    location: Option<&'static Location<'static>>,
    cancel: Option<String>,
}

impl TaskTable {
    pub(crate) fn new() -> Self {
        Self {
            next: AtomicU64::new(1),
            ending: AtomicU64::new(0),
            killed: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Shard::default()),
            ignored: Mutex::default(),
            ignored_count: AtomicUsize::new(0),
            idle: Mutex::new(None),
        }
    }

    /// Numbers a new task, and thereby counts it.
    pub(crate) fn begin(&self) -> TaskId {
        TaskId(self.next.fetch_add(1, Ordering::SeqCst))
    }

    /// Uncounts a task whose future has been dropped.
    pub(crate) fn end(&self) {
        // What the future's destructors did happens before `run` returns.
        let ended = self.ended.fetch_add(1, Ordering::SeqCst) + 1;
        if ended == self.begun() {
            let waker = lock(&self.idle).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn begun(&self) -> u64 {
        self.next.load(Ordering::SeqCst) - 1
    }

    /// How many tasks are alive.
    pub(crate) fn alive(&self) -> u64 {
        // In this order it is never less than there are.
        let ended = self.ended.load(Ordering::SeqCst);
        self.begun() - ended
    }

    /// Wakes `waker` once no task is alive. True if none is now.
    pub(crate) fn wake_when_idle(&self, waker: &Waker) -> bool {
        *lock(&self.idle) = Some(waker.clone());
        self.alive() == 0
    }

    fn shard(&self, id: TaskId) -> &Shard {
        &self.shards[usize::try_from(id.0 % SHARDS as u64).unwrap_or(0)]
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
        let shard = self.shard(id);
        let mut entries = lock(&shard.entries);
        let entry = entries.entry(id).or_default();
        entry.waker = Some(waker.clone());
        entry.location = Some(location);
        // The limits are raised before the shards are walked, so a task that
        // comes too late for the walk sees them here.
        entry.cancel.is_none()
            && (told_to_end || id.0 >= self.ending.load(Ordering::SeqCst))
            && id.0 >= self.killed.load(Ordering::SeqCst)
    }

    /// Removes a task that ends.
    pub(crate) fn forget(&self, id: TaskId) {
        let shard = self.shard(id);
        let removed = lock(&shard.entries).remove(&id);
        if removed.is_some_and(|entry| entry.cancel.is_some()) {
            shard.cancels.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Takes back a cancel that its task has not read. False if it has.
    pub(crate) fn retract(&self, id: TaskId) -> bool {
        let shard = self.shard(id);
        let mut entries = lock(&shard.entries);
        let unread = entries.get(&id).is_some_and(|entry| entry.cancel.is_some());
        if unread {
            entries.remove(&id);
            shard.cancels.fetch_sub(1, Ordering::Relaxed);
        }
        unread
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
        if self.ignored_count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let ignored = lock(&self.ignored).remove(&id);
        if ignored {
            self.ignored_count.fetch_sub(1, Ordering::Relaxed);
        }
        ignored
    }

    /// Whether the task may have an entry that nobody but the task will remove.
    pub(crate) fn may_be_cancelled(&self, id: TaskId) -> bool {
        self.shard(id).cancels.load(Ordering::Acquire) > 0
    }

    /// Takes the cancel that is waiting for this task. The end of the loop is told
    /// to each task once; `told_to_end` remembers it.
    pub(crate) fn take_cancel(&self, id: TaskId, told_to_end: &mut bool) -> Option<Cancel> {
        if id.0 < self.ending.load(Ordering::Acquire) {
            if id.0 < self.killed.load(Ordering::Acquire) {
                return Some(Cancel::Kill);
            }
            if !std::mem::replace(told_to_end, true) {
                return Some(Cancel::Ask("the loop ended".to_owned()));
            }
        }
        let shard = self.shard(id);
        if shard.cancels.load(Ordering::Acquire) == 0 {
            return None;
        }
        let reason = lock(&shard.entries).get_mut(&id)?.cancel.take()?;
        shard.cancels.fetch_sub(1, Ordering::Relaxed);
        Some(Cancel::Ask(reason))
    }

    /// Asks one task to end. True if it had no entry yet, so that the request was
    /// left for it to find.
    pub(crate) fn cancel(&self, id: TaskId, reason: &str) -> bool {
        let shard = self.shard(id);
        let mut entries = lock(&shard.entries);
        let fresh = !entries.contains_key(&id);
        let entry = entries.entry(id).or_default();
        if entry.cancel.is_none() {
            entry.cancel = Some(reason.to_owned());
            shard.cancels.fetch_add(1, Ordering::Release);
        }
        let waker = entry.waker.clone();
        drop(entries);
        if let Some(waker) = waker {
            waker.wake();
        }
        fresh
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
        let next = self.next.load(Ordering::SeqCst);
        self.ending.store(next, Ordering::SeqCst);
        self.killed.store(next, Ordering::SeqCst);
    }

    fn wake_all(&self) {
        for shard in &self.shards {
            let mut wakers: Vec<(TaskId, Waker)> = lock(&shard.entries)
                .iter()
                .filter_map(|(id, entry)| Some((*id, entry.waker.clone()?)))
                .collect();
            // The order of a hash map differs from run to run.
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
                lock(&shard.entries)
                    .iter()
                    .filter_map(|(id, entry)| Some((*id, entry.location?)))
                    .collect::<Vec<_>>()
            })
            .collect();
        found.sort_by_key(|(id, _)| *id);
        found.into_iter().map(|(_, location)| location).collect()
    }
}
