//! The list of what is ready to run. Wakers put things on it, from any thread; the
//! simulation takes them off in the order that its [`Scheduler`] says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use async_task::Runnable;
use fastrand::Rng;

use crate::HostId;
use crate::lock::lock;
use crate::scheduler::Scheduler;
use crate::spawned::TaskMeta;

/// What may have a turn.
pub(crate) enum Turn {
    /// A task.
    Task(Runnable<TaskMeta>),
    /// The future that is being run.
    Main,
    /// Work for a thread of its own. In a box of its own, so that entries are small: they
    /// are moved about.
    Blocking(Box<Box<dyn FnOnce() + Send>>),
    /// The host's loop was asked to stop.
    Stop,
}

pub(crate) struct Entry {
    pub(crate) host: HostId,
    pub(crate) turn: Turn,
    /// The number of the choice that was to come when it was woken.
    pub(crate) since: u64,
    /// It has woken itself: it lets others have a turn.
    pub(crate) yields: bool,
    /// It was late, or may not be: its turn is its turn.
    pub(crate) was_held: bool,
    /// Its host has crashed: it ends before anything else happens.
    pub(crate) ends: bool,
}

impl Entry {
    /// The number of the choice that fell on it last, if it is a task's.
    pub(crate) fn last_turn(&self) -> u64 {
        match &self.turn {
            Turn::Task(task) => task.metadata().last_turn(),
            _ => 0,
        }
    }
}

/// What a host's tasks may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Up,
    /// They wait, however ready they are.
    Paused,
    /// They end, before anybody else has a turn.
    Down,
}

struct Queue {
    scheduler: Scheduler,
    random: Rng,
    turn: u64,
    waiting: VecDeque<Entry>,
    /// Of hosts that are down.
    ending: VecDeque<Entry>,
    /// Of hosts that are paused.
    frozen: Vec<Entry>,
    /// By the host's number; hosts that are not listed are up.
    modes: Vec<Mode>,
    main_waits: bool,
    /// Something changed that a sleeping simulation should look at.
    nudged: bool,
    /// It sleeps: only then there is somebody to notify, which is a call of the system.
    sleeps: bool,
}

/// Nobody in particular wakes.
pub(crate) const SOMEBODY: usize = usize::MAX;

/// Timers that are due wake.
pub(crate) const TIMERS: usize = usize::MAX - 1;

pub(crate) struct Ready {
    queue: Mutex<Queue>,
    /// Something was put on the list since it was seen to be empty: the one who takes
    /// things off need not lock it to be told that there is nothing.
    filled: AtomicBool,
    arrived: Condvar,
    /// Who wakes: the place of the task that has its turn, or one of the two below.
    waking: AtomicUsize,
}

impl Ready {
    pub(crate) fn new(scheduler: Scheduler, random: Rng) -> Self {
        Self {
            queue: Mutex::new(Queue {
                scheduler,
                random,
                turn: 0,
                waiting: VecDeque::new(),
                ending: VecDeque::new(),
                frozen: Vec::new(),
                modes: Vec::new(),
                main_waits: false,
                nudged: false,
                sleeps: false,
            }),
            filled: AtomicBool::new(true),
            arrived: Condvar::new(),
            waking: AtomicUsize::new(SOMEBODY),
        }
    }

    /// Tells who wakes from here on.
    pub(crate) fn set_waking(&self, who: usize) {
        self.waking.store(who, Ordering::Relaxed);
    }

    fn is_woken_by(&self, who: usize) -> bool {
        self.waking.load(Ordering::Relaxed) == who
    }

    pub(crate) fn push_task(&self, task: Runnable<TaskMeta>) {
        let host = task.metadata().host;
        let yields = self.is_woken_by(task.metadata().slot);
        self.push(host, Turn::Task(task), yields);
    }

    pub(crate) fn push_blocking(&self, host: HostId, work: Box<dyn FnOnce() + Send>) {
        self.push(host, Turn::Blocking(Box::new(work)), false);
    }

    #[inline]
    fn push(&self, host: HostId, turn: Turn, yields: bool) {
        let mut queue = lock(&self.queue);
        let (since, sleeps) = (queue.turn, queue.sleeps);
        queue.put(Entry {
            host,
            turn,
            since,
            yields,
            was_held: false,
            ends: false,
        });
        self.filled.store(true, Ordering::Release);
        drop(queue);
        if sleeps {
            self.arrived.notify_one();
        }
    }

    fn push_main(&self, host: HostId) {
        let mut queue = lock(&self.queue);
        if !std::mem::replace(&mut queue.main_waits, true) {
            let entry = Entry {
                host,
                turn: Turn::Main,
                since: queue.turn,
                yields: false,
                was_held: self.is_woken_by(TIMERS),
                ends: false,
            };
            queue.waiting.push_back(entry);
            self.filled.store(true, Ordering::Release);
            let sleeps = queue.sleeps;
            drop(queue);
            if sleeps {
                self.arrived.notify_one();
            }
        }
    }

