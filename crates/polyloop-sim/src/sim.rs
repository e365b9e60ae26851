//! [`Sim`]: one simulation, with its hosts, its clock and its trace.

use std::fmt;
use std::future::Future;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use fastrand::Rng;
use polyloop_core::{LoopState, MainLoop, RunError};

use crate::builder::Builder;
use crate::clock::{Clock, nanos};
use crate::host::{HostRef, unfit};
use crate::hosts_run::HostsRun;
use crate::lock::lock;
use crate::network::is_share;
use crate::ready::Ready;
use crate::seed::seed_from_env;
use crate::signals::SharedTable;
use crate::sim_loop::{Home, SimLoop};
use crate::stalls::Stalls;
use crate::threads::Workshop;
use crate::trace::{Event, Recorder, Trace};
use crate::world::{Due, Host, World};
use crate::{HostId, Pace};

/// The name of the host that [`Sim::run`] runs its future on.
const LOCAL: &str = "local";

/// A simulation: hosts, what leads from one to another, and one clock for all of them.
/// Clones are the same simulation.
///
/// There is nothing global in it: as many as one likes run side by side in a process.
///
/// ```
/// use polyloop_core::Timers;
/// use polyloop_sim::Sim;
/// use std::time::Duration;
///
/// let sim = Sim::new(7);
/// let server = sim.host("server");
/// let waited = sim.run(async move {
///     let begun = server.now();
///     server.sleep(Duration::from_secs(3600)).await; // takes no time
///     server.now() - begun
/// })?;
/// assert_eq!(waited, Duration::from_secs(3600));
/// # Ok::<(), polyloop_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct Sim {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) type Check = Box<dyn FnMut() -> Result<(), String> + Send>;

pub(crate) struct Shared {
    pub(crate) clock: Arc<Clock>,
    /// Every timer that was due by then has been taken out.
    pub(crate) due_by: AtomicU64,
    pub(crate) ready: Arc<Ready>,
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) world: Mutex<World>,
    /// Taken before the world, where both are.
    pub(crate) stalls: Mutex<Stalls>,
    pub(crate) pace: Pace,
    pub(crate) checks: Mutex<Vec<Check>>,
    pub(crate) has_checks: AtomicBool,
    /// Whoever runs the simulation has this.
    pub(crate) driving: Mutex<()>,
    pub(crate) hosts_run: HostsRun,
    pub(crate) seed: u64,
    pub(crate) spin_limit: u64,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) patience: Duration,
    pub(crate) thread_grace: Duration,
    pub(crate) thread_time: RangeInclusive<Duration>,
    /// A run that panics prints its seed.
    pub(crate) tells_seed: bool,
    wall_time: std::time::SystemTime,
}

impl Sim {
    /// A simulation from a seed, with the defaults of [`Builder`].
    pub fn new(seed: u64) -> Self {
        Self::builder().seed(seed).build()
    }

