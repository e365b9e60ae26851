//! Rounds of next to nothing: whether every subject works, and whether everything that
//! was started ends.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_polyloop-bench");

/// Generous, for machines that are very busy.
const DEADLINE: Duration = Duration::from_secs(240);

/// Starts a session in which nothing is measured for long.
fn start(arguments: &[&str]) -> Child {
    // The one that counts lies beside it; naming it has cargo build it.
    assert!(Path::new(env!("CARGO_BIN_EXE_polyloop-bench-counting")).exists());
    Command::new(BENCH)
        .arg("--smoke")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for `done`, and for no longer than the deadline.
fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(done) = done() {
            return done;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        sleep(Duration::from_millis(5));
    }
}

/// Runs a session to its end and gives the rows it wrote.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("results.json");
    let charts = directory.path().join("charts");
    let markdown = directory.path().join("results.md");
    let mut all = arguments.to_vec();
    all.extend(["--json", json.to_str().unwrap()]);
    all.extend(["--svg", charts.to_str().unwrap()]);
    all.extend(["--markdown", markdown.to_str().unwrap()]);
    let mut session = start(&all);
    let waited = wait_for_or_kill(&mut session);
    assert!(waited, "the session failed");
    assert!(fs::read_dir(charts).unwrap().count() > 0);
    assert!(fs::read_to_string(markdown).unwrap().contains("| polyloop"));
    let text = fs::read_to_string(json).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    report["rows"].as_array().unwrap().clone()
}

/// Whether it succeeds within the deadline.
fn wait_for_or_kill(session: &mut Child) -> bool {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match session.try_wait().unwrap() {
            Some(status) => return status.success(),
            None if Instant::now() < deadline => sleep(Duration::from_millis(5)),
            None => {
                session.kill().unwrap();
                session.wait().unwrap();
                return false;
            }
        }
    }
}

fn named<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap()
}

#[test]
fn each_subject_echoes_on_each_loop() {
    let rows = rows(&["ping1"]);
    for on in ["tokio", "tokio-ct", "smol", "async-std"] {
        for subject in ["control", "polyloop"] {
            let found = rows.iter().find(|row| {
                named(row, "loop") == on
                    && named(row, "subject") == subject
                    && named(row, "metric") == "cpu_ns_per_op"
            });
            let row = found.unwrap_or_else(|| panic!("no {subject} on {on}"));
            assert_eq!(
                (named(row, "suite"), named(row, "against")),
                ("ping1", "raw")
            );
            for figure in ["value", "reference", "ratio"] {
                assert!(row[figure].as_f64().unwrap() > 0.0, "{row}");
            }
        }
    }
    // An echo takes a read and a write, where there is strace to see them.
    let calls = |row: &&Value| named(row, "metric") == "socket_calls_per_op";
    for row in rows.iter().filter(calls) {
        assert!(row["value"].as_f64().unwrap() > 1.9, "{row}");
    }
}

/// The rows of these suites on one loop, with a figure of polyloop's for each.
fn rows_of(suites: &[&str], on: &str) -> Vec<Value> {
    let rows = rows(&[suites, &["--loop", on]].concat());
    for suite in suites {
        let polyloops = rows.iter().filter(|row| {
            named(row, "suite") == *suite
                && named(row, "subject") == "polyloop"
                && named(row, "metric") == "ns_per_op"
        });
        assert_eq!(polyloops.count(), 1, "{suite} on {on}");
    }
    rows
}

/// One of the suites over TLS: with what is not optimized, all of them take minutes.
#[test]
fn tls_works_by_itself() {
    for on in ["tokio", "smol"] {
        rows_of(&["tls-handshakes"], on);
    }
}

#[test]
fn each_subject_works_by_itself() {
    let inside = [
        "spawn",
        "call-later",
        "moved-calls",
        "zero-delay",
        "deferred",
        "chain10",
        "waiters",
        "udp-echo",
        "unix-ping",
        "process",
        "call",
    ];
    let on_tokio = rows_of(&inside, "tokio");
    // Where another loop has another program by hand.
    rows_of(&["spawn", "udp-echo", "unix-ping", "process"], "smol");
    let spawn = on_tokio
        .iter()
        .find(|row| named(row, "suite") == "spawn" && named(row, "metric") == "allocations_per_op");
    // At least the task itself: the allocator counts, on whichever thread.
    assert!(spawn.unwrap()["reference"].as_f64().unwrap() >= 1.0);
}

