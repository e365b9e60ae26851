//! System calls per operation, as strace sees them.
//!
//! A subject is asked something before and after each turn, which shows in the list of
//! its system calls: those in between belong to the turn.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::contest::Contest;
use super::stage::{Stage, fewest, whole};
use crate::report::{Metric, Row};
use crate::suites::{Subject, Work};

/// Turns that are counted each time a subject is started, after one that isn't.
const TURNS: usize = 5;

/// What a subject reads when it is asked, as strace shows it.
const MARK: &str = r#""count\n""#;

/// Why system calls can't be counted, if they can't.
pub(crate) fn missing() -> Option<String> {
    let works = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
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
    let logs = tempfile::tempdir().map_err(|error| format!("a directory: {error}"))?;
    let subjects = contest.subjects();
    let mut all = vec![Vec::new(); subjects.len()];
    let mut on_sockets = vec![Vec::new(); subjects.len()];
    for _ in 0..sittings(contest) {
        for (place, subject) in subjects.iter().enumerate() {
            for (calls, calls_on_sockets) in count(contest, *subject, &logs.path().join("log"))? {
                all[place].push(calls);
                on_sockets[place].push(calls_on_sockets);
            }
        }
    }
    let mut rows = contest.rows(Metric::SystemCalls, &all);
    rows.extend(contest.rows(Metric::SocketCalls, &on_sockets));
    Ok(rows)
}

/// How often each subject is started. On tokio each run is like the next. Who drives
/// async-io's reactor, and so who wakes whom, is settled by chance at the beginning of a
/// run and then mostly stays so: one run says little.
fn sittings(contest: &Contest<'_>) -> usize {
    if contest.on.is_on_async_io() {
        contest.bench.pace.sittings
    } else {
        1
    }
}

/// All calls and those on sockets, per operation, of each turn.
fn count(contest: &Contest<'_>, subject: Subject, log: &Path) -> Result<Vec<(f64, f64)>, String> {
    let bench = contest.bench;
    let process = bench
        .programs
        .traced(&bench.cores, contest.suite, contest.on, subject, log)?;
    let mut stage = Stage::new(contest)?;
    stage.enter(process)?;
    // By itself, what waits at once need not be as much as where time is measured.
    let operations = match contest.suite.work() {
        Work::Inside => fewest(contest.suite),
        _ => whole(contest, bench.pace.traced),
    };
    stage.turn(0, operations)?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        stage.process(0).ask("count")?;
        turns.push(stage.turn(0, operations)?);
    }
    stage.process(0).ask("count")?;
    stage.end()?;
    let text = fs::read_to_string(log).map_err(|error| format!("the log of strace: {error}"))?;
    let between: Vec<Calls> = calls(&text);
    if between.len() != turns.len() {
        return Err(format!(
            "the log of strace shows {} turns, expected {}",
            between.len(),
            turns.len()
        ));
    }
    Ok(turns
        .iter()
        .zip(between)
        .map(|(turn, calls)| (turn.each(calls.all), turn.each(calls.on_sockets)))
        .collect())
}

/// Calls of one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Calls {
    all: u64,
    on_sockets: u64,
}

/// The calls between the marks.
fn calls(log: &str) -> Vec<Calls> {
    let mut turns: Vec<Calls> = Vec::new();
    for line in log.lines() {
        if line.contains(MARK) {
            turns.push(Calls::default());
        } else if let (Some(turn), Some(name)) = (turns.last_mut(), name(line)) {
            turn.all += 1;
            turn.on_sockets += u64::from(is_on_a_socket(name));
        }
    }
    // What comes after the last mark is no turn.
    turns.pop();
    turns
}

/// The system call that begins on that line: `12345 recvfrom(9, …`.
fn name(line: &str) -> Option<&str> {
    let (_, call) = line.split_once(' ')?;
    let (name, _) = call.trim_start().split_once('(')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// Not waiting, waking or memory.
fn is_on_a_socket(name: &str) -> bool {
    const SOCKETS: [&str; 14] = [
        "accept",
        "bind",
        "close",
        "connect",
        "fcntl",
        "getpeername",
        "getsock",
        "ioctl",
        "listen",
        "recv",
        "send",
        "setsockopt",
        "shutdown",
        "socket",
    ];
    name == "writev" || name == "readv" || SOCKETS.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{Calls, calls};

    #[test]
    fn the_calls_between_two_marks_are_counted() {
        let log = r#"
10 recvfrom(9, "before"..., 1024, 0, NULL, NULL) = 64
11 read(0, "count\n", 8192)              = 6
11 write(1, "not coun"..., 12 <unfinished ...>
10 epoll_wait(3,  <unfinished ...>
11 <... write resumed>)                  = 12
10 <... epoll_wait resumed>[{events=EPOLLIN, data={u32=1, u64=1}}], 1024, -1) = 1
10 recvfrom(9, "x"..., 1024, 0, NULL, NULL) = 64
10 sendto(9, "x"..., 64, MSG_NOSIGNAL, NULL, 0) = 64
11 <... read resumed>"count\n", 8192)    = 6
11 sendto(9, "after"..., 64, MSG_NOSIGNAL, NULL, 0) = 64
11 +++ exited with 0 +++
"#;
        let turn = Calls {
            all: 4,
            on_sockets: 2,
        };
        assert_eq!(calls(log), [turn]);
        assert!(calls("").is_empty());
    }
}
