//! Instructions per operation, as valgrind counts them: where the machine is too
//! restless to tell time, this is what stays the same from run to run.
//!
//! A subject runs twice, once with more turns than the other: what it takes to start and
//! to end is in both, so the difference is that of the turns alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::contest::Contest;
use super::stage::{Stage, fewest, whole};
use crate::report::{Metric, Row};
use crate::suites::{Subject, Work};

/// Turns of the shorter run: the first may grow something.
const FEW: usize = 1;

/// Turns of the longer one.
const MANY: usize = 4;

/// Why instructions can't be counted, if they can't.
pub(crate) fn missing() -> Option<String> {
    let works = Command::new("valgrind")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match works {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("valgrind ended with {status}")),
        Err(error) => Some(format!(
            "valgrind did not start ({error}); Debian has it as `apt-get install valgrind`"
        )),
    }
}

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    if let Some(why) = &contest.bench.no_valgrind {
        eprint!("(the control strays; instructions are not measured: {why}) ");
        let others = contest.others.iter();
        return Ok(others
            .filter(|subject| subject.has_bars())
            .map(|subject| contest.unmeasured(*subject, Metric::Instructions))
            .collect());
    }
    let logs = tempfile::tempdir().map_err(|error| format!("a directory: {error}"))?;
    let log = logs.path().join("log");
    let mut values = Vec::new();
    for subject in contest.subjects() {
        values.push(if subject.is_own() {
            vec![count(contest, subject, &log)?]
        } else {
            Vec::new()
        });
    }
    Ok(contest.rows(Metric::Instructions, &values))
}

/// Instructions of one operation.
fn count(contest: &Contest<'_>, subject: Subject, log: &Path) -> Result<f64, String> {
    let (few, less) = run(contest, subject, FEW, log)?;
    let (many, more) = run(contest, subject, MANY, log)?;
    Ok((more - less) / (many - few).max(1.0))
}

/// How many operations so many turns had, and the instructions of the whole run.
fn run(
    contest: &Contest<'_>,
    subject: Subject,
    turns: usize,
    log: &Path,
) -> Result<(f64, f64), String> {
    let bench = contest.bench;
    let process = bench
        .programs
        .weighed(&bench.cores, contest.suite, contest.on, subject, log)?;
    let mut stage = Stage::new(contest)?;
    stage.enter(process)?;
    let operations = match contest.suite.work() {
        Work::Inside => fewest(contest.suite),
        _ => whole(contest, bench.pace.traced),
    };
    let mut done = 0;
    for _ in 0..turns {
        done += stage.turn(0, operations)?.operations;
    }
    stage.end()?;
    Ok((done as f64, total_in(log)? as f64))
}

/// The instructions that valgrind has written to this log.
pub(super) fn total_in(log: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(log).map_err(|error| format!("the log of valgrind: {error}"))?;
    total(&text).ok_or_else(|| format!("valgrind did not tell a total: {text:?}"))
}

/// What stands behind `I refs:` in the log.
fn total(log: &str) -> Option<u64> {
    let line = log.lines().find(|line| line.contains("refs:"))?;
    let (_, number) = line.rsplit_once(':')?;
    number.trim().replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_is_found_among_what_valgrind_says() {
        let log = "==7== Cachegrind, a cache and branch-prediction profiler\n\
                   ==7== Command: ./bench\n==7== \n==7== I   refs:      1,360,517\n";
        assert_eq!(total(log), Some(1_360_517));
        assert_eq!(total("==7== Command: x\n"), None);
    }
}
