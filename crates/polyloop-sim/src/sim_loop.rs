//! [`SimLoop`]: the loop of one host.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::{Arc, TryLockError, Weak};
use std::time::{Duration, Instant, SystemTime};

use async_task::{Builder as TaskBuilder, Runnable};
use polyloop_core::LoopState;
use polyloop_core::backend::{Backend, MainBackend};
use polyloop_core::{Promise as _, Query, Spawner as _, yield_now};

use crate::HostId;
use crate::clock::{END, Nanos, nanos};
use crate::drive::drive;
use crate::lock::lock;
use crate::ready::Mode;
use crate::sim::{Shared, Sim};
use crate::spawned::{Spawned, TaskMeta, Tracked};
use crate::timer::SimTimer;
use crate::trace::Event;
use crate::world::Due;

/// The loop of one host of a simulation.
///
/// Whoever [runs](polyloop_core::MainLoop::run) it runs the whole simulation, all hosts
/// of it, on the calling thread: each of them [says](polyloop_core::Lifecycle::is_running)
/// that it runs then. One that is [stopped](polyloop_core::Lifecycle::stop) is wound up as
/// at the end of its program, and the others go on; only the one that is run ends the run.
#[derive(Clone)]
pub struct SimLoop {
    state: Arc<LoopState>,
    sim: Sim,
    host: HostId,
}

/// What a loop's state remembers of its simulation. Weak: the simulation has the state.
#[derive(Clone)]
pub(crate) struct Home {
    sim: Weak<Shared>,
    host: HostId,
}

impl Home {
    pub(crate) fn new(sim: Weak<Shared>, host: HostId) -> Self {
        Self { sim, host }
    }
}

impl SimLoop {
    /// The loop of the one host of a new simulation, with the seed in the environment
    /// variable `POLYLOOP_SEED`, or 0.
    ///
    /// # Panics
    /// If the variable is set to something else than a number.
    pub fn new() -> Self {
        Sim::builder().build_loop()
    }

    pub(crate) fn new_handle(state: Arc<LoopState>, sim: Sim, host: HostId) -> Self {
        Self { state, sim, host }
    }

    /// Its simulation: the other hosts, the network between them, and the trace.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Its host.
    pub fn id(&self) -> HostId {
        self.host
    }

    /// The name of its host.
    pub fn host_name(&self) -> String {
        lock(&self.sim.shared.world).name_of(self.host).to_owned()
    }

    /// Sets the wall clock of this host, forwards or backwards. Its monotonic clock and
    /// its timers do not care.
    pub fn set_wall_time(&self, time: SystemTime) {
        let now = self.shared().clock.now();
        lock(&self.sim.shared.world).hosts[self.host.index()].wall = (now, time);
    }

    /// Runs `program` on this host: now, and again each time the host is
    /// [restarted](Sim::restart).
    ///
    /// ```
    /// use polyloop_core::Loop;
    /// use polyloop_sim::Sim;
    /// # use polyloop_core::{Failure, Protocol, Transport};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
    /// #         t.write(data)?;
    /// #         Ok(())
    /// #     }
    /// # }
    ///
    /// let sim = Sim::new(3);
    /// sim.host("server").on_boot(|lp| async move {
    ///     let server = lp.serve("0.0.0.0:80", || Echo).await.expect("the port is free");
    ///     server.drained().await;
    /// });
    /// ```
    #[track_caller]
    pub fn on_boot<F, R>(&self, program: F)
    where
        F: Fn(SimLoop) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let state = Arc::downgrade(&self.state);
        let location = Location::caller();
        let boot = Arc::new(move || {
            let lp = state.upgrade().as_ref().and_then(Self::from_state);
            if let Some(lp) = lp {
                let program = program(lp.clone());
                let next = lock(&lp.shared().world).next_task();
                lp.spawn(program).detach();
                lock(&lp.shared().world).locate_task(next, location);
            }
        });
        lock(&self.sim.shared.world).hosts[self.host.index()]
            .boot
            .push(boot.clone());
        boot();
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.sim.shared
    }
}

impl Default for SimLoop {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for SimLoop {
    type Started<T: Send + 'static> = Spawned<T>;
    type Timer = SimTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    /// `None` also if its simulation is not there any more.
    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        let home = state.backend::<Home>()?;
        let sim = Sim::from_shared(home.sim.upgrade()?);
        Some(Self::new_handle(state.clone(), sim, home.host))
    }

