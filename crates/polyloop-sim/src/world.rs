//! What a simulation consists of, behind its one lock.
//!
//! Nothing in here runs code of a user: wakers, closures and futures are taken out,
//! and called or dropped when the lock is gone.

use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use polyloop_core::{LoopState, backend};
use slab::Slab;

use crate::agenda::{Agenda, TimerKey};
use crate::network::{Effects, Network};
use crate::report::Wait;
use crate::signals::SharedTable;
use crate::sim::Sim;
use crate::spawned::{Spawned, TaskInfo};
use crate::trace::{Event, Recorder, TaskId, Trace};
use crate::{HostId, Link, Pace, Scheduler};

/// What is due at a moment.
pub(crate) enum Due {
    /// Somebody sleeps.
    Wake(HostId, Waker),
    /// Work for a thread of its own.
    Blocking(HostId, Box<dyn FnOnce() + Send>),
    /// What a test wants to happen then.
    Script(Box<dyn FnOnce(&Sim) + Send>),
}

/// A machine, as far as the loop knows it; the network knows the rest.
pub(crate) struct Host {
    pub(crate) state: Arc<LoopState>,
    /// The wall clock: the virtual time at which it was set, and to what.
    pub(crate) wall: (Duration, SystemTime),
    /// Runs on the host from its start, and again after each restart.
    pub(crate) boot: Vec<Boot>,
    /// Winds the loop up, since it was asked to stop.
    pub(crate) ending: Option<Spawned<()>>,
    /// Which signals its programs have asked for.
    pub(crate) signals: SharedTable,
}

pub(crate) type Boot = Arc<dyn Fn() + Send + Sync>;

