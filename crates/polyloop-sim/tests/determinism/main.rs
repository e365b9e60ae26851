//! The same seed gives the same trace: twice in a process, and in two processes.

mod scenario;

use std::process::Command;
use std::thread;

use polyloop_sim::Scheduler;
use scenario::{Story, told};

/// Makes the test binary, run as a child, print its digests and nothing else.
const CHILD: &str = "POLYLOOP_SIM_DETERMINISM_CHILD";

const SEEDS: std::ops::Range<u64> = 0..10;

fn story(seed: u64) -> Story {
    told(seed, Scheduler::by_seed(seed))
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
    let alone: Vec<_> = SEEDS.map(|seed| story(seed).trace.digest).collect();
    let threads: Vec<_> = SEEDS
        .chain(SEEDS)
        .map(|seed| thread::spawn(move || (seed, story(seed).trace.digest)))
        .collect();
    for thread in threads {
        let (seed, digest) = thread.join().unwrap();
        assert_eq!(digest, alone[usize::try_from(seed).unwrap()], "seed {seed}");
    }
}

#[test]
fn different_seeds_go_different_ways() {
    let mut digests: Vec<_> = SEEDS
        .map(|seed| told(seed, Scheduler::Random).trace.digest)
        .collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), SEEDS.count());
}

#[test]
fn a_seed_gives_the_same_trace_in_two_processes() {
    if std::env::var_os(CHILD).is_some() {
        for seed in SEEDS {
            let story = story(seed);
            println!(
                "digest {seed} {:016x} {}",
                story.trace.digest,
                story.log.len()
            );
        }
        return;
    }
    let child = || {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_seed_gives_the_same_trace_in_two_processes"])
            .args(["--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let digests: Vec<String> = text
            .lines()
            .filter_map(|line| line.find("digest ").map(|at| line[at..].to_owned()))
            .collect();
        assert_eq!(digests.len(), SEEDS.count(), "{text}");
        digests
    };
    let here: Vec<_> = SEEDS
        .map(|seed| {
            let story = story(seed);
            format!(
                "digest {seed} {:016x} {}",
                story.trace.digest,
                story.log.len()
            )
        })
        .collect();
    assert_eq!(child(), here);
    assert_eq!(child(), here);
}