    #[track_caller]
    fn start<F>(&self, future: F) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let shared = self.shared();
        let now = shared.clock.now();
        let slot = lock(&shared.world).enter_task(now, self.host, Location::caller());
        let tracked = Tracked::new(future, shared.downgrade(), slot);
        let ready = Arc::downgrade(&shared.ready);
        let schedule = move |task: Runnable<TaskMeta>| {
            if let Some(ready) = ready.upgrade() {
                ready.push_task(task);
            }
        };
        let (runnable, task) = TaskBuilder::new()
            .metadata(TaskMeta::new(self.host, slot))
            .spawn(move |_| tracked, schedule);
        runnable.schedule();
        Spawned::new(task)
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let shared = self.shared();
        let now = shared.clock.now();
        let mut world = lock(&shared.world);
        let host = self.host;
        world.trace.note(now, Event::Thread { host, done: false });
        let takes = shared.draw_thread_time(&mut world.random.threads);
        if takes == 0 {
            drop(world);
            shared.ready.push_blocking(host, Box::new(work));
        } else {
            world.enter_due(now + takes, Due::Blocking(host, Box::new(work)));
            drop(world);
            shared.ready.nudge();
        }
    }

    fn wait_on_thread<F: Future>(&self, future: F) -> F::Output {
        self.shared().workshop.wait(future)
    }

    fn random_seed(&self) -> u64 {
        lock(&self.shared().world).random.seeds.u64(..)
    }

    fn timer(&self, deadline: Instant) -> SimTimer {
        let shared = self.shared();
        let due = shared.clock.since_start(deadline);
        SimTimer::new(shared.downgrade(), self.host, due)
    }

    fn timer_after(&self, delay: Duration) -> SimTimer {
        let shared = self.shared();
        let due = shared.clock.reading() + nanos(delay);
        SimTimer::new(shared.downgrade(), self.host, due)
    }

    fn system_time(&self) -> SystemTime {
        let now = self.shared().clock.now();
        let (set_at, time) = lock(&self.shared().world).hosts[self.host.index()].wall;
        // It stands still at the end of what it can say.
        let passed = Duration::from_nanos(now.saturating_sub(set_at));
        time.checked_add(passed).unwrap_or(time)
    }

    async fn lookup(&self, query: Query) -> io::Result<Vec<SocketAddr>> {
        // Nobody gets an answer without asking.
        yield_now().await;
        let found = lock(&self.shared().world)
            .network
            .resolve(self.host, query.host());
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, 0))
            .collect())
    }
}

impl Shared {
    fn draw_thread_time(&self, random: &mut fastrand::Rng) -> Nanos {
        let (least, most) = (
            nanos(*self.thread_time.start()),
            nanos(*self.thread_time.end()),
        );
        if most <= least {
            return least;
        }
        random.u64(least..=most)
    }
}

impl MainBackend for SimLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let shared = self.shared();
        let _driving = lock(&shared.driving);
        {
            let mut world = lock(&shared.world);
            let now = shared.clock.now();
            world.failure = None;
            world.limit = Some(
                shared
                    .time_limit
                    .map_or(END, |limit| (now + nanos(limit)).min(END)),
            );
        }
        let _all_run = shared.hosts_run.begin(&self.sim);
        let outcome = catch_unwind(AssertUnwindSafe(|| drive(self, future)));
        if self.sim.is_local(self.host) {
            lock(&shared.world).limit = None;
            shared.ready.forget_stops();
            for other in self.sim.loops() {
                if other.host != self.host {
                    // Whoever is paused or has crashed is there for this, and for no more.
                    let mode = shared.ready.mode(other.host);
                    shared.ready.set_mode(other.host, Mode::Up);
                    drive(&other, other.end_run());
                    shared.ready.set_mode(other.host, mode);
                }
            }
        }
        let failure = self.sim.failure();
        match (outcome, failure) {
            (_, Some(report)) if shared.tells_seed => panic!("{report}"),
            (_, Some(report)) => resume_unwind(Box::new(report)),
            (Ok(output), None) => output,
            (Err(payload), None) => {
                if shared.tells_seed {
                    eprintln!("the seed was {}", self.sim.seed());
                }
                resume_unwind(payload)
            }
        }
    }

    fn refuses_to_block(&self) -> Option<String> {
        // A run that ended with a panic has poisoned the lock, and is over all the same.
        let driving = self.shared().driving.try_lock();
        matches!(driving, Err(TryLockError::WouldBlock)).then(|| {
            "its simulation is being run already, by another thread or by whoever called this; \
             spawn on the loop instead"
                .to_owned()
        })
    }
}

impl fmt::Debug for SimLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimLoop")
            .field("host", &self.host_name())
            .field("sim", &self.sim)
            .finish_non_exhaustive()
    }
}
