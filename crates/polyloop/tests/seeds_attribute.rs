//! `#[polyloop::test(sim, seeds = …)]`: what a failing seed tells, and how it is run
//! again.
#![cfg(feature = "sim")]

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polyloop::sim::Scheduler;
use polyloop::{AnyLoop, Loop, Promise, SimLoop, Spawner, Timers};

static RUNS: AtomicU64 = AtomicU64::new(0);

#[polyloop::test(sim, seeds = 100)]
async fn an_hour_under_each_seed<L: Loop>(lp: L) {
    let before = lp.now();
    lp.sleep(Duration::from_secs(3600)).await;
    assert_eq!(lp.now() - before, Duration::from_secs(3600));
    assert_eq!(lp.name(), "sim");
}

#[polyloop::test(seeds = 20)]
async fn the_other_loops_run_it_once<L: Loop>(lp: L) {
    lp.sleep(Duration::from_millis(1)).await;
}

#[polyloop::test(sim, seeds = 20)]
async fn by_enum(lp: AnyLoop) {
    assert!(matches!(lp, AnyLoop::Sim(_)));
}

#[polyloop::test(sim)]
#[ignore = "it is there to be run under seeds that the environment asks for"]
async fn under_one_seed(lp: SimLoop) {
    println!("seed {}", lp.sim().seed());
}

#[polyloop::test(sim, seeds = 30)]
#[ignore = "it is there to be run under seeds that the environment asks for"]
async fn under_many_seeds(lp: SimLoop) {
    RUNS.fetch_add(1, Ordering::Relaxed);
    println!(
        "seed {}, run {}",
        lp.sim().seed(),
        RUNS.load(Ordering::Relaxed)
    );
}

#[polyloop::test(sim, seeds = 200)]
#[ignore = "it is there to fail when asked to"]
async fn fails_under_some(lp: SimLoop) -> Result<(), String> {
    let drawn = lp.sim().random_in(0..20);
    lp.sim().note(&lp, format!("drawn: {drawn}"));
    lp.sleep(Duration::from_millis(drawn)).await;
    match drawn {
        13 => Err("the unlucky number".to_owned()),
        _ => Ok(()),
    }
}

#[polyloop::test(sim, seeds = 200)]
#[ignore = "it is there to fail when asked to"]
async fn panics_under_some(lp: SimLoop) {
    assert_ne!(lp.sim().random_in(0..20), 13, "the unlucky number");
}

#[polyloop::test(sim, seeds = 200)]
#[ignore = "it is there to be run under seeds that the environment asks for"]
async fn takes_turns(lp: SimLoop) {
    for name in ["a", "b", "c"] {
        lp.spawn(async move { println!("turn of {name}") }).detach();
    }
    lp.sleep(Duration::from_millis(1)).await;
}

#[polyloop::test(sim, trace = concat!(env!("CARGO_TARGET_TMPDIR"), "/seeds/"))]
#[ignore = "it is there to fail when asked to"]
async fn fails_with_a_picture() {
    panic!("on purpose");
}

/// Fails under one seed, and under a later one waits beside a host that is never idle.
#[polyloop::test(sim, seeds = 200, timeout = 2)]
#[ignore = "it is there to fail when asked to"]
async fn waits_beside_a_clock(lp: SimLoop) {
    assert_ne!(lp.sim().seed(), 1, "on purpose");
    if lp.sim().seed() == 3 {
        let clock = lp.sim().host("clock");
        let ticks = clock.clone();
        let ticking = async move {
            loop {
                ticks.sleep(Duration::from_secs(1)).await;
            }
        };
        clock.spawn(ticking).detach();
        std::future::pending::<()>().await;
    }
}