/// The generators, one for each purpose, so that drawing more for one changes nothing
/// for the others.
pub(crate) struct Randoms {
    /// Ties between what is due at one moment.
    pub(crate) ties: Rng,
    /// How long blocking work takes.
    pub(crate) threads: Rng,
    /// What loops hand out as seeds.
    pub(crate) seeds: Rng,
    /// What tests draw.
    pub(crate) users: Rng,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    /// For the trace.
    pub(crate) scheduler: Scheduler,
    pub(crate) pace: Pace,
    pub(crate) hosts: Vec<Host>,
    pub(crate) network: Network,
    pub(crate) effects: Effects,
    pub(crate) tasks: Slab<TaskInfo>,
    next_task: u64,
    /// The task that has its turn.
    pub(crate) current: Option<usize>,
    pub(crate) main_waits: Vec<Wait>,
    pub(crate) timers: Agenda,
    pub(crate) trace: Recorder,
    pub(crate) random: Randoms,
    /// The turns of what is run since the simulation was idle, which was for that many
    /// times then.
    pub(crate) main_turns: (u64, u64),
    /// How often the simulation was idle, so that time moved on.
    pub(crate) idle_times: u64,
    /// Why the run has to end.
    pub(crate) failure: Option<String>,
    /// The virtual time at which the run has to end.
    pub(crate) limit: Option<Duration>,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Recorder, link: Link, root: &mut Rng) -> Self {
        let mut network = Network::new(root.fork(), link);
        network.set_recording(trace.is_on());
        Self {
            seed,
            scheduler: Scheduler::default(),
            pace: Pace::default(),
            hosts: Vec::new(),
            network,
            effects: Effects::default(),
            tasks: Slab::new(),
            next_task: 0,
            current: None,
            main_waits: Vec::new(),
            timers: Agenda::default(),
            trace,
            random: Randoms {
                ties: root.fork(),
                threads: root.fork(),
                seeds: root.fork(),
                users: root.fork(),
            },
            main_turns: (0, 0),
            idle_times: 0,
            failure: None,
            limit: None,
        }
    }

    pub(crate) fn name_of(&self, host: HostId) -> &str {
        self.network.host_name(host)
    }

    /// The trace, with the last `count` of the records that are kept.
    pub(crate) fn trace_of(&self, count: usize) -> Trace {
        let records = self.trace.records();
        let left_out = records.len().saturating_sub(count);
        Trace {
            seed: self.seed,
            scheduler: self.scheduler,
            pace: self.pace,
            hosts: (0..self.hosts.len())
                .map(|index| self.name_of(HostId::from_index(index)).to_owned())
                .collect(),
            records: records.skip(left_out).cloned().collect(),
            dropped: self.trace.dropped() + left_out as u64,
            digest: self.trace.digest(),
        }
    }

    /// Puts a new task on the list.
    pub(crate) fn enter_task(
        &mut self,
        now: Duration,
        host: HostId,
        location: &'static Location<'static>,
    ) -> usize {
        let id = TaskId(self.next_task);
        self.next_task += 1;
        self.trace.note(now, Event::TaskSpawned { host, task: id });
        self.tasks.insert(TaskInfo {
            id,
            host,
            location,
            waits: Vec::new(),
            turns: 0,
            idle_times: 0,
        })
    }

    /// What the next task will be called.
    pub(crate) fn next_task(&self) -> TaskId {
        TaskId(self.next_task)
    }

    /// A task was spawned for somebody else.
    pub(crate) fn locate_task(&mut self, id: TaskId, location: &'static Location<'static>) {
        if let Some((_, task)) = self.tasks.iter_mut().find(|(_, task)| task.id == id) {
            task.location = location;
        }
    }

    pub(crate) fn leave_task(&mut self, now: Duration, slot: usize) {
        if let Some(TaskInfo { id, host, .. }) = self.tasks.try_remove(slot) {
            self.trace.note(now, Event::TaskEnded { host, task: id });
        }
        if self.current == Some(slot) {
            self.current = None;
        }
    }

    /// A task's turn begins.
    pub(crate) fn begin_turn(&mut self, now: Duration, slot: usize) {
        self.current = Some(slot);
        if let Some(task) = self.tasks.get_mut(slot) {
            task.waits.clear();
            if task.idle_times != self.idle_times {
                task.idle_times = self.idle_times;
                task.turns = 0;
            }
            task.turns += 1;
            let (host, task) = (task.host, task.id);
            self.trace.note(now, Event::TaskPolled { host, task });
        }
    }

    /// The turn of what is run begins.
    pub(crate) fn begin_main_turn(&mut self) {
        self.current = None;
        self.main_waits.clear();
        let (turns, idle_times) = &mut self.main_turns;
        if *idle_times != self.idle_times {
            (*turns, *idle_times) = (0, self.idle_times);
        }
        *turns += 1;
    }

    /// The task that has its turn waits for something.
    pub(crate) fn waits_for(&mut self, wait: Wait) {
        /// More would not be read.
        const MOST: usize = 4;

        let waits = match self.current {
            Some(slot) => match self.tasks.get_mut(slot) {
                Some(task) => &mut task.waits,
                None => return,
            },
            None => &mut self.main_waits,
        };
        if waits.len() < MOST {
            waits.push(wait);
        }
    }

    /// Adds something that is due at a moment.
    pub(crate) fn enter_due(&mut self, at: Duration, due: Due) -> TimerKey {
        self.timers.enter(at, due)
    }

    /// When something happens next.
    pub(crate) fn next_event(&mut self) -> Option<Duration> {
        match (self.timers.next(), self.network.next_event()) {
            (Some(timer), Some(network)) => Some(timer.min(network)),
            (timer, network) => timer.or(network),
        }
    }

    /// The same, unless nothing is left to happen: faults that are drawn for ever keep
    /// nobody alive.
    pub(crate) fn next_that_counts(&mut self) -> Option<Duration> {
        let next = self.next_event()?;
        let over = self.timers.is_empty() && self.network.is_idle();
        (!over).then_some(next)
    }

    /// Takes out what is due by `now`, in an order drawn from the seed.
    pub(crate) fn take_due(&mut self, now: Duration, into: &mut Vec<Due>) {
        self.timers.take_due(now, into);
        if into.len() > 1 {
            self.random.ties.shuffle(into);
        }
        if !self.trace.is_on() {
            return;
        }
        for due in &*into {
            if let Due::Wake(host, _) = due {
                self.trace.note(now, Event::TimerFired { host: *host });
            }
        }
    }

    /// Moves what the network has to say into the trace, and whom to wake and what to
    /// drop into `woken`.
    pub(crate) fn take_effects(&mut self, woken: &mut Woken) {
        if self.network.is_quiet() {
            return;
        }
        self.network.take_effects(&mut self.effects);
        for record in self.effects.records.drain(..) {
            self.trace.push(record);
        }
        woken.wake.append(&mut self.effects.wake);
        woken.discard.append(&mut self.effects.discard);
    }
}

/// Wakers, to be woken or dropped when the lock is gone.
#[derive(Default)]
#[must_use]
pub(crate) struct Woken {
    wake: Vec<Waker>,
    discard: Vec<Waker>,
}

impl Woken {
    /// Wakes and drops them, and keeps the room for the next ones.
    pub(crate) fn wake(&mut self) {
        // Some may be users', whose destructors run here. Mostly there are none.
        if !self.wake.is_empty() {
            self.wake.drain(..).for_each(backend::wake);
        }
        if !self.discard.is_empty() {
            self.discard.drain(..).for_each(backend::discard);
        }
    }
}
