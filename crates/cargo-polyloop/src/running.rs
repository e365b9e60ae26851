//! Running tests: a process for each, as many at a time as there are processors.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::building::Executable;
use crate::cargo::{shown, words};
use crate::case::Case;
use crate::matrix::{Cell, Matrix, Outcome, Ran};
use crate::project::Project;
use crate::set::FeatureSet;
use crate::table::Table;

/// Everything that the tests of one set of features need.
pub(crate) struct Run<'a> {
    pub(crate) project: &'a Project,
    pub(crate) set: &'a FeatureSet,
    pub(crate) executables: &'a [Executable],
}

impl Run<'_> {
    /// Runs the cases, and prints each row once all of it is there.
    pub(crate) fn all(&self, cases: &[Case]) -> Result<Matrix, String> {
        let given = cases.iter().map(|case| (case, self.target(case)));
        let (mut matrix, places) = Matrix::new(self.set.name(), given);
        let table = Table::of(&matrix);
        anstream::print!("{}", table.head());
        let (sender, done) = mpsc::channel();
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..processors().min(cases.len()) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(place) else {
                            return;
                        };
                        if sender.send((place, self.one(case))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut printed = 0;
            for (count, (place, ran)) in done.iter().enumerate() {
                let (row, column) = places[place];
                matrix.rows[row].cells[column] = Cell::Done(ran?);
                progress(&format!("{} of {}", count + 1, cases.len()));
                while let Some(row) = matrix.rows.get(printed).filter(|row| row.is_done()) {
                    progress("");
                    anstream::print!("{}", table.row(&matrix, row, printed));
                    printed += 1;
                }
            }
            Ok(())
        })
        .map_err(|error: io::Error| format!("a test did not start: {error}"))?;
        Ok(matrix)
    }

    fn target(&self, case: &Case) -> String {
        let executable = &self.executables[case.executable];
        let package = &self.project.packages[executable.package];
        let target = match executable.selector.first().map(String::as_str) {
            Some("--lib") => "lib",
            _ => executable.target.as_str(),
        };
        if self.project.packages.len() == 1 {
            target.to_owned()
        } else {
            format!("{} {target}", package.name)
        }
    }

    /// A call of one test, with nobody else's.
    pub(crate) fn command(&self, case: &Case) -> Command {
        let executable = &self.executables[case.executable];
        let package = &self.project.packages[executable.package];
        let mut command = Command::new(&executable.path);
        command
            .args(["--exact", &case.name])
            .current_dir(package.folder())
            .env("CARGO_MANIFEST_DIR", package.folder())
            .env("CARGO_PKG_NAME", &package.name)
            .env("CARGO_PKG_VERSION", &package.version)
            .stdin(Stdio::null());
        command
    }

    fn one(&self, case: &Case) -> io::Result<Ran> {
        let began = Instant::now();
        let output = self.command(case).output()?;
        let took = began.elapsed();
        let printed = String::from_utf8_lossy(&output.stdout);
        let outcome = if case.ignored && output.status.success() {
            Outcome::Ignored(reason(&printed).unwrap_or_default().to_owned())
        } else if output.status.success() {
            Outcome::Pass
        } else {
            let mut text = told(&printed, &case.name).to_owned();
            let error = String::from_utf8_lossy(&output.stderr);
            if !error.trim().is_empty() {
                text = format!("{text}\n{}", error.trim_end());
            }
            // The harness's own word for a failed test is 101.
            if output.status.code() != Some(101) {
                text = format!("{text}\n(its process ended with {})", output.status);
            }
            Outcome::Fail {
                again: self.again(case, seed(&text)),
                output: text.trim().to_owned(),
            }
        };
        Ok(Ran { outcome, took })
    }

    /// What is typed to run exactly this test again.
    fn again(&self, case: &Case, seed: Option<u64>) -> String {
        let executable = &self.executables[case.executable];
        let mut arguments = words("test --package");
        arguments.push(self.project.packages[executable.package].name.clone());
        arguments.extend(self.set.arguments());
        arguments.extend(executable.selector.clone());
        arguments.extend(words("-- --exact"));
        arguments.push(case.name.clone());
        let call = shown(&arguments);
        seed.map_or(call.clone(), |seed| format!("POLYLOOP_SEED={seed} {call}"))
    }
}

pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A line that the next one takes the place of, where somebody watches.
pub(crate) fn progress(text: &str) {
    let mut error = io::stderr();
    if error.is_terminal() {
        let _ = write!(error, "\r\u{1b}[K{text}");
        let _ = error.flush();
    }
}

/// What a test itself printed, out of the harness's report.
pub(crate) fn told<'a>(report: &'a str, name: &str) -> &'a str {
    let head = format!("---- {name} stdout ----\n");
    let Some(begin) = report.find(&head) else {
        // It took the harness with it.
        return report.trim();
    };
    let text = &report[begin + head.len()..];
    // The list of what failed stands behind it, once more.
    let end = text.rfind(&format!("\n\nfailures:\n    {name}\n"));
    text[..end.unwrap_or(text.len())].trim_end()
}

/// Why a test is ignored.
fn reason(report: &str) -> Option<&str> {
    let mut lines = report.lines();
    lines
        .find_map(|line| line.strip_prefix("test ")?.split_once("... ignored, "))
        .map(|(_, reason)| reason)
}

/// The seed that a report names in the command that it gives.
pub(crate) fn seed(text: &str) -> Option<u64> {
    text.match_indices("POLYLOOP_SEED=")
        .find_map(|(place, word)| {
            let rest = &text[place + word.len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse().ok()
        })
}

#[cfg(test)]
mod tests {
    use super::{reason, seed, told};

    const REPORT: &str = "\nrunning 1 test\ntest a::sim ... FAILED\n\nfailures:\n\n\
        ---- a::sim stdout ----\n\na::sim fails under seed 7: x\nto run exactly this again:\n  \
        POLYLOOP_SEED=7 cargo test --package p a::sim -- --exact\n\nfailures:\n    not this\n\n\n\
        failures:\n    a::sim\n\ntest result: FAILED. 0 passed; 1 failed\n";

    #[test]
    fn what_a_test_printed_is_told_without_the_harness() {
        let text = told(REPORT, "a::sim");
        assert!(
            text.trim_start().starts_with("a::sim fails under"),
            "{text}"
        );
        assert!(text.ends_with("not this"), "{text}");
        assert_eq!(told("  it aborted\n", "a::sim"), "it aborted");
    }

    #[test]
    fn the_seed_of_a_failure_is_the_one_in_its_command() {
        assert_eq!(seed(REPORT), Some(7));
        assert_eq!(
            seed("POLYLOOP_SEED=x POLYLOOP_SEED=18446744073709551615"),
            Some(u64::MAX)
        );
        assert_eq!(seed("none"), None);
    }

    #[test]
    fn the_reason_of_an_ignored_test_is_kept() {
        let report = "running 1 test\ntest a::smol ... ignored, the feature is off\n";
        assert_eq!(reason(report), Some("the feature is off"));
        assert_eq!(reason("test a::smol ... ignored\n"), None);
    }
}