    /// Describes a simulation first.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn from_builder(builder: Builder) -> Self {
        let seed = builder.seed.unwrap_or_else(|| match seed_from_env() {
            Ok(seed) => seed.unwrap_or(0),
            Err(error) => panic!("{error}"),
        });
        let mut root = Rng::with_seed(seed);
        let ready = Arc::new(Ready::new(builder.scheduler, root.fork()));
        let recorder = Recorder::new(builder.keep, builder.recording);
        let (scheduler, pace) = (builder.scheduler, builder.pace);
        let mut world = World::new(seed, recorder, builder.link, &mut root);
        (world.scheduler, world.pace) = (scheduler, pace);
        world.network.set_payload(builder.payload);
        let shared = Shared {
            clock: Arc::new(Clock::new()),
            due_by: AtomicU64::new(0),
            workshop: Arc::new(Workshop::new(ready.clone())),
            ready,
            world: Mutex::new(world),
            stalls: Mutex::new(Stalls::new(pace, root.fork())),
            pace,
            checks: Mutex::default(),
            has_checks: AtomicBool::new(false),
            driving: Mutex::new(()),
            hosts_run: HostsRun::default(),
            seed,
            spin_limit: builder.spin_limit,
            time_limit: builder.time_limit,
            patience: builder.patience,
            thread_grace: builder.thread_grace,
            thread_time: builder.thread_time,
            tells_seed: builder.tells_seed,
            wall_time: builder.wall_time,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The seed that gives this run again.
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// The loop of the host of that name: the one there is, or a new one with addresses
    /// of its own. From every host it is reached under its name, in upper or lower case, and
    /// where that is of another script also in its `xn--` form: whatever a lookup takes for
    /// the same name is the same host.
    ///
    /// # Panics
    /// If a name would not lead to it: one that a lookup refuses, as it does with spaces and
    /// with more than 253 characters (DNS-05), an address, `localhost`, or one that ends with
    /// a dot or has colons or brackets in it.
    #[track_caller]
    pub fn host(&self, name: &str) -> SimLoop {
        let mut world = lock(&self.shared.world);
        let known = world.network.find_host(name);
        let id = known.unwrap_or_else(|| {
            if let Some(why) = unfit(name) {
                panic!(
                    "a host can't be called {name:?}: {why}; expected a name that can be looked \
                     up, such as \"db-1\" or \"api.example\""
                );
            }
            world.network.add_host(name)
        });
        let mut made = false;
        if id.index() == world.hosts.len() {
            let clock = self.shared.clock.clone();
            let home = Home::new(Arc::downgrade(&self.shared), id);
            let state = LoopState::with_clock("sim", home, move || clock.read());
            state.set_needs_run();
            world.hosts.push(Host {
                state,
                wall: (0, self.shared.wall_time),
                boot: Vec::new(),
                ending: None,
                signals: SharedTable::default(),
            });
            made = true;
        }
        let state = world.hosts[id.index()].state.clone();
        drop(world);
        let lp = SimLoop::new_handle(state, self.clone(), id);
        if made {
            self.shared.hosts_run.add(&lp);
        }
        lp
    }

    /// The loop of a host that is there already.
    pub fn find_host(&self, host: impl HostRef) -> Option<SimLoop> {
        let id = host.look_up(self)?;
        let state = lock(&self.shared.world)
            .hosts
            .get(id.index())?
            .state
            .clone();
        Some(SimLoop::new_handle(state, self.clone(), id))
    }

    /// The loop of the simulation's own host, `local`: where a test runs whose subject
    /// is elsewhere, or that needs one host only.
    pub fn local(&self) -> SimLoop {
        self.host(LOCAL)
    }

    /// Runs `main` on the simulation's own host, and with it everything on all hosts,
    /// until it is done. Then the loops of all hosts are wound up, as
    /// [`MainLoop::run`] does it with one.
    ///
    /// A host's own loop can be run, too: then the other hosts stand still when that is
    /// done, and go on in the next run.
    ///
    /// # Panics
    /// With the panic of `main`; with a report of what every task waits for, if nothing
    /// is left to happen and `main` is not done; with one of who is busy, if the
    /// simulation spins; or if a [check](Self::check) fails.
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, RunError> {
        self.local().run(main)
    }

    /// Virtual time since the simulation began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.shared.clock.now())
    }

    /// Calls `script` at that time, counted from the beginning of the simulation; at once
    /// if it has passed. It is called between two events and belongs to no host.
    ///
    /// ```
    /// use polyloop_sim::Sim;
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(1);
    /// sim.host("a");
    /// sim.host("b");
    /// sim.at(Duration::from_secs(5), |sim| sim.partition("a", "b"));
    /// sim.at(Duration::from_secs(65), |sim| sim.heal("a", "b"));
    /// ```
    pub fn at(&self, time: Duration, script: impl FnOnce(&Sim) + Send + 'static) {
        let time = nanos(time).max(self.shared.clock.now());
        lock(&self.shared.world).enter_due(time, Due::Script(Box::new(script)));
        self.shared.ready.nudge();
    }

