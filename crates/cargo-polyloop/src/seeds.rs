//! `cargo polyloop seeds`: a hunt over many seeds, on all processors.
//!
//! Each process runs one test under a stretch of seeds. What is found is kept beside the
//! package's manifest, where the test itself looks first from then on.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::building;
use crate::case::{Case, Column};
use crate::project::Project;
use crate::running::{Run, processors, progress, seed, told};
use crate::set::FeatureSet;
use crate::test::found;

/// Options of `cargo polyloop seeds`.
#[derive(Args)]
pub(crate) struct Options {
    /// Hunts only in the simulated tests whose name contains this.
    filter: Option<String>,
    /// How many seeds for each test.
    #[arg(
        short = 'n',
        long = "seeds",
        value_name = "NUMBER",
        default_value_t = 10_000
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// The first of them.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,
    /// Begins no further stretch of seeds after so long.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<u64>,
    /// Hunts in this package of the workspace; may be given more than once.
    #[arg(short, long, value_name = "NAME")]
    package: Vec<String>,
    /// Builds with this set of features: names, `default`, `all` or `none`.
    #[arg(long, value_name = "SET", default_value = "default")]
    features_set: FeatureSet,
}

/// How many seeds one process runs: few enough that a hunt can end, and that a failure,
/// after which no more of the same test are begun, comes soon.
const STRETCH: u64 = 250;

/// A stretch of seeds of one test.
struct Stretch {
    case: usize,
    first: u64,
    count: u64,
}

/// What was found in one test.
enum Find {
    /// A seed, and the report.
    Seed(u64, String),
    /// It fails, and not for a seed.
    Other(String),
}

/// What is still to be done, and what was.
struct Hunt {
    left: VecDeque<Stretch>,
    finds: Vec<Option<Find>>,
    done: u64,
}

/// Whether nothing was found.
pub(crate) fn run(options: &Options) -> Result<bool, String> {
    let project = Project::find(&options.package)?;
    let set = &options.features_set;
    set.check(&project)?;
    let executables = building::build(&project, set)?;
    let mut cases = found(&project, set, &executables)?;
    let sim = Column::by_name("sim");
    cases.retain(|case| Some(case.column) == sim && !case.ignored);
    if cases.is_empty() {
        return Err(format!(
            "no test of {} is simulated with {}: that takes polyloop's feature \"sim\", and \
             `#[polyloop::test]` or `#[polyloop::test(sim)]`",
            project.names(),
            set.name()
        ));
    }
    let filter = options.filter.as_deref().unwrap_or_default();
    cases.retain(|case| case.name.contains(filter));
    if cases.is_empty() {
        return Err(format!("no simulated test's name contains {filter:?}"));
    }
    let began = Instant::now();
    let run = Run {
        project: &project,
        set,
        executables: &executables,
    };
    let hunt = hunt(options, &run, &cases, began)?;
    progress("");
    anstream::println!(
        "{} seeds in {} tests, {:.1} s",
        hunt.done,
        cases.len(),
        began.elapsed().as_secs_f64()
    );
    let mut nothing = true;
    for (case, find) in cases.iter().zip(hunt.finds) {
        let Some(find) = find else {
            continue;
        };
        nothing = false;
        match find {
            Find::Seed(_, report) => {
                let path = run.seeds_of(case);
                anstream::println!("\n{report}\n\nkept in {}", path.display());
            }
            Find::Other(report) => anstream::println!("\n{}: {report}", case.name),
        }
    }
    Ok(nothing)
}

