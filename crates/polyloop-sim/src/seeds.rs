//! [`Seeds`]: a test under many seeds, and what is known when one of them fails.
//!
//! `counterexample` is what a failing seed gives, and its report; `kept` reads the file of
//! seeds that are tried first; `outcome` is what a test may return; `run` is one seed; `hush`
//! keeps its panics; `environment` is what the one who runs the tests asks for.

mod counterexample;
mod environment;
mod hush;
mod kept;
mod outcome;
mod run;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub use counterexample::Counterexample;
pub use outcome::Outcome;

use crate::builder::Builder;
use crate::{Sim, SimLoop, Trace};
use environment::Environment;
use hush::Hush;
use run::Problem;

/// Runs `body` under the seeds 0 to `count - 1`, each in a simulation of its own, and
/// panics with a report if it fails under one of them: short for
/// [`Seeds::first(count).check(body)`](Seeds::check).
///
/// ```
/// use polyloop_core::{Loop, Timers};
/// use std::time::Duration;
///
/// polyloop_sim::check_seeds(50, |lp| async move {
///     let before = lp.now();
///     lp.sleep(Duration::from_secs(3600)).await;
///     assert_eq!(lp.now() - before, Duration::from_secs(3600));
/// });
/// ```
///
/// # Panics
/// If the body fails.
#[track_caller]
pub fn check_seeds<B, F>(count: u64, body: B)
where
    B: FnMut(SimLoop) -> F,
    F: Future<Output: Outcome>,
{
    Seeds::first(count).check(body);
}

/// The seeds that a test is run under, and how.
///
/// ```should_panic
/// use polyloop_sim::Seeds;
///
/// Seeds::first(200).twice().check(|lp| async move {
///     // A mistake that needs a certain order of events:
///     if lp.sim().random_in(0..100) == 42 {
///         return Err("it was 42");
///     }
///     Ok(())
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "seeds run nothing until `check` or `find`"]
pub struct Seeds {
    count: u64,
    builder: Builder,
    twice: bool,
    each_scheduler: bool,
    each_pace: bool,
    name: Option<String>,
    package: Option<String>,
    picture: Option<PathBuf>,
    kept: Option<PathBuf>,
    over: Arc<AtomicBool>,
}

impl Seeds {
    /// The seeds 0 to `count - 1`: the same ones each time, so that a test which passes
    /// goes on passing until something is changed.
    pub fn first(count: u64) -> Self {
        Self {
            count,
            builder: Sim::builder(),
            twice: false,
            each_scheduler: false,
            each_pace: false,
            name: None,
            package: None,
            picture: None,
            kept: None,
            over: Arc::default(),
        }
    }

    /// What each simulation is like, apart from its seed.
    pub fn builder(mut self, builder: Builder) -> Self {
        self.builder = builder;
        self
    }

    /// Runs each seed twice and compares the traces: a test whose runs differ depends on
    /// something that is not simulated (a clock of the machine, a thread of its own, the
    /// order of a hash map), and its failures can't be run again.
    pub fn twice(mut self) -> Self {
        self.twice = true;
        self
    }

    /// Lets the seeds take turns with all [schedulers](crate::Scheduler::ALL), whatever the
    /// builder says: which one a seed has is [told by the seed](crate::Scheduler::by_seed), so
    /// that running it again needs nothing else.
    ///
    /// ```
    /// use polyloop_core::{Promise, Spawner, Timers};
    /// use polyloop_sim::Seeds;
    /// use std::time::Duration;
    ///
    /// Seeds::first(50).each_scheduler().check(|lp| async move {
    ///     let task = lp.spawn(async { 42 });
    ///     lp.sleep(Duration::from_millis(1)).await;
    ///     assert_eq!(task.await.ok(), Some(42));
    /// });
    /// ```
    pub fn each_scheduler(mut self) -> Self {
        self.each_scheduler = true;
        self
    }