#[test]
fn a_crowd_is_woken_and_closed() {
    let rows = rows(&[
        "broker-wakes",
        "closing",
        "--loop",
        "tokio",
        "--loop",
        "smol",
    ]);
    for suite in ["broker-wakes", "closing"] {
        let polyloops = rows.iter().filter(|row| {
            named(row, "suite") == suite
                && named(row, "subject") == "polyloop"
                && named(row, "metric") == "ns_per_op"
        });
        // There is a hand-written one for tokio alone.
        assert_eq!(polyloops.count(), 1, "{suite}");
    }
}

#[test]
fn instructions_are_counted_where_there_is_valgrind() {
    let there = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let rows = rows(&["ping1", "deferred", "--loop", "tokio-ct", "--instructions"]);
    for suite in ["ping1", "deferred"] {
        let found = rows.iter().find(|row| {
            named(row, "suite") == suite
                && named(row, "subject") == "polyloop"
                && named(row, "metric") == "instructions_per_op"
        });
        let row = found.unwrap_or_else(|| panic!("nothing of {suite}"));
        // An operation takes some hundred, and starting the program some millions, which
        // must not be in it.
        let few = |field: &str| {
            row[field]
                .as_f64()
                .is_some_and(|n| (50.0..1e5).contains(&n))
        };
        assert_eq!(few("value") && few("reference"), there, "{row}");
    }
}

#[test]
fn simulations_are_held_against_their_bars_alone() {
    let arguments = ["sim-events", "sim-retries", "deferred"];
    let loops = ["--loop", "sim", "--loop", "tokio"];
    let rows = rows(&[&arguments[..], &loops[..]].concat());
    for (suite, metric) in [("sim-events", "events_per_s"), ("sim-retries", "real_ms")] {
        let found = |subject| {
            let mut of_suite = rows.iter().filter(|row| named(row, "suite") == suite);
            let row = of_suite.find(|row| {
                named(row, "subject") == subject
                    && named(row, "metric") == metric
                    && named(row, "loop") == "sim"
            });
            row.unwrap_or_else(|| panic!("no {subject} in {suite}"))
        };
        let recorded = found("polyloop");
        assert!(recorded["value"].as_f64().unwrap() > 0.0, "{recorded}");
        assert!(recorded["reference"].is_null() && recorded["against"].is_null());
        let beside = found("polyloop unrecorded");
        assert!(beside["ratio"].as_f64().unwrap() > 0.0, "{beside}");
    }
    assert!(rows.iter().any(|row| named(row, "suite") == "deferred"));
}

#[test]
fn what_a_killed_session_started_ends_with_it() {
    let mut session = start(&["ping1", "--loop", "smol"]);
    let id = session.id();
    let children = wait_for("a subject and a load generator", || {
        let path = format!("/proc/{id}/task/{id}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        let ids: Vec<u32> = children
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect();
        (ids.len() >= 2).then_some(ids)
    });
    session.kill().unwrap();
    session.wait().unwrap();
    for child in children {
        wait_for("the end of a child", || {
            let name = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
            // A number that is in use again belongs to something else.
            (!name.contains("polyloop-bench")).then_some(())
        });
    }
}

#[test]
fn bad_input_is_answered_with_what_there_is() {
    let answer = |arguments: &[&str]| {
        let output = Command::new(BENCH).args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(answer(&["pong"]).contains("ping64, ping1000"));
    assert!(answer(&["--loop", "glommio"]).contains("tokio-ct"));
    assert!(answer(&["ping1", "--loop", "sim"]).contains("none of these suites"));
    let nowhere = "/nonexistent/results.json";
    assert!(answer(&["--json", nowhere]).contains(nowhere));
}