#[polyloop::test(sim, seeds = 200, timeout = 3)]
#[should_panic(expected = "it was under seed 1")]
async fn the_deadline_is_in_real_time_and_tells_the_seed(lp: SimLoop) {
    if lp.sim().seed() == 1 {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Ends at the same moment on every machine, long before the deadline.
#[polyloop::test(sim, seeds = 3, virtual_timeout = "2h", timeout = 600)]
#[should_panic(expected = "is not done at 7200s of virtual time, its limit")]
async fn the_limit_of_virtual_time_tells_what_waits(lp: SimLoop) {
    loop {
        lp.sleep(Duration::from_secs(60)).await;
    }
}

/// Each seed has it whole; the loops that are not simulated have none.
#[polyloop::test(seeds = 3, virtual_timeout = 0.001)]
async fn the_limit_of_virtual_time_is_for_each_seed<L: Loop>(lp: L) {
    lp.sleep(Duration::from_millis(1)).await;
}

/// A hunt over night has as many deadlines as seeds.
#[polyloop::test(sim, seeds = 30, timeout = 2)]
async fn the_deadline_is_for_each_seed() {
    std::thread::sleep(Duration::from_millis(100));
}

/// This very program, asked to run one of its tests; what it printed.
fn ask(name: &str, environment: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    // What the machine says about backtraces would come between the lines that are
    // looked at.
    for variable in [
        "POLYLOOP_SEED",
        "POLYLOOP_SEEDS",
        "POLYLOOP_TRACE",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(variable);
    }
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text
        .find(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"));
    let rest = &text[start + before.len()..];
    &rest[..rest
        .find(after)
        .unwrap_or_else(|| panic!("no {after:?} in {rest}"))]
}

const FAILING: &str = "fails_under_some::sim";

/// The seed of a report.
fn seed(report: &str) -> String {
    between(report, "fails_under_some::sim fails under seed ", ":").to_owned()
}

#[test]
fn a_failing_seed_is_told_and_fails_again_in_the_same_way() {
    let (passed, first) = ask(FAILING, &[]);
    assert!(!passed, "{first}");
    assert!(first.contains("the unlucky number"), "{first}");
    let seed = seed(&first);
    let command =
        format!("POLYLOOP_SEED={seed} cargo test --package polyloop {FAILING} -- --exact");
    assert!(first.contains(&command), "{first}");
    let (passed, again) = ask(FAILING, &[("POLYLOOP_SEED", &seed)]);
    assert!(!passed, "{again}");
    let events = |text: &str| between(text, "the last events:", "the test fails").to_owned();
    assert!(events(&first).contains("drawn: 13"), "{first}");
    assert_eq!(events(&first), events(&again));
}

#[test]
fn a_run_that_goes_on_and_on_is_reported_as_one_that_fails() {
    const WAITS: &str = "waits_beside_a_clock::sim";
    let (passed, text) = ask(WAITS, &[("POLYLOOP_SEED", "3")]);
    assert!(!passed, "{text}");
    assert!(text.contains("deadline of 2s in real time"), "{text}");
    assert!(text.contains("clock"), "the last events: {text}");
    assert!(
        text.contains(&format!("{WAITS} fails under seed 3")),
        "{text}"
    );

    // It does not stand in the way of a failure that was found before.
    let (passed, text) = ask(WAITS, &[]);
    assert!(!passed, "{text}");
    assert!(
        text.contains(&format!("{WAITS} fails under seed 1: ")),
        "{text}"
    );
    assert!(
        text.contains("4 seeds were run; these fail, too, after more events: 3"),
        "{text}"
    );
    // As this test is ignored, the command asks for those.
    assert!(
        text.contains(&format!("{WAITS} -- --exact --include-ignored")),
        "{text}"
    );
}

#[test]
fn the_report_of_many_seeds_is_all_that_is_told() {
    let (passed, text) = ask("panics_under_some::sim", &[("RUST_BACKTRACE", "1")]);
    assert!(!passed, "{text}");
    assert_eq!(text.matches("the unlucky number").count(), 1, "{text}");
    let place = format!("\nat {}:", file!());
    assert!(text.contains(&place), "{text}");
    assert!(!text.contains("stack backtrace"), "{text}");

    // Whoever runs one again sees it all.
    let seed = between(&text, "panics_under_some::sim fails under seed ", ":");
    let environment = [("POLYLOOP_SEED", seed), ("RUST_BACKTRACE", "1")];
    let (passed, again) = ask("panics_under_some::sim", &environment);
    assert!(!passed, "{again}");
    assert_eq!(again.matches("the unlucky number").count(), 2, "{again}");
    assert!(again.contains("stack backtrace"), "{again}");
}

#[test]
fn each_scheduler_has_its_seeds() {
    let order = |seed: u64| {
        let (passed, text) = ask("takes_turns::sim", &[("POLYLOOP_SEED", &*seed.to_string())]);
        assert!(passed, "{text}");
        let turns = text.split("turn of ").skip(1);
        turns
            .filter_map(|rest| rest.chars().next())
            .collect::<String>()
    };
    for seed in 0..10 {
        let order = order(seed);
        match Scheduler::by_seed(seed) {
            Scheduler::Fifo => assert_eq!(order, "abc", "seed {seed}"),
            Scheduler::Lifo => assert_eq!(order, "cba", "seed {seed}"),
            _ => assert_eq!(order.len(), 3, "seed {seed}"),
        }
    }
}

#[test]
fn other_seeds_can_be_asked_for() {
    let (passed, text) = ask("under_one_seed::sim", &[]);
    assert!(passed && text.contains("seed 0"), "{text}");
    let seed = u64::MAX.to_string();
    let (passed, text) = ask("under_one_seed::sim", &[("POLYLOOP_SEED", &seed)]);
    assert!(passed && text.contains(&format!("seed {seed}")), "{text}");
    // A number of seeds is for the tests that have one.
    let many = [("POLYLOOP_SEEDS", "50")];
    let (passed, text) = ask("under_one_seed::sim", &many);
    assert!(passed && !text.contains("seed 1"), "{text}");
    let (passed, text) = ask("under_many_seeds::sim", &many);
    assert!(passed && text.contains("seed 49, run 50\n"), "{text}");
    assert!(!text.contains("seed 50"), "{text}");
    for wrong in [("POLYLOOP_SEED", "seven"), ("POLYLOOP_SEEDS", "0")] {
        let (passed, text) = ask("under_many_seeds::sim", &[wrong]);
        assert!(!passed && text.contains(wrong.0), "{text}");
    }
}

#[test]
fn a_picture_of_the_failing_run_is_written_where_one_asks_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new/run.html");
    let trace = [("POLYLOOP_TRACE", file.to_str().unwrap())];
    let (passed, text) = ask(FAILING, &trace);
    assert!(!passed && text.contains(file.to_str().unwrap()), "{text}");
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(
        page.contains("drawn: 13") && page.contains("<svg"),
        "{page}"
    );
    // One line per event, for those who have no browser.
    let lines = directory.path().join("run.txt");
    let (passed, text) = ask(FAILING, &[("POLYLOOP_TRACE", lines.to_str().unwrap())]);
    assert!(!passed && text.contains(lines.to_str().unwrap()), "{text}");
    let lines = std::fs::read_to_string(&lines).unwrap();
    assert!(
        lines.starts_with("seed ") && lines.contains("drawn: 13"),
        "{lines}"
    );
    // Nothing fails, nothing is written; unless one asks for exactly that run.
    std::fs::remove_file(&file).unwrap();
    assert!(ask("under_many_seeds::sim", &trace).0);
    assert!(!file.exists());
    let directory = directory.path().to_str().unwrap();
    let asked = [("POLYLOOP_TRACE", directory), ("POLYLOOP_SEED", "5")];
    let (passed, text) = ask("under_many_seeds::sim", &asked);
    assert!(passed, "{text}");
    let file = std::path::Path::new(directory).join("under_many_seeds-sim-seed-5.html");
    assert!(file.exists(), "{text}");
}

#[test]
fn a_test_can_say_where_its_pictures_go() {
    let (passed, text) = ask("fails_with_a_picture::sim", &[]);
    let file = concat!(
        env!("CARGO_TARGET_TMPDIR"),
        "/seeds/fails_with_a_picture-sim-seed-0.html"
    );
    assert!(!passed && text.contains(file), "{text}");
    std::fs::remove_file(file).unwrap();
}