    /// Lets the seeds take turns with every [pace](crate::Pace::ALL) as well, whatever the
    /// builder says: which one a seed has is [told by the seed](crate::Pace::by_seed).
    ///
    /// Where something is late, a task that sleeps may wake up late, too: such a test
    /// does not rely on an exact time.
    ///
    /// ```
    /// use polyloop_core::{Loop, Timers};
    /// use polyloop_sim::Seeds;
    /// use std::time::Duration;
    ///
    /// Seeds::first(50).each_scheduler().each_pace().check(|lp| async move {
    ///     let before = lp.now();
    ///     lp.sleep(Duration::from_secs(1)).await;
    ///     assert!(lp.now() - before >= Duration::from_secs(1));
    /// });
    /// ```
    pub fn each_pace(mut self) -> Self {
        self.each_pace = true;
        self
    }

    /// What the test is called, for the report; unless set, it is the name of the thread,
    /// which the test harness names after the test.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The package that the test is in, for the command that runs it again.
    pub fn package(mut self, package: impl Into<String>) -> Self {
        self.package = Some(package.into());
        self
    }

    /// Where [`check`](Self::check) draws the run of a failing seed: in this file or, if
    /// it is a directory, in a file of that test and seed. A file whose name ends in `.txt`
    /// gets one line per event instead. `POLYLOOP_TRACE` in the
    /// environment goes before it.
    pub fn picture(mut self, path: impl Into<PathBuf>) -> Self {
        self.picture = Some(path.into());
        self
    }

    /// Where the seeds are kept under which it failed before: [`check`](Self::check) tries
    /// those first, and tells of the first one that fails. The file has a seed on each line, and
    /// what is behind a `#` is a remark; without the file there are none. `cargo polyloop seeds`
    /// keeps there what it finds.
    pub fn kept_in(mut self, path: impl Into<PathBuf>) -> Self {
        self.kept = Some(path.into());
        self
    }

    /// Begins no further seed once `over` is set: for a limit in real time, which another
    /// thread watches, of a search that is to end with what it has found.
    ///
    /// ```
    /// use polyloop_sim::Seeds;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let over = Arc::new(AtomicBool::new(false));
    /// let mut runs = 0;
    /// Seeds::first(1_000).until(over.clone()).check(|_| {
    ///     runs += 1;
    ///     over.store(runs == 3, Ordering::Release);
    ///     async {}
    /// });
    /// assert_eq!(runs, 3);
    /// ```
    pub fn until(mut self, over: Arc<AtomicBool>) -> Self {
        self.over = over;
        self
    }

