//! Runs that can't go on, and what they say.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use polyloop_core::{
    Deferred, Failure, Loop, MainLoop, Protocol, Spawner, Timers, Transport, yield_now,
};
use polyloop_sim::{Link, Sim, SimLoop};

use crate::{Silent, panic_of, within_a_minute};

struct Count(Arc<AtomicUsize>);

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_deadlock_names_the_tasks_and_what_they_wait_for() {
    within_a_minute(|| {
        let sim = Sim::new(77);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let dropped = Arc::new(AtomicUsize::new(0));
        let (resolver, never) = Deferred::<()>::new();
        let count = Count(dropped.clone());
        let this_line = line!();
        let waiting = client.spawn(async move {
            let _count = count;
            let _ = never.await;
        });
        let stuck = async move {
            let _server = server.serve("0.0.0.0:9", || Silent).await.unwrap();
            let _connection = client.connect("server:9", || Silent).await.unwrap();
            let _ = waiting.await;
        };
        let text = panic_of(|| sim.run(stuck).unwrap());
        drop(resolver);
        let spawned = format!("{}:{}:", file!(), this_line + 1);
        for part in [
            "nothing is left to happen",
            "the seed was 77",
            &spawned,
            "waits for a promise",
            "accepts on 0.0.0.0:9",
            "reads from 10.0.0.",
            "task 0 on client",
            "last events",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert_eq!(sim.failure(), Some(text));
        assert_eq!(dropped.load(Ordering::SeqCst), 1, "the task is still there");
        // It is of use again.
        assert_eq!(sim.run(async { 5 }).unwrap(), 5);
        assert_eq!(sim.failure(), None);
    });
}

#[test]
fn a_loop_of_one_host_reports_its_deadlock_too() {
    within_a_minute(|| {
        let lp = SimLoop::new();
        let text = panic_of(|| lp.run(pending::<()>()).unwrap());
        assert!(text.contains("on local: waits for a promise"), "{text}");
    });
}

#[test]
fn a_spin_names_who_spins() {
    within_a_minute(|| {
        let sim = Sim::builder().seed(3).spin_limit(20_000).build();
        let lp = sim.host("busy");
        let this_line = line!();
        let spinning = lp.spawn(async {
            loop {
                yield_now().await;
            }
        });
        let text = panic_of(|| {
            sim.run(async move {
                let _: Result<(), Failure> = spinning.await;
            })
            .unwrap();
        });
        let spawned = format!("on busy, spawned at {}:{}:", file!(), this_line + 1);
        assert!(text.contains("the simulation spins"), "{text}");
        assert!(text.contains(&spawned), "{spawned} is not in {text}");
    });
}

#[test]
fn a_spin_may_be_as_short_as_one_likes() {
    within_a_minute(|| {
        for limit in [1, 20, 499] {
            let lp = Sim::builder().seed(3).spin_limit(limit).build_loop();
            let text = panic_of(|| {
                lp.run(async {
                    loop {
                        yield_now().await;
                    }
                })
                .unwrap();
            });
            let told = format!("spins: {} turns", limit + 1);
            assert!(text.contains(&told), "{limit}: {text}");
        }
        // Whoever is idle in between does not spin.
        let lp = Sim::builder().seed(3).spin_limit(20).build_loop();
        let clock = lp.clone();
        lp.run(async move {
            for _ in 0..100 {
                clock.sleep(Duration::from_secs(1)).await;
                yield_now().await;
            }
        })
        .unwrap();
    });
}

#[test]
fn a_run_ends_at_its_limit_of_virtual_time() {
    within_a_minute(|| {
        let sim = Sim::builder()
            .seed(3)
            .time_limit(Duration::from_secs(60))
            .build();
        let lp = sim.local();
        let ticking = async move {
            loop {
                lp.sleep(Duration::from_secs(1)).await;
            }
        };
        let text = panic_of(|| sim.run(ticking).unwrap());
        assert!(
            text.contains("not done at 60s of virtual time, its limit"),
            "{text}"
        );
        assert_eq!(sim.elapsed(), Duration::from_secs(60));
    });
}

#[test]
fn an_invariant_that_fails_ends_the_run_at_that_event() {
    within_a_minute(|| {
        let sim = Sim::new(12);
        let lp = sim.local();
        let count = Arc::new(AtomicUsize::new(0));
        let (seen, asked) = (count.clone(), Arc::new(AtomicUsize::new(0)));
        let times = asked.clone();
        sim.check(move || {
            times.fetch_add(1, Ordering::SeqCst);
            match seen.load(Ordering::SeqCst) {
                0..=3 => Ok(()),
                more => Err(format!("{more} are too many")),
            }
        });
        let counted = count.clone();
        let text = panic_of(|| {
            sim.run(async move {
                for _ in 0..10 {
                    lp.sleep(Duration::from_secs(1)).await;
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            })
            .unwrap();
        });
        assert!(
            text.contains("does not hold at 4s of virtual time: 4 are too many"),
            "{text}"
        );
        assert!(text.contains("the seed was 12"), "{text}");
        assert_eq!(count.load(Ordering::SeqCst), 4);
        assert!(asked.load(Ordering::SeqCst) >= 8);
    });
}

#[test]
fn notes_stand_in_the_trace() {
    within_a_minute(|| {
        let sim = Sim::new(1);
        let lp = sim.host("here");
        sim.run(async move {
            lp.sleep(Duration::from_millis(2)).await;
            lp.sim().note(&lp, "half way");
        })
        .unwrap();
        let trace = sim.trace();
        assert_eq!(trace.hosts, ["here", "local"]);
        let found = trace.records.iter().any(|record| {
            record.at == Duration::from_millis(2)
                && matches!(&record.event, polyloop_sim::trace::Event::Note { text, .. } if text == "half way")
        });
        assert!(found, "{:?}", trace.records);
    });
}

#[test]
fn a_report_names_the_programs_of_hosts_and_whether_those_can_go_on() {
    within_a_minute(|| {
        let sim = Sim::new(5);
        let this_line = line!();
        sim.host("server").on_boot(|_| pending());
        sim.host("idle").on_boot(|_| pending());
        sim.pause("idle");
        sim.restart("server");
        let text = panic_of(|| sim.run(pending::<()>()).unwrap());
        let program = |host: &str, line| format!("on {host}, spawned at {}:{line}:", file!());
        let (server, idle) = (
            program("server", this_line + 1),
            program("idle, which is paused", this_line + 2),
        );
        assert!(text.contains(&server), "{server} is not in:\n{text}");
        assert!(text.contains(&idle), "{idle} is not in:\n{text}");
    });
}

/// Answers for ever.
struct Parrot;

impl Protocol for Parrot {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(b"hello")?;
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }
}

#[test]
fn whatever_goes_on_without_time_moving_is_a_spin() {
    within_a_minute(|| {
        let instant = Link::new().latency(Duration::ZERO).jitter(Duration::ZERO);
        let builder = Sim::builder().seed(3).spin_limit(20_000).link(instant);

        let sim = builder.clone().build();
        let (server, client) = (sim.host("server"), sim.host("client"));
        let text = panic_of(|| {
            sim.run(async move {
                let _server = server.serve("0.0.0.0:7", || Parrot).await.unwrap();
                let _connection = client.connect("server:7", || Parrot).await.unwrap();
                pending::<()>().await;
            })
            .unwrap();
        });
        assert!(text.contains("the simulation spins"), "{text}");
        assert!(text.contains("on server, spawned at"), "{text}");
        assert!(text.contains("on client, spawned at"), "{text}");

        let sim = builder.clone().build();
        let lp = sim.local();
        let text = panic_of(|| {
            sim.run(async move {
                loop {
                    lp.sleep(Duration::ZERO).await;
                }
            })
            .unwrap();
        });
        assert!(text.contains("what `run` was given, on local"), "{text}");

        let sim = builder.build();
        let lp = sim.local();
        let text = panic_of(|| {
            sim.run(async move {
                let begun = lp.now();
                loop {
                    lp.sleep_until(begun).await;
                }
            })
            .unwrap();
        });
        assert!(text.contains("what `run` was given, on local"), "{text}");
    });
}

#[test]
fn the_last_event_is_one_that_invariants_are_asked_after() {
    within_a_minute(|| {
        let sim = Sim::new(12);
        let broken = Arc::new(AtomicUsize::new(0));
        let seen = broken.clone();
        sim.check(move || match seen.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err("it is broken"),
        });
        let text = panic_of(|| {
            sim.run(async move { broken.fetch_add(1, Ordering::SeqCst) })
                .unwrap()
        });
        assert!(text.contains("it is broken"), "{text}");
    });
}
