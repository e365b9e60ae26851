//! The conformance suite in simulations: once as everywhere, and under many seeds with
//! each of the schedulers and paces.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use polyloop_conformance::{Capability, Runner, Status, abilities};
use polyloop_sim::{Pace, Scheduler, Sim, SimLoop};

fn simulation(seed: u64, scheduler: Scheduler, pace: Pace) -> SimLoop {
    Sim::builder()
        .seed(seed)
        .scheduler(scheduler)
        .pace(pace)
        // Some checks use threads of their own, which the simulation has to wait for.
        .patience(Duration::from_secs(10))
        // And some work waits on its thread in ways that it can't see.
        .thread_grace(Duration::from_millis(30))
        .build_loop()
}

polyloop_conformance::suite!(
    sim,
    || super::simulation(0, super::Scheduler::Random, super::Pace::Instant),
    lacks: [SystemSockets, Watch, Processes]
);

#[test]
fn every_check_passes_under_fifty_seeds_and_each_scheduler_and_pace() {
    const SEEDS: u64 = 50;
    const DEADLINE: Duration = Duration::from_secs(500);

    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS || begun.elapsed() > DEADLINE {
                        break;
                    }
                    let found = failures_of(seed);
                    failures.lock().unwrap().extend(found);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        begun.elapsed() <= DEADLINE,
        "{} of {SEEDS} seeds were begun within {DEADLINE:?}",
        next.into_inner().min(SEEDS)
    );
}

fn failures_of(seed: u64) -> Vec<String> {
    let (scheduler, pace) = (Scheduler::by_seed(seed), Pace::by_seed(seed));
    let name = format!("seed {seed}, {scheduler}, {pace}");
    let outcomes = Runner::new(&name, move || simulation(seed, scheduler, pace))
        .lacking(&[Capability::SystemSockets])
        .with(abilities::signals())
        .with(abilities::udp())
        .run_all();
    assert!(
        outcomes
            .iter()
            .any(|outcome| outcome.status == Status::Pass)
    );
    outcomes
        .into_iter()
        // Who has yielded is the last in, and so the first out, for a while: by its nature
        // this scheduler gives others no turn in between.
        .filter(|outcome| scheduler != Scheduler::Lifo || outcome.id != "TRAN-47")
        .filter_map(|outcome| match outcome.status {
            Status::Fail(why) => Some(format!(
                "{name}: {}: {}\n    {why}",
                outcome.id, outcome.text
            )),
            _ => None,
        })
        .collect()
}
