//! What happens in a simulation, one event after the other.
//!
//! `verdict` is what ends a run before its future is done.

mod verdict;

use std::future::Future;
use std::pin::pin;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use polyloop_core::backend;

use crate::clock::Nanos;
use crate::lock::lock;
use crate::ready::{Entry, Mode, SOMEBODY, TIMERS, Turn, main_waker};
use crate::report;
use crate::sim::Shared;
use crate::sim_loop::SimLoop;
use crate::stalls::Admission;
use crate::threads::News;
use crate::trace::{Event, Stalled};
use crate::world::{Due, Next, Woken, World};
use crate::{HostId, Pace};

/// Turns at one moment that take no time.
const FREE_TURNS: u64 = 500;

/// What each further turn takes: whoever is busy for ever keeps no timer from coming.
const PER_TURN: Nanos = 1_000;

/// How long, in real time, an idle simulation waits for threads that went on beside it.
const FOR_STRAYS: Duration = Duration::from_secs(10);

/// Runs the whole simulation until `future`, on the host of `lp`, is ready.
pub(crate) fn drive<F: Future>(lp: &SimLoop, future: F) -> F::Output {
    let shared = &lp.sim().shared;
    let _driving = shared.workshop.drive();
    let mut future = pin!(future);
    shared.ready.forget_main();
    lock(&shared.stalls).forget_main();
    let waker = main_waker(&shared.ready, lp.id());
    waker.wake_by_ref();
    let mut cx = Context::from_waker(&waker);
    let mut run = Run::new(lp, shared);
    loop {
        match shared.ready.choose() {
            Some((entry, turn)) => {
                let entry = if shared.pace == Pace::Instant {
                    entry
                } else if let Some(entry) = run.admit(entry) {
                    entry
                } else {
                    continue;
                };
                let had_on = (!entry.ends).then_some(entry.host);
                shared.clock.begin_turn();
                if let Some(MainTurn) = run.take_turn(entry, turn)
                    && let Poll::Ready(output) = future.as_mut().poll(&mut cx)
                {
                    run.check_at_the_end();
                    return output;
                }
                if shared.pace == Pace::HostsStall {
                    run.turn_had(had_on);
                }
                run.was_busy();
            }
            None => run.was_idle(),
        }
        if shared.workshop.has_news() {
            run.stand_still();
        }
        if shared.has_checks.load(Ordering::Acquire) {
            run.check();
        }
    }
}

/// It is the main future's turn.
struct MainTurn;

fn earlier(one: Option<Nanos>, other: Option<Nanos>) -> Option<Nanos> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

struct Run<'a> {
    lp: &'a SimLoop,
    shared: &'a Shared,
    /// Turns since time was last moved on for want of them.
    busy: u64,
    /// The time after the last event.
    now: Nanos,
    /// The run was told to end; a second report can't be waited for.
    failed: bool,
    /// How much of the real time for stray threads is left.
    for_strays: Duration,
    /// Kept for their room.
    due: Vec<Due>,
    woken: Woken,
    news: Vec<News>,
    late: Vec<Entry>,
}

