//! [`Builder`]: what a simulation is like.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use crate::{Link, Pace, Scheduler, Sim, SimLoop};

/// In real time: longer than anybody waits, and no clock overflows.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Describes a simulation and makes it.
///
/// ```
/// use polyloop_core::MainLoop;
/// use polyloop_sim::{Link, Scheduler, Sim};
/// use std::time::Duration;
///
/// let sim = Sim::builder()
///     .seed(7)
///     .scheduler(Scheduler::Starved)
///     .link(Link::new().latency(Duration::from_millis(40)))
///     .build();
/// assert_eq!(sim.seed(), 7);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct Builder {
    pub(crate) seed: Option<u64>,
    pub(crate) scheduler: Scheduler,
    pub(crate) pace: Pace,
    pub(crate) link: Link,
    pub(crate) keep: usize,
    pub(crate) recording: bool,
    pub(crate) payload: bool,
    pub(crate) spin_limit: u64,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) wall_time: SystemTime,
    pub(crate) patience: Duration,
    pub(crate) thread_grace: Duration,
    pub(crate) thread_time: RangeInclusive<Duration>,
    pub(crate) tells_seed: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        /// The first second of the year 2000.
        const BEGINNING: Duration = Duration::from_secs(946_684_800);

        Self {
            seed: None,
            scheduler: Scheduler::default(),
            pace: Pace::default(),
            link: Link::default(),
            keep: 4_096,
            recording: true,
            payload: false,
            spin_limit: 1_000_000,
            time_limit: None,
            wall_time: SystemTime::UNIX_EPOCH + BEGINNING,
            patience: Duration::from_millis(100),
            thread_grace: Duration::from_secs(1),
            thread_time: Duration::ZERO..=Duration::ZERO,
            tells_seed: true,
        }
    }

    /// A run that panics does not print its seed, and one that can't go on prints nothing:
    /// whoever began it tells that.
    pub(crate) fn silent(mut self) -> Self {
        self.tells_seed = false;
        self
    }

    /// The number that everything is drawn from. Unless set, it is the one in the
    /// environment variable `POLYLOOP_SEED`, or 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Which of the tasks that are ready has its turn: drawn at random unless set.
    pub fn scheduler(mut self, scheduler: Scheduler) -> Self {
        self.scheduler = scheduler;
        self
    }

    /// How fast the hosts are: infinitely fast unless set, so that whatever is ready has
    /// its turn before time moves on.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// What leads from one host to another, unless they are given a link of their own.
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// How many of the last records the [trace](Sim::trace) keeps: 4,096 unless set;
    /// `usize::MAX` keeps all.
    pub fn keep_records(mut self, keep: usize) -> Self {
        self.keep = keep;
        self
    }

    /// Whether anything is recorded: it is unless set. Without it there is no trace, and
    /// no digest to compare runs by, and large simulations are faster.
    pub fn recording(mut self, recording: bool) -> Self {
        self.recording = recording;
        self
    }

    /// Whether the trace also has what programs write to their connections: it has not
    /// unless set. Then the [digest](crate::Trace::digest) is one of content, too, and
    /// [`Seeds::twice`](crate::Seeds::twice) finds a date or a random number that went over
    /// the network.
    ///
    /// ```
    /// use polyloop_sim::{Seeds, Sim};
    ///
    /// # async fn exchange(_: polyloop_sim::SimLoop) {}
    /// Seeds::first(20).builder(Sim::builder().payload(true)).twice().check(exchange);
    /// ```
    pub fn payload(mut self, payload: bool) -> Self {
        self.payload = payload;
        self
    }

    /// How many turns there may be until time moves on because nothing else is to be done
    /// at a moment: a million unless set. Then the simulation is taken to spin, and the run
    /// ends with a report.
    ///
    /// A simulation that is busy for very long takes time: after some hundred turns each
    /// takes a microsecond of virtual time.
    pub fn spin_limit(mut self, turns: u64) -> Self {
        self.spin_limit = turns;
        self
    }

    /// How much virtual time one run may take. Then it ends with a report. Unless set, it
    /// may go on until the seventieth year of the simulation.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// What the wall clocks of all hosts say when the simulation begins: the beginning
    /// of the year 2000 unless set.
    pub fn wall_time(mut self, time: SystemTime) -> Self {
        self.wall_time = time;
        self
    }

    /// How long, in real time, an idle simulation waits for a thread that is none of its
    /// own before it reports that nothing is left to happen: 100 ms unless set.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(LONGEST_WAIT);
        self
    }

    /// How long, in real time, the simulation stands still for work on a thread: 1 s
    /// unless set.
    ///
    /// What ends within that time, or waits for the loop in
    /// [`call_from_thread`](polyloop_core::Threads::call_from_thread), has its place in
    /// the order of the simulation, the same in each run. What does not is taken to wait
    /// for something that the simulation can't see; then the two go on side by side,
    /// and virtual time passes no faster than real time until it returns.
    pub fn thread_grace(mut self, grace: Duration) -> Self {
        self.thread_grace = grace.min(LONGEST_WAIT);
        self
    }

    /// How much virtual time passes before work on a thread is done, drawn from this
    /// range: none unless set.
    ///
    /// # Panics
    /// If the range is empty.
    #[track_caller]
    pub fn thread_time(mut self, time: RangeInclusive<Duration>) -> Self {
        assert!(!time.is_empty(), "no time is in {time:?}");
        self.thread_time = time;
        self
    }

    /// Makes the simulation.
    ///
    /// # Panics
    /// If no seed was given and `POLYLOOP_SEED` is set to something else than a
    /// number; [`seed_from_env`](crate::seed_from_env) says so without a panic.
    pub fn build(self) -> Sim {
        Sim::from_builder(self)
    }

    /// Makes the simulation and gives out the loop of its own host, as
    /// [`Sim::local`] does.
    pub fn build_loop(self) -> SimLoop {
        self.build().local()
    }
}