fn hunt(options: &Options, run: &Run<'_>, cases: &[Case], began: Instant) -> Result<Hunt, String> {
    let end = options
        .minutes
        .map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let hunt = Mutex::new(Hunt {
        left: stretches(options.first, options.count, cases.len()),
        finds: cases.iter().map(|_| None).collect(),
        done: 0,
    });
    let locked = || hunt.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || -> Result<(), String> {
        loop {
            if end.is_some_and(|end| began.elapsed() >= end) {
                return Ok(());
            }
            let Some(stretch) = locked().left.pop_front() else {
                return Ok(());
            };
            let case = &cases[stretch.case];
            if locked().finds[stretch.case].is_some() {
                continue;
            }
            let output = run
                .command(case)
                .env("POLYLOOP_FIRST_SEED", stretch.first.to_string())
                .env("POLYLOOP_SEEDS", stretch.count.to_string())
                .env_remove("POLYLOOP_SEED")
                .output()
                .map_err(|error| format!("{} did not start: {error}", case.name))?;
            let mut hunt = locked();
            hunt.done += stretch.count;
            if let (false, None) = (output.status.success(), &hunt.finds[stretch.case]) {
                let find = find(&output, case);
                // At once: a hunt may be interrupted.
                if let Find::Seed(seed, _) = &find {
                    let path = run.seeds_of(case);
                    keep(&path, *seed).map_err(|error| format!("{}: {error}", path.display()))?;
                }
                hunt.finds[stretch.case] = Some(find);
            }
            let found = hunt.finds.iter().flatten().count();
            progress(&format!(
                "{} seeds, {:.0} a second; {found} found",
                hunt.done,
                hunt.done as f64 / began.elapsed().as_secs_f64()
            ));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|payload| resume_unwind(payload))
        })
    })?;
    Ok(hunt.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The stretches, in turns: every test has its first seeds early.
fn stretches(first: u64, count: u64, cases: usize) -> VecDeque<Stretch> {
    let mut left = VecDeque::new();
    let mut done = 0;
    while done < count {
        let size = STRETCH.min(count - done);
        left.extend((0..cases).map(|case| Stretch {
            case,
            first: first.saturating_add(done),
            count: size,
        }));
        done += size;
    }
    left
}

fn find(output: &Output, case: &Case) -> Find {
    let printed = String::from_utf8_lossy(&output.stdout);
    let report = told(&printed, &case.name).trim().to_owned();
    match seed(&report) {
        Some(seed) => Find::Seed(seed, report),
        None => Find::Other(format!(
            "{report}\n{}({})",
            String::from_utf8_lossy(&output.stderr),
            output.status
        )),
    }
}

impl Run<'_> {
    /// Where the test looks for seeds: its whole path, the crate in front, as a name of a file.
    fn seeds_of(&self, case: &Case) -> PathBuf {
        let executable = &self.executables[case.executable];
        let folder = self.project.packages[executable.package].folder();
        folder
            .join(".polyloop-seeds")
            .join(file_name(&executable.target, &case.name))
    }
}

fn file_name(target: &str, name: &str) -> String {
    let crate_name = target.replace('-', "_");
    format!("{crate_name}-{}.txt", name.replace("::", "-"))
}

/// Adds a seed to a file, unless it is in there.
fn keep(path: &Path, seed: u64) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let line = seed.to_string();
    let before = fs::read_to_string(path).unwrap_or_default();
    if before.lines().any(|known| known.trim() == line) {
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{line}")
}

#[cfg(test)]
mod tests {
    use super::{STRETCH, file_name, keep, stretches};

    #[test]
    fn every_seed_has_its_turn_once_in_each_test() {
        let all = stretches(7, 2 * STRETCH + 1, 2);
        let of_second: Vec<(u64, u64)> = all
            .iter()
            .filter(|stretch| stretch.case == 1)
            .map(|stretch| (stretch.first, stretch.count))
            .collect();
        let second = 7 + STRETCH;
        assert_eq!(
            of_second,
            [(7, STRETCH), (second, STRETCH), (second + STRETCH, 1)]
        );
        assert_eq!(all[1].case, 1);
    }

    #[test]
    fn a_seed_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder
            .path()
            .join(".polyloop-seeds")
            .join(file_name("my-lib", "a::b::sim"));
        assert!(path.ends_with("my_lib-a-b-sim.txt"));
        for seed in [7, 70, 7] {
            keep(&path, seed).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), "7\n70\n");
    }
}