    /// Runs `body` under each seed, in a simulation of its own, on the loop of its local
    /// host.
    ///
    /// It follows the environment: `POLYLOOP_SEED` makes it run that seed only,
    /// `POLYLOOP_SEEDS` is another number of seeds (unless it is one seed by design),
    /// `POLYLOOP_FIRST_SEED` begins with that seed, and with none that is kept (then also a
    /// test of one seed has as many as asked for), and `POLYLOOP_TRACE` says where the run of a
    /// failing seed is drawn (or, if that ends in `.txt`, written as lines), or, with
    /// `POLYLOOP_SEED`, that of this seed however it ends.
    ///
    /// # Panics
    /// If the body panics or returns an error, if a simulation can't go on, or if a
    /// variable of the environment can't be followed or the file of kept seeds not be read. The
    /// text, which is printed too, tells the seed, how to run exactly that one again, and the
    /// last events. The panics of single runs are printed under `POLYLOOP_SEED` only.
    #[track_caller]
    pub fn check<B, F>(&self, mut body: B)
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        let environment = match Environment::read() {
            Ok(environment) => environment,
            Err(error) => panic!("{error}"),
        };
        let picture = environment.trace.as_ref().or(self.picture.as_ref());
        let name = self.shown_name();
        let draw = |seed: u64, trace: &Trace| {
            let title = name.as_deref().unwrap_or("A run under one seed");
            let path = environment::picture_file(picture?, title, seed);
            // Whoever reads that may be in another directory than the test.
            let path = std::path::absolute(&path).unwrap_or(path);
            let (what, written) = if environment::is_text(&path) {
                ("events", trace.write_to(&path))
            } else {
                ("picture", trace.diagram().title(title).write_to(&path))
            };
            Some(match written {
                Ok(()) => format!("its {what}: {}", path.display()),
                Err(error) => format!(
                    "its {what} could not be written to {}: {error}",
                    path.display()
                ),
            })
        };
        let found = if let Some(seed) = environment.seed {
            let run = self.run(seed, &mut body);
            if run.error.is_none()
                && environment.trace.is_some()
                && let Some(line) = draw(seed, &run.trace)
            {
                eprintln!("seed {seed} passes; {line}");
            }
            run.error
                .map(|error| self.counterexample(seed, error, run.trace))
        } else {
            let first = environment.first;
            let count = environment.seeds;
            let count = count.filter(|_| self.count > 1 || first.is_some());
            let count = count.unwrap_or(self.count);
            let kept = match (first, &self.kept) {
                (None, Some(path)) => kept::read(path),
                _ => Ok(Vec::new()),
            };
            let kept = match kept {
                Ok(kept) => kept,
                Err(error) => panic!("{error}"),
            };
            let first = first.unwrap_or(0);
            self.first_kept(&kept, &mut body)
                .or_else(|| self.search(first..first.saturating_add(count), &mut body))
        };
        if let Some(found) = found {
            let line = draw(found.seed, &found.trace);
            let line = line.map_or_else(String::new, |line| format!("\n{line}"));
            let report = format!("{found}{line}");
            // A panic would add its own place and a backtrace, which lead in here.
            eprintln!("\n{report}");
            resume_unwind(Box::new(report));
        }
    }

    /// Looks for a seed under which `body` fails, whatever the environment says.
    ///
    /// Some seeds after the first failing one are tried as well: what is given is the
    /// failing run with the fewest records, which is the easiest one to read.
    /// Panics of single runs are not printed.
    pub fn find<B, F>(&self, mut body: B) -> Option<Counterexample>
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        self.search(0..self.count, &mut body)
    }

    /// Tries the seeds that it failed under before.
    fn first_kept<B, F>(&self, kept: &[u64], body: &mut B) -> Option<Counterexample>
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        let _hush = (!kept.is_empty()).then(Hush::begin);
        for (before, seed) in (0..).zip(kept) {
            if self.over.load(Ordering::Acquire) {
                break;
            }
            let run = self.run(*seed, body);
            if let Some(error) = run.error {
                let mut found = self.counterexample(*seed, error, run.trace);
                found.runs = before + 1;
                return Some(found);
            }
        }
        None
    }

    fn search<B, F>(&self, seeds: Range<u64>, body: &mut B) -> Option<Counterexample>
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        /// How many seeds are tried after the first failing one, for a shorter run.
        const LOOK_ON: u64 = 20;

        let Range { start, mut end } = seeds;
        let _hush = (end.saturating_sub(start) > 1).then(Hush::begin);
        let mut best: Option<Counterexample> = None;
        let mut failing = Vec::new();
        let mut seed = start;
        while seed < end && !self.over.load(Ordering::Acquire) {
            let run = self.run(seed, body);
            if let Some(error) = run.error {
                if failing.is_empty() {
                    end = end.min(seed.saturating_add(1 + LOOK_ON));
                }
                failing.push(seed);
                let found = self.counterexample(seed, error, run.trace);
                if best
                    .as_ref()
                    .is_none_or(|best| found.length() < best.length())
                {
                    best = Some(found);
                }
            }
            seed += 1;
        }
        let mut best = best?;
        best.runs = seed - start;
        failing.retain(|seed| *seed != best.seed);
        best.others = failing;
        Some(best)
    }

    fn counterexample(&self, seed: u64, error: Problem, trace: Trace) -> Counterexample {
        Counterexample {
            seed,
            place: error.place,
            error: error.text,
            has_events: error.has_events,
            trace,
            runs: 1,
            others: Vec::new(),
            name: self.shown_name(),
            package: self.package.clone(),
        }
    }

    fn shown_name(&self) -> Option<String> {
        let of_thread = || {
            thread::current()
                .name()
                .filter(|name| *name != "main")
                .map(str::to_owned)
        };
        self.name.clone().or_else(of_thread)
    }
}