    fn push_stop(&self, host: HostId) {
        self.push(host, Turn::Stop, false);
    }

    /// Takes back what was held for a while.
    pub(crate) fn put_back(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut queue = lock(&self.queue);
        for entry in entries {
            queue.put(entry);
        }
        self.filled.store(true, Ordering::Release);
    }

    /// The main future's turn was put off: it waits as before.
    pub(crate) fn put_main_off(&self) {
        lock(&self.queue).main_waits = true;
    }

    /// Another main future is run from here on.
    pub(crate) fn forget_main(&self) {
        let mut queue = lock(&self.queue);
        queue.main_waits = false;
        queue
            .waiting
            .retain(|entry| !matches!(entry.turn, Turn::Main));
    }

    /// All loops are wound up, whether they were asked to stop or not.
    pub(crate) fn forget_stops(&self) {
        let mut queue = lock(&self.queue);
        let queue = &mut *queue;
        let is_none = |entry: &Entry| !matches!(entry.turn, Turn::Stop);
        queue.waiting.retain(is_none);
        queue.frozen.retain(is_none);
    }

    /// Whose turn it is, and the number of that choice.
    pub(crate) fn choose(&self) -> Option<(Entry, u64)> {
        if !self.filled.load(Ordering::Acquire) {
            return None;
        }
        let mut queue = lock(&self.queue);
        let queue = &mut *queue;
        let chosen = if queue.ending.is_empty() {
            let (random, waiting) = (&mut queue.random, &mut queue.waiting);
            queue.scheduler.choose(random, waiting, queue.turn)
        } else {
            queue.ending.pop_front()
        };
        if queue.is_empty() {
            self.filled.store(false, Ordering::Relaxed);
        }
        let entry = chosen?;
        queue.turn += 1;
        if matches!(entry.turn, Turn::Main) {
            queue.main_waits = false;
        }
        Some((entry, queue.turn))
    }

    pub(crate) fn mode(&self, host: HostId) -> Mode {
        lock(&self.queue).mode(host)
    }

    pub(crate) fn set_mode(&self, host: HostId, mode: Mode) {
        let mut queue = lock(&self.queue);
        let queue = &mut *queue;
        if queue.modes.len() <= host.index() {
            queue.modes.resize(host.index() + 1, Mode::Up);
        }
        queue.modes[host.index()] = mode;
        // Those that are ending go on to do so, also where their host is up again.
        let lists = [
            std::mem::take(&mut queue.waiting),
            std::mem::take(&mut queue.frozen).into(),
        ];
        for entry in lists.into_iter().flatten() {
            queue.put(entry);
        }
        self.filled.store(true, Ordering::Release);
    }

    /// Makes a sleeping simulation look around.
    pub(crate) fn nudge(&self) {
        let sleeps = {
            let mut queue = lock(&self.queue);
            queue.nudged = true;
            queue.sleeps
        };
        if sleeps {
            self.arrived.notify_one();
        }
    }

    /// Sleeps, in real time, until something is ready or somebody nudges. False if
    /// that took too long.
    pub(crate) fn sleep(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut queue = lock(&self.queue);
        loop {
            queue.sleeps = false;
            if std::mem::take(&mut queue.nudged) || !queue.is_empty() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue.sleeps = true;
            queue = self
                .arrived
                .wait_timeout(queue, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        }
    }
}

impl Queue {
    fn mode(&self, host: HostId) -> Mode {
        self.modes.get(host.index()).copied().unwrap_or_default()
    }

    /// Puts one where the mode of its host says. What is run goes on whatever that is.
    #[inline]
    fn put(&mut self, mut entry: Entry) {
        let mode = match entry.turn {
            Turn::Main => Mode::Up,
            _ => self.mode(entry.host),
        };
        match mode {
            Mode::Up => self.waiting.push_back(entry),
            Mode::Paused => self.frozen.push(entry),
            Mode::Down => {
                entry.ends = true;
                self.ending.push_back(entry);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.ending.is_empty()
    }
}

/// Wakes the future that is being run.
struct WakeMain {
    ready: Weak<Ready>,
    host: HostId,
}

impl Wake for WakeMain {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(ready) = self.ready.upgrade() {
            ready.push_main(self.host);
        }
    }
}

/// Wakes whoever winds a host's loop up.
struct WakeStop {
    ready: Weak<Ready>,
    host: HostId,
}

impl Wake for WakeStop {
    fn wake(self: Arc<Self>) {
        if let Some(ready) = self.ready.upgrade() {
            ready.push_stop(self.host);
        }
    }
}

/// What tells that the loop of `host` was asked to stop.
pub(crate) fn stop_waker(ready: &Arc<Ready>, host: HostId) -> Waker {
    Waker::from(Arc::new(WakeStop {
        ready: Arc::downgrade(ready),
        host,
    }))
}

/// The waker of a main future on `host`.
pub(crate) fn main_waker(ready: &Arc<Ready>, host: HostId) -> Waker {
    Waker::from(Arc::new(WakeMain {
        ready: Arc::downgrade(ready),
        host,
    }))
}
