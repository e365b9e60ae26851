//! What a simulation consists of, behind its one lock.
//!
//! Nothing in here runs code of a user: wakers, closures and futures are taken out,
//! and called or dropped when the lock is gone.

use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;
use std::time::SystemTime;

use fastrand::Rng;
use polyloop_core::{LoopState, backend};
use slab::Slab;

use crate::agenda::{Agenda, TimerKey};
use crate::clock::Nanos;
use crate::network::Network;
use crate::report::{Wait, Waits};
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
    pub(crate) wall: (Nanos, SystemTime),
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
    pub(crate) tasks: Slab<TaskInfo>,
    next_task: u64,
    /// The task that has its turn.
    pub(crate) current: Option<usize>,
    pub(crate) main_waits: Waits,
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
    pub(crate) limit: Option<Nanos>,
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
            tasks: Slab::new(),
            next_task: 0,
            current: None,
            main_waits: Waits::default(),
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
        let left_out = self.trace.len().saturating_sub(count);
        Trace {
            seed: self.seed,
            scheduler: self.scheduler,
            pace: self.pace,
            hosts: (0..self.hosts.len())
                .map(|index| self.name_of(HostId::from_index(index)).to_owned())
                .collect(),
            records: self.trace.records().skip(left_out).collect(),
            dropped: self.trace.dropped() + left_out as u64,
            digest: self.trace.digest(),
        }
    }

    /// Puts a new task on the list.
    pub(crate) fn enter_task(
        &mut self,
        now: Nanos,
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
            waits: Waits::default(),
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

    pub(crate) fn leave_task(&mut self, now: Nanos, slot: usize) {
        if let Some(TaskInfo { id, host, .. }) = self.tasks.try_remove(slot) {
            self.trace.note(now, Event::TaskEnded { host, task: id });
        }
        if self.current == Some(slot) {
            self.current = None;
        }
    }

    /// A task's turn begins.
    pub(crate) fn begin_turn(&mut self, now: Nanos, slot: usize) {
        self.current = Some(slot);
        if let Some(task) = self.tasks.get_mut(slot) {
            task.waits.clear();
            if task.idle_times != self.idle_times {
                task.idle_times = self.idle_times;
                task.turns = 0;
            }
            task.turns += 1;
            let (host, task) = (task.host, task.id);
            self.trace.task_polled(now, host, task);
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
        let waits = match self.current {
            Some(slot) => match self.tasks.get_mut(slot) {
                Some(task) => &mut task.waits,
                None => return,
            },
            None => &mut self.main_waits,
        };
        waits.push(wait);
    }

    /// Adds something that is due at a moment.
    pub(crate) fn enter_due(&mut self, at: Nanos, due: Due) -> TimerKey {
        self.timers.enter(at, due)
    }

    /// When something happens next.
    #[inline]
    pub(crate) fn next(&mut self) -> Next {
        Next {
            timer: self.timers.next(),
            network: self.network.next_event(),
        }
    }

    /// Whether nothing is left to happen before `next`: faults that are drawn for ever keep
    /// nobody alive.
    #[inline]
    pub(crate) fn is_over(&mut self, next: &Next) -> bool {
        next.timer.is_none() && self.network.is_idle()
    }

    /// Takes out what is due by `now`: the only thing, or all, to `several`, in an order
    /// drawn from the seed.
    #[inline]
    pub(crate) fn take_due(&mut self, now: Nanos, several: &mut Vec<Due>) -> Option<Due> {
        let first = self.timers.pop_due(now)?;
        if self.timers.next().is_none_or(|next| next > now) {
            self.note_due(now, &first);
            return Some(first);
        }
        several.push(first);
        self.take_all_due(now, several);
        None
    }

    /// The same with the rest of several.
    #[cold]
    fn take_all_due(&mut self, now: Nanos, several: &mut Vec<Due>) {
        several.extend(std::iter::from_fn(|| self.timers.pop_due(now)));
        self.random.ties.shuffle(several);
        for due in &*several {
            self.note_due(now, due);
        }
    }

    #[inline]
    fn note_due(&mut self, now: Nanos, due: &Due) {
        if let Due::Wake(host, _) = due {
            self.trace.timer_fired(now, *host);
        }
    }

    /// Moves what the network has to say into the trace, and whom to wake and what to
    /// drop into `woken`.
    pub(crate) fn take_effects(&mut self, woken: &mut Woken) {
        if self.network.is_quiet() {
            return;
        }
        let effects = self.network.effects();
        for (at, event) in effects.records.drain(..) {
            self.trace.note(at, event);
        }
        // Mostly it is one, which needs no list.
        if effects.wake.len() == 1 && woken.first.is_none() && woken.wake.is_empty() {
            woken.first = effects.wake.pop();
        } else {
            woken.wake.append(&mut effects.wake);
        }
        woken.discard.append(&mut effects.discard);
    }
}

/// When something happens next.
pub(crate) struct Next {
    timer: Option<Nanos>,
    network: Option<Nanos>,
}

impl Next {
    #[inline]
    pub(crate) fn first(&self) -> Option<Nanos> {
        match (self.timer, self.network) {
            (Some(timer), Some(network)) => Some(timer.min(network)),
            (timer, network) => timer.or(network),
        }
    }

    /// Whether something happens in the network by `now`.
    pub(crate) fn is_network_due(&self, now: Nanos) -> bool {
        self.network.is_some_and(|at| at <= now)
    }
}

/// Wakers, to be woken or dropped when the lock is gone.
#[derive(Default)]
#[must_use]
pub(crate) struct Woken {
    first: Option<Waker>,
    wake: Vec<Waker>,
    discard: Vec<Waker>,
}

impl Woken {
    /// Wakes and drops them, and keeps the room for the next ones.
    pub(crate) fn wake(&mut self) {
        // Some may be users', whose destructors run here. Mostly there are none.
        if let Some(waker) = self.first.take() {
            backend::wake(waker);
        }
        if !self.wake.is_empty() {
            self.wake.drain(..).for_each(backend::wake);
        }
        if !self.discard.is_empty() {
            self.discard.drain(..).for_each(backend::discard);
        }
    }
}
