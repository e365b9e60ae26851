//! What the simulated test of `#[polyloop::test]` becomes.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polyloop_core::Lifecycle;
use polyloop_sim::{Seeds, SimLoop};

use super::testing::{TestOutcome, Watched, watch};

/// The arguments of the attribute, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct SeedsTest {
    /// The test's path, with its crate.
    pub path: &'static str,
    /// The package that it is compiled in.
    pub package: Option<&'static str>,
    /// How long it may take, with all its seeds, in real time.
    pub deadline: Duration,
    /// How many seeds.
    pub seeds: u64,
    /// Where the run of a failing seed is drawn.
    pub trace: Option<&'static str>,
}

/// Runs one test on the simulated loop under each of its seeds, with one deadline for
/// all.
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
        deadline,
        seeds,
        trace,
    } = test;
    // As the test harness names it: without the crate.
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    let running = Arc::new(Mutex::new(None::<SimLoop>));
    let on_thread = Arc::clone(&running);
    let work = move || {
        let mut runs = Seeds::first(seeds).each_scheduler().each_pace().named(name);
        if let Some(package) = package {
            runs = runs.package(package);
        }
        if let Some(trace) = trace {
            runs = runs.picture(Path::new(trace));
        }
        runs.check(|lp| {
            *on_thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(lp.clone());
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
            give_up: Box::new(move || {
                let running = running
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                let Some(lp) = running else {
                    return "no simulation was made".to_owned();
                };
                let (seed, tasks) = (lp.sim().seed(), lp.task_count());
                // A body that does await can still be told to go.
                let _ = lp.stop();
                format!(
                    "it was under seed {seed} (POLYLOOP_SEED={seed} runs only that one), with {tasks} tasks alive"
                )
            }),
        },
    );
}

/// A text that is shown as it is.
struct Plain(String);

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
