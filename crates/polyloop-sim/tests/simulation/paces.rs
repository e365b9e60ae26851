//! Computers that are late at times: how late, and that nothing else changes for it.

use std::collections::HashMap;
use std::time::Duration;

use polyloop_core::{Loop, Promise, Spawner, Timers, yield_now};
use polyloop_sim::trace::{Event, Stalled};
use polyloop_sim::{Crash, Link, Pace, Scheduler, Seeds, Sim, SimLoop};

use crate::{Silent, panic_of, within_a_minute};

const MS: Duration = Duration::from_millis(1);

fn simulation(seed: u64, pace: Pace, latency: Duration) -> Sim {
    Sim::builder()
        .seed(seed)
        .pace(pace)
        .link(Link::new().latency(latency).jitter(Duration::ZERO))
        .keep_records(usize::MAX)
        .build()
}

/// Some tasks on two hosts that have something to do for a while.
fn bustle(sim: &Sim) {
    let hosts = [sim.host("a"), sim.host("b")];
    let stage = sim.clone();
    sim.run(async move {
        for lp in &hosts {
            for _ in 0..3 {
                let clock = lp.clone();
                lp.spawn(async move {
                    for _ in 0..50 {
                        clock.sleep(MS).await;
                        yield_now().await;
                    }
                })
                .detach();
            }
        }
        stage.local().sleep(Duration::from_secs(60)).await;
    })
    .unwrap();
}

/// What was late, and how long each time.
fn stalls(sim: &Sim) -> Vec<(usize, Stalled, Duration)> {
    let records = sim.trace().records;
    let stalls = records.iter().filter_map(|record| match record.event {
        Event::Stalled { host, what, until } => {
            Some((host.index(), what, until.saturating_sub(record.at)))
        }
        _ => None,
    });
    stalls.collect()
}

#[test]
fn a_stall_is_as_long_as_the_links_make_it_matter() {
    within_a_minute(|| {
        for pace in [Pace::TasksStall, Pace::HostsStall] {
            for latency in [MS, 100 * MS] {
                let mut longest = Duration::ZERO;
                for seed in 0..10 {
                    let sim = simulation(seed, pace, latency);
                    bustle(&sim);
                    for (_, what, length) in stalls(&sim) {
                        longest = longest.max(length);
                        assert_eq!(what == Stalled::Host, pace == Pace::HostsStall);
                    }
                }
                let round_trip = 2 * latency;
                assert!(longest > round_trip, "{pace}: {longest:?}");
                assert!(longest <= 3 * round_trip, "{pace}: {longest:?}");
            }
        }
        let sim = simulation(0, Pace::Instant, MS);
        bustle(&sim);
        assert_eq!(stalls(&sim), []);
    });
}

#[test]
fn nothing_is_late_for_more_than_half_of_the_time() {
    within_a_minute(|| {
        for seed in 0..3 {
            for pace in [Pace::TasksStall, Pace::HostsStall] {
                let sim = simulation(seed, pace, MS);
                let lp = sim.host("a");
                sim.run(async move {
                    let clock = lp.clone();
                    let busy = lp.spawn(async move {
                        let begun = clock.now();
                        while clock.now() - begun < 100 * MS {
                            yield_now().await;
                        }
                    });
                    busy.await.unwrap();
                })
                .unwrap();
                let mut late = HashMap::new();
                for (host, what, length) in stalls(&sim) {
                    *late.entry((host, what)).or_insert(Duration::ZERO) += length;
                }
                // Each may be so a few times to begin with.
                let most = sim.elapsed() / 2 + 4 * (3 * 2 * MS);
                for (who, late) in late {
                    assert!(late <= most, "{who:?}, seed {seed}: {late:?} > {most:?}");
                }
            }
        }
    });
}

#[test]
fn a_timer_overtakes_a_task_that_is_ready() {
    within_a_minute(|| {
        let overtaken = |pace| {
            let runs = (0..100).filter(|seed| {
                let sim = simulation(*seed, pace, MS);
                let (lp, clock) = (sim.host("a"), sim.local());
                sim.run(async move {
                    let task = lp.spawn(async {
                        for _ in 0..3 {
                            yield_now().await;
                        }
                    });
                    clock.sleep(MS).await;
                    !task.is_done()
                })
                .unwrap()
            });
            runs.count()
        };
        assert_eq!(overtaken(Pace::Instant), 0);
        assert!(overtaken(Pace::TasksStall) > 10);
        assert!(overtaken(Pace::HostsStall) > 10);
    });
}

#[test]
fn whoever_spins_is_found_out_however_late() {
    within_a_minute(|| {
        for pace in Pace::ALL {
            let sim = Sim::builder()
                .seed(1)
                .pace(*pace)
                .spin_limit(20_000)
                .build();
            let lp = sim.local();
            let text = panic_of(|| {
                sim.run(async move {
                    let clock = lp.clone();
                    lp.spawn(async move {
                        loop {
                            clock.sleep(Duration::from_secs(1)).await;
                        }
                    })
                    .detach();
                    lp.spawn(async {
                        loop {
                            yield_now().await;
                        }
                    })
                    .await
                    .unwrap();
                })
            });
            assert!(text.contains("the simulation spins"), "{pace}: {text}");
        }
    });
}

#[test]
fn what_is_late_goes_with_its_host() {
    within_a_minute(|| {
        for seed in 0..50 {
            for pace in Pace::ALL {
                let sim = simulation(seed, *pace, MS);
                let (server, stage) = (sim.host("server"), sim.clone());
                sim.run(async move {
                    let tasks: Vec<_> = (0..5)
                        .map(|_| {
                            let clock = server.clone();
                            server.spawn(async move {
                                loop {
                                    clock.sleep(MS).await;
                                }
                            })
                        })
                        .collect();
                    stage.local().sleep(20 * MS).await;
                    stage.pause("server");
                    stage.local().sleep(20 * MS).await;
                    stage.crash("server", Crash::Reset);
                    yield_now().await;
                    assert!(tasks.iter().all(Promise::is_done), "{pace}, seed {seed}");
                    stage.restart("server");
                    assert_eq!(server.spawn(async { 5 }).await.unwrap(), 5);
                })
                .unwrap();
            }
        }
    });
}

#[test]
fn a_failing_seed_names_its_pace() {
    let seeds = Seeds::first(20).each_scheduler().each_pace();
    let found = seeds.find(|lp| async move {
        let task = lp.spawn(async {});
        lp.sleep(MS).await;
        assert!(task.is_done(), "it is late");
    });
    let found = found.expect("some task is late");
    let pace = Pace::by_seed(found.seed);
    assert_ne!(pace, Pace::Instant);
    assert_eq!(found.trace.pace, pace);
    let text = found.to_string();
    let line = format!(
        "(scheduler: {}; pace: {pace})",
        Scheduler::by_seed(found.seed)
    );
    assert!(text.contains(&line), "{text}");
    assert!(text.contains(" stalls until "), "{text}");
}

/// Protocols and servers on slow computers, and nothing is lost for it.
#[test]
fn connections_are_made_and_lost_as_ever() {
    async fn visit(lp: SimLoop) {
        let server = lp.sim().host("server");
        let serving = server.serve("0.0.0.0:7", || Silent).await.unwrap();
        let client = lp.sim().host("client");
        let connection = client.connect("server:7", || Silent).await.unwrap();
        connection.close();
        connection.closed().await;
        lp.sleep(Duration::from_secs(5)).await;
        assert_eq!(serving.connection_count(), 0);
    }

    within_a_minute(|| Seeds::first(100).each_scheduler().each_pace().check(visit));
}
