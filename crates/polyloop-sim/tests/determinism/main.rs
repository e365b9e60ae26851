//! The same seed gives the same trace: twice in a process, and in two processes.

mod scenario;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;

use polyloop_sim::{Pace, Scheduler};
use scenario::{Story, told};

/// Makes the test binary, run as a child, write all it has seen to this file.
const CHILD: &str = "POLYLOOP_SIM_DETERMINISM_FILE";

/// Each scheduler, and each pace.
const SEEDS: [u64; 10] = [0, 1, 12, 13, 14, 20, 21, 22, 33, 34];

fn story(seed: u64) -> Story {
    told(seed, Scheduler::by_seed(seed), Pace::by_seed(seed))
}

#[test]
fn a_seed_gives_the_same_trace_twice_in_a_process() {
    for seed in SEEDS {
        let (first, second) = (story(seed), story(seed));
        assert!(
            first.trace.records.len() > 300,
            "only {} records",
            first.trace.records.len()
        );
        let pairs = first.trace.records.iter().zip(&second.trace.records);
        for (place, (one, other)) in pairs.enumerate() {
            let before = &first.trace.records[place.saturating_sub(10)..place];
            assert_eq!(one, other, "seed {seed}, after {before:#?}");
        }
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.log, second.log, "seed {seed}");
    }
}

#[test]
fn many_simulations_side_by_side_do_not_touch_each_other() {
    let alone = SEEDS.map(|seed| story(seed).trace.digest);
    let begin = |seed| thread::spawn(move || story(seed).trace.digest);
    for threads in [SEEDS.map(begin), SEEDS.map(begin)] {
        for ((seed, alone), thread) in SEEDS.iter().zip(&alone).zip(threads) {
            assert_eq!(thread.join().unwrap(), *alone, "seed {seed}");
        }
    }
}

#[test]
fn different_seeds_go_different_ways() {
    let mut digests = SEEDS
        .map(|seed| told(seed, Scheduler::Random, Pace::TasksStall).trace.digest)
        .to_vec();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), SEEDS.len());
}

#[test]
fn a_seed_gives_the_same_trace_in_two_processes() {
    if let Some(file) = std::env::var_os(CHILD) {
        fs::write(file, everything()).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let here = everything();
    // What is around a process changes nothing.
    let elsewhere = [
        ("POLYLOOP_LOOP", "tokio"),
        ("POLYLOOP_SEED", "99"),
        ("RUST_BACKTRACE", "1"),
        ("RUST_LOG", "trace"),
        ("TZ", "Asia/Tokyo"),
    ];
    for (name, threads, environment) in [("first", "8", &[][..]), ("second", "1", &elsewhere)] {
        let file = directory.path().join(name);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_seed_gives_the_same_trace_in_two_processes"])
            .args(["--test-threads", threads])
            .envs(environment.iter().copied())
            .env(CHILD, &file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let there = fs::read_to_string(file).unwrap();
        let mut lines = there.lines().zip(here.lines());
        let differ = lines.position(|(there, here)| there != here);
        assert_eq!(differ, None, "the first line that differs");
        assert!(there == here, "one goes on where the other ends");
    }
}

/// All that is told of the runs, to be compared byte for byte.
fn everything() -> String {
    let mut text = String::new();
    for seed in SEEDS {
        let Story { trace, log } = story(seed);
        let (records, log) = (&trace.records, log.join("\n"));
        let digest = trace.digest;
        writeln!(text, "{trace}\ndigest {digest:016x}\n{records:?}\n{log}").unwrap();
    }
    text
}