    /// Calls `script` when that much virtual time has passed.
    pub fn after(&self, delay: Duration, script: impl FnOnce(&Sim) + Send + 'static) {
        self.at(self.elapsed().saturating_add(delay), script);
    }

    /// Asks `invariant` after every event. One that does not hold ends the run with its
    /// text, the seed and the last events.
    ///
    /// ```should_panic
    /// use polyloop_core::Timers;
    /// use polyloop_sim::Sim;
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(1);
    /// let clock = sim.clone();
    /// sim.check(move || {
    ///     if clock.elapsed() < Duration::from_secs(1) { Ok(()) } else { Err("too late") }
    /// });
    /// let lp = sim.local();
    /// sim.run(async move { lp.sleep(Duration::from_secs(5)).await })?;
    /// # Ok::<(), polyloop_core::RunError>(())
    /// ```
    pub fn check<E: fmt::Display>(
        &self,
        mut invariant: impl FnMut() -> Result<(), E> + Send + 'static,
    ) {
        let check: Check = Box::new(move || invariant().map_err(|error| error.to_string()));
        lock(&self.shared.checks).push(check);
        self.shared.has_checks.store(true, Ordering::Release);
    }

    /// Ends the run with `text`, as a [check](Self::check) that fails does.
    pub fn fail(&self, text: impl fmt::Display) {
        let text = text.to_string();
        let mut told = false;
        self.check(move || {
            if std::mem::replace(&mut told, true) {
                Ok(())
            } else {
                Err(text.clone())
            }
        });
    }

    /// Why the last run was ended before its future was done, if it was.
    pub fn failure(&self) -> Option<String> {
        lock(&self.shared.world).failure.clone()
    }

    /// What happened, as far as it was [kept](Builder::keep_records).
    pub fn trace(&self) -> Trace {
        lock(&self.shared.world).trace_of(usize::MAX)
    }

    /// Keeps so many records of the trace from here on.
    pub fn keep_records(&self, keep: usize) {
        lock(&self.shared.world).trace.keep(keep);
    }

    /// Puts `text` into the trace, as said on `host`.
    pub fn note(&self, host: impl HostRef, text: impl fmt::Display) {
        let host = host.host_in(self);
        let text = text.to_string();
        let now = self.shared.clock.now();
        lock(&self.shared.world)
            .trace
            .note(now, Event::Note { host, text });
    }

    /// A number drawn from the seed. What tests draw changes nothing for the simulation.
    pub fn random(&self) -> u64 {
        lock(&self.shared.world).random.users.u64(..)
    }

    /// A number in the range, drawn from the seed.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn random_in(&self, range: Range<u64>) -> u64 {
        lock(&self.shared.world).random.users.u64(range)
    }

    /// True with that probability, drawn from the seed.
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    #[track_caller]
    pub fn chance(&self, probability: f64) -> bool {
        is_share("probability", probability);
        lock(&self.shared.world).random.users.f64() < probability
    }

    pub(crate) fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The loops of all hosts.
    pub(crate) fn loops(&self) -> Vec<SimLoop> {
        let world = lock(&self.shared.world);
        let states: Vec<_> = world.hosts.iter().map(|host| host.state.clone()).collect();
        drop(world);
        states
            .into_iter()
            .enumerate()
            .map(|(index, state)| {
                SimLoop::new_handle(state, self.clone(), HostId::from_index(index))
            })
            .collect()
    }

    /// Whether the host is the simulation's own.
    pub(crate) fn is_local(&self, host: HostId) -> bool {
        lock(&self.shared.world).name_of(host) == LOCAL
    }
}

impl Shared {
    pub(crate) fn downgrade(self: &Arc<Self>) -> Weak<Self> {
        Arc::downgrade(self)
    }

    pub(crate) fn task_ended(&self, slot: usize) {
        let now = self.clock.now();
        lock(&self.world).leave_task(now, slot);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed())
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}
