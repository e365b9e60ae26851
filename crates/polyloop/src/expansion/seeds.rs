//! What the simulated test of `#[polyloop::test]` becomes.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use polyloop_core::Lifecycle;
use polyloop_sim::{Seeds, Sim, SimLoop};

use super::testing::{TestOutcome, Watched, watch};

/// The arguments of the attribute, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct SeedsTest {
    /// The test's path, with its crate.
    pub path: &'static str,
    /// The package that it is compiled in.
    pub package: Option<&'static str>,
    /// The folder of that package.
    pub folder: Option<&'static str>,
    /// How long it may take under each seed, in real time.
    pub deadline: Duration,
    /// How much virtual time it may take under each seed.
    pub virtual_deadline: Option<Duration>,
    /// How many seeds.
    pub seeds: u64,
    /// Where the run of a failing seed is drawn.
    pub trace: Option<&'static str>,
}

/// Runs one test on the simulated loop under each of its seeds, with a deadline for each.
///
/// # Panics
/// If the test fails under a seed, or the deadline passes.
#[track_caller]
pub fn run_seeds<B, F>(test: SeedsTest, body: B)
where
    B: Fn(SimLoop) -> F + Send + 'static,
    F: Future<Output: TestOutcome>,
{
    let SeedsTest {
        path,
        package,
        folder,
        deadline,
        virtual_deadline,
        seeds,
        trace,
    } = test;
    // As the test harness names it: without the crate.
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    let running = Arc::new(Running {
        since: Mutex::new(Instant::now()),
        lp: Mutex::new(None),
    });
    let (on_thread, watched) = (Arc::clone(&running), Arc::clone(&running));
    let late = Arc::clone(&running);
    let over = Arc::new(AtomicBool::new(false));
    let no_more = Arc::clone(&over);
    let work = move || {
        let mut runs = Seeds::first(seeds).each_scheduler().each_pace().named(name);
        runs = runs.until(over);
        if let Some(limit) = virtual_deadline {
            runs = runs.builder(Sim::builder().time_limit(limit));
        }
        if let Some(package) = package {
            runs = runs.package(package);
        }
        if let Some(folder) = folder {
            runs = runs.kept_in(kept(folder, path));
        }
        if let Some(trace) = trace {
            runs = runs.picture(Path::new(trace));
        }
        runs.check(|lp| {
            on_thread.begins(&lp);
            let main = body(lp);
            async { main.await.failed().map_or(Ok(()), |text| Err(Plain(text))) }
        });
        None
    };
    watch(
        name,
        deadline,
        work,
        Watched {
            name: "sim",
            since: Box::new(move || *locked(&watched.since)),
            // A simulation that goes on and on is a run like any that fails: with a seed,
            // its last events and a picture; or one that failed before is, with fewer events.
            interrupt: Some(Box::new(move || {
                no_more.store(true, Ordering::Release);
                let Some(lp) = locked(&late.lp).clone() else {
                    return;
                };
                let sim = lp.sim();
                sim.fail(format_args!(
                    "not done within the deadline of {deadline:?} in real time, while {:?} of \
                     virtual time went by: it waits for what does not come (Promise::timeout \
                     limits a wait), or takes long (timeout = … is the deadline)",
                    sim.elapsed()
                ));
            })),
            give_up: Box::new(move || {
                let Some(lp) = locked(&running.lp).take() else {
                    return "no simulation was made".to_owned();
                };
                let seed = lp.sim().seed();
                // A body that does await can still be told to go.
                let _ = lp.stop();
                format!(
                    "it was under seed {seed} (POLYLOOP_SEED={seed} runs only that one), and it does \
                     not answer: it blocks its thread, or waits for another one"
                )
            }),
        },
    );
}

/// The file that `cargo polyloop seeds` keeps a test's seeds in.
fn kept(folder: &str, path: &str) -> PathBuf {
    let file = path.replace("r#", "").replace("::", "-");
    Path::new(folder)
        .join(".polyloop-seeds")
        .join(format!("{file}.txt"))
}

/// The run under one seed.
struct Running {
    since: Mutex<Instant>,
    lp: Mutex<Option<SimLoop>>,
}

impl Running {
    fn begins(&self, lp: &SimLoop) {
        *locked(&self.lp) = Some(lp.clone());
        *locked(&self.since) = Instant::now();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text that is shown as it is.
struct Plain(String);

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
