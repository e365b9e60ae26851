//! System calls per operation, counted by strace.
//!
//! A subject runs twice below it, with few operations and with many; what the second
//! run has more of belongs to the operations, and starting up cancels out.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::contest::Contest;
use super::stage::{Stage, whole};
use crate::report::{Metric, Row};
use crate::suites::{Subject, Work};

/// Operations of the longer run; it is slow below strace.
const OPERATIONS: u64 = 2000;

/// Why system calls can't be counted, if they can't.
pub(crate) fn missing() -> Option<String> {
    let works = Command::new("strace")
        .args(["-f", "-c", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match works {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!(
            "strace ended with {status}; it needs the right to trace processes"
        )),
        Err(error) => Some(format!(
            "strace did not start ({error}); Debian has it as `apt-get install strace`"
        )),
    }
}

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    if contest.bench.no_strace.is_some() {
        let others = contest.others.iter();
        return Ok(others
            .map(|subject| contest.unmeasured(*subject, Metric::SystemCalls))
            .collect());
    }
    let summaries = tempfile::tempdir().map_err(|error| format!("a directory: {error}"))?;
    let mut values = Vec::new();
    for subject in contest.subjects() {
        values.push(count(contest, subject, &summaries.path().join("summary"))?);
    }
    Ok(contest.rows(Metric::SystemCalls, &values))
}

fn count(contest: &Contest<'_>, subject: Subject, summary: &Path) -> Result<Vec<f64>, String> {
    // Waking up takes a turn of the loop: with all connections at once, a turn serves
    // many, and how many depends on how slow strace is. One after the other, it doesn't.
    let few = whole(contest.suite, 1);
    let many = few + whole(contest.suite, operations(contest));
    let (few_done, few_calls) = run(contest, subject, few, summary)?;
    let (many_done, many_calls) = run(contest, subject, many, summary)?;
    let more = many_calls.saturating_sub(few_calls) as f64;
    Ok(vec![
        more / many_done.saturating_sub(few_done).max(1) as f64,
    ])
}

fn operations(contest: &Contest<'_>) -> u64 {
    match contest.suite.work() {
        Work::Churn(_) => OPERATIONS / 2,
        _ => OPERATIONS,
    }
}

fn run(
    contest: &Contest<'_>,
    subject: Subject,
    operations: u64,
    summary: &Path,
) -> Result<(u64, u64), String> {
    let bench = contest.bench;
    let process =
        bench
            .programs
            .traced(&bench.cores, contest.suite, contest.on, subject, summary)?;
    let mut stage = Stage::new(contest)?;
    stage.enter(process)?;
    let done = stage.turn(0, operations)?.operations;
    stage.end()?;
    let text =
        fs::read_to_string(summary).map_err(|error| format!("the summary of strace: {error}"))?;
    Ok((done, calls(&text)))
}

/// The calls in a summary of strace, all together.
fn calls(summary: &str) -> u64 {
    let mut total = 0;
    for line in summary.lines() {
        // % time, seconds, usecs/call, calls, errors (or nothing), system call
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, calls, .., name] = fields[..]
            && name != "total"
            && let Ok(calls) = calls.parse::<u64>()
        {
            total += calls;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn the_calls_of_a_summary_are_added_up() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 71.43    0.000005           0        12           recvfrom
 28.57    0.000002           0        30         2 epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.000007           0        42         2 total
";
        assert_eq!(calls(summary), 42);
        assert_eq!(calls(""), 0);
    }
}