impl<'a> Run<'a> {
    fn new(lp: &'a SimLoop, shared: &'a Shared) -> Self {
        Self {
            lp,
            shared,
            busy: 0,
            now: shared.clock.now(),
            failed: false,
            for_strays: FOR_STRAYS,
            due: Vec::new(),
            woken: Woken::default(),
            news: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Gives what was chosen back if it has its turn now, and is not late.
    fn admit(&mut self, entry: Entry) -> Option<Entry> {
        let shared = self.shared;
        let (host, now) = (entry.host, shared.clock.now());
        let slot = match &entry.turn {
            Turn::Task(task) => Some(task.metadata().slot),
            _ => None,
        };
        let admission = lock(&shared.stalls).admit(now, entry, |host| self.round_trip(host));
        let until = match admission {
            Admission::Turn(entry) => return Some(entry),
            Admission::Held(until) => until,
        };
        if slot.is_none() {
            shared.ready.put_main_off();
        }
        if let Some(until) = until {
            let mut world = lock(&shared.world);
            let what = match slot {
                Some(slot) => world.tasks.get(slot).map(|task| Stalled::Task(task.id)),
                None => Some(Stalled::Main),
            };
            if let Some(what) = what {
                let until = Duration::from_nanos(until);
                world.trace.note(now, Event::Stalled { host, what, until });
            }
        }
        None
    }

    /// A turn was had there, and was none of a host that has crashed.
    fn turn_had(&mut self, host: Option<HostId>) {
        let shared = self.shared;
        let Some(host) = host else {
            return;
        };
        let now = shared.clock.now();
        let stalls = lock(&shared.stalls).turn_had(now, host, |host| self.round_trip(host));
        if let Some(until) = stalls {
            let (what, until) = (Stalled::Host, Duration::from_nanos(until));
            lock(&shared.world)
                .trace
                .note(now, Event::Stalled { host, what, until });
        }
    }

    fn round_trip(&self, host: HostId) -> Nanos {
        lock(&self.shared.world).network.round_trip(host)
    }

    /// When a stall ends.
    #[inline]
    fn next_late(&self) -> Option<Nanos> {
        if self.shared.pace == Pace::Instant {
            return None;
        }
        lock(&self.shared.stalls).next_event()
    }

    fn take_turn(&mut self, entry: Entry, number: u64) -> Option<MainTurn> {
        let shared = self.shared;
        match entry.turn {
            Turn::Task(task) => {
                task.metadata().set_last_turn(number);
                let slot = task.metadata().slot;
                let now = shared.clock.now();
                let ends = {
                    let mut world = lock(&shared.world);
                    world.begin_turn(now, slot);
                    entry
                        .ends
                        .then(|| world.hosts[entry.host.index()].state.clone())
                };
                if let Some(state) = ends {
                    state.as_killed(|| task.run());
                    return None;
                }
                if shared.pace == Pace::TasksStall {
                    shared.ready.set_waking(slot);
                    task.run();
                    shared.ready.set_waking(SOMEBODY);
                } else {
                    task.run();
                }
                None
            }
            Turn::Main => {
                let mut world = lock(&shared.world);
                world.begin_main_turn();
                Some(MainTurn)
            }
            Turn::Blocking(work) => {
                // The threads of a machine that crashed are gone with it.
                if shared.ready.mode(entry.host) != Mode::Down {
                    shared.workshop.begin(entry.host, *work);
                }
                None
            }
            Turn::Stop => {
                if shared.ready.mode(entry.host) != Mode::Down
                    && let Some(lp) = self.lp.sim().find_host(entry.host)
                {
                    lp.end_program();
                }
                None
            }
        }
    }

    /// A turn was had.
    fn was_busy(&mut self) {
        self.busy += 1;
        let now = self.shared.clock.now();
        // Whoever watches the clock makes it move.
        let moved = now > self.now;
        let spins = self.busy > self.shared.spin_limit;
        if self.busy > FREE_TURNS || moved || spins {
            self.time_passes(now, moved, spins);
        }
    }

    /// Time passes for whoever is busy, and what comes due meanwhile happens.
    #[cold]
    fn time_passes(&mut self, now: Nanos, moved: bool, spins: bool) {
        let then = if moved { now } else { now + PER_TURN };
        let late = self.next_late();
        let mut world = lock(&self.shared.world);
        let next = world.next();
        match earlier(next.first(), late) {
            Some(first) if first <= then => self.step(world, &next, first.max(now), false),
            _ => {
                drop(world);
                self.shared.clock.advance_to(then);
            }
        }
        self.now = self.shared.clock.now();
        if spins {
            let turns = std::mem::take(&mut self.busy);
            let at = self.shared.clock.now();
            let text = report::spin(&lock(&self.shared.world), self.lp.id(), at, turns);
            self.fail(text);
        }
    }

    /// Nothing is ready: on to what happens next.
    fn was_idle(&mut self) {
        let shared = self.shared;
        let strays = shared.workshop.strays();
        if strays == 0 {
            self.for_strays = FOR_STRAYS;
        }
        let now = shared.clock.now();
        let late = self.next_late();
        let mut world = lock(&shared.world);
        let mut next = world.next();
        let first = next.first().filter(|_| !world.is_over(&next));
        let Some(then) = earlier(first, late) else {
            drop(world);
            return self.rest(strays, now);
        };
        let then = then.max(now);
        if strays > 0 && !self.for_strays.is_zero() {
            drop(world);
            if self.wait_for_strays(Duration::from_nanos(then - now)) {
                return;
            }
            world = lock(&shared.world);
            next = world.next();
        }
        match world.limit {
            Some(limit) if then > limit && !self.failed => {
                drop(world);
                self.report(report::too_late, limit);
            }
            _ => {
                // Whoever is only late is busy.
                let was_idle = then > now && late != Some(then);
                if was_idle {
                    self.busy = 0;
                }
                if shared.pace == Pace::Instant && !next.is_network_due(then) {
                    self.step_by_timers(world, then, was_idle);
                } else {
                    self.step(world, &next, then, was_idle);
                }
            }
        }
        self.now = shared.clock.now();
    }

    /// Nothing will happen by itself: somebody else may have something to do.
    #[cold]
    fn rest(&mut self, strays: usize, now: Nanos) {
        let mut patience = self.shared.patience;
        if strays > 0 {
            patience = patience.max(FOR_STRAYS);
        }
        if !self.shared.ready.sleep(patience) {
            self.report(report::deadlock, now);
        }
    }

    /// Time passes no faster than it really does while threads are astray. True if
    /// something has become ready meanwhile.
    #[cold]
    fn wait_for_strays(&mut self, most: Duration) -> bool {
        let begun = Instant::now();
        let woken = self.shared.ready.sleep(most.min(self.for_strays));
        self.for_strays = self.for_strays.saturating_sub(begun.elapsed());
        woken
    }

    /// Goes to a moment at which timers are due, and nothing else: mostly it is one.
    #[inline]
    fn step_by_timers(&mut self, mut world: MutexGuard<'a, World>, now: Nanos, was_idle: bool) {
        let shared = self.shared;
        shared.clock.begin_turn();
        shared.clock.advance_to(now);
        world.idle_times += u64::from(was_idle);
        let lone = world.take_due(now, &mut self.due);
        shared.due_by.store(now, Ordering::Release);
        drop(world);
        match lone {
            Some(due) => self.happen(due),
            None => self.all_happen(),
        }
    }

    /// Goes to a moment and does what is due there, in an order drawn from the seed.
    fn step(&mut self, mut world: MutexGuard<'a, World>, next: &Next, now: Nanos, was_idle: bool) {
        let shared = self.shared;
        shared.clock.begin_turn();
        shared.clock.advance_to(now);
        if shared.pace != Pace::Instant {
            drop(world);
            self.go_on(now);
            world = lock(&shared.world);
        }
        world.idle_times += u64::from(was_idle);
        let lone = world.take_due(now, &mut self.due);
        shared.due_by.store(now, Ordering::Release);
        let network_due = next.is_network_due(now);
        let nothing_else = lone.is_none() && self.due.is_empty();
        let network_first = network_due && (nothing_else || world.random.ties.bool());
        if network_first {
            self.advance_network(world, now);
        } else {
            drop(world);
        }
        if let Some(due) = lone {
            self.happen(due);
        } else {
            self.all_happen();
        }
        if network_due && !network_first {
            self.advance_network(lock(&shared.world), now);
        }
    }

    fn all_happen(&mut self) {
        let mut several = std::mem::take(&mut self.due);
        several.drain(..).for_each(|due| self.happen(due));
        self.due = several;
    }

    #[inline]
    fn happen(&self, due: Due) {
        let ready = &self.shared.ready;
        match due {
            Due::Wake(_, waker) => {
                ready.set_waking(TIMERS);
                backend::wake(waker);
                ready.set_waking(SOMEBODY);
            }
            Due::Blocking(host, work) => ready.push_blocking(host, work),
            Due::Script(script) => script(self.lp.sim()),
        }
    }

    fn advance_network(&mut self, mut world: MutexGuard<'a, World>, now: Nanos) {
        world.network.advance(now);
        world.take_effects(&mut self.woken);
        drop(world);
        self.woken.wake();
    }

    /// What was late until now is ready again.
    fn go_on(&mut self, now: Nanos) {
        let shared = self.shared;
        let mut stalls = lock(&shared.stalls);
        stalls.take_due(now, &mut self.late);
        if self.late.is_empty() {
            stalls.went_on();
        }
        drop(stalls);
        shared.ready.put_back(self.late.drain(..));
    }

    /// Work that runs on a thread comes first.
    fn stand_still(&mut self) {
        let shared = self.shared;
        shared
            .workshop
            .stand_still(shared.thread_grace, &mut self.news);
        if !self.news.is_empty() {
            let now = shared.clock.now();
            let mut world = lock(&shared.world);
            for news in self.news.drain(..) {
                let event = match news {
                    News::Done(host) => Event::Thread { host, done: true },
                    News::Late(host) => Event::Note {
                        host,
                        text: format!(
                            "work on a thread has not returned after {:?} of real time: it goes \
                             on beside the simulation, and another run may differ from here on",
                            shared.thread_grace
                        ),
                    },
                };
                world.trace.note(now, event);
            }
        }
    }
}
