//! Crashes in the worst moments: from inside the code of the host that crashes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    CloseReason, Failure, Loop, Promise, Protocol, Spawner, Threads, TimerKey, Timers, Transport,
};
use polyloop_sim::{Crash, Sim};

use crate::{Silent, within_a_minute};

const SECOND: Duration = Duration::from_secs(1);

type Log = Arc<Mutex<Vec<&'static str>>>;

/// Where a host is brought down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Made,
    Data,
    Timer,
    Lost,
    Drop,
}

/// Brings its own host down at its moment, and panics when it is dropped.
struct Doomed {
    sim: Sim,
    log: Log,
    moment: Moment,
    how: Crash,
}

impl Doomed {
    fn at(&self, moment: Moment, text: &'static str) {
        self.log.lock().unwrap().push(text);
        if self.moment == moment {
            self.sim.crash("server", self.how);
            self.log.lock().unwrap().push("crashed");
        }
    }
}

impl Protocol for Doomed {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.set_timer(TimerKey::new("doom"), SECOND / 10);
        self.at(Moment::Made, "made");
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        self.at(Moment::Data, "data");
        if self.moment == Moment::Lost {
            transport.abort();
        }
        Ok(())
    }

    fn timer_fired(&mut self, _: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        self.at(Moment::Timer, "timer");
        Ok(())
    }

    fn connection_lost(&mut self, _: CloseReason) {
        self.at(Moment::Lost, "lost");
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        self.log.lock().unwrap().push("dropped");
        assert!(
            self.moment != Moment::Drop || std::thread::panicking(),
            "on purpose: a destructor, as its host goes down"
        );
    }
}

fn doom(moment: Moment, how: Crash) -> Vec<&'static str> {
    let sim = Sim::builder().seed(7).time_limit(60 * SECOND).build();
    let (server, client) = (sim.host("server"), sim.host("client"));
    let log = Log::default();
    let (stage, notes) = (sim.clone(), log.clone());
    server.on_boot(move |lp| {
        let (stage, notes) = (stage.clone(), notes.clone());
        async move {
            let doomed = move || Doomed {
                sim: stage.clone(),
                log: notes.clone(),
                moment,
                how,
            };
            let server = lp.serve("0.0.0.0:7", doomed).await.unwrap();
            server.drained().await;
        }
    });
    let stage = sim.clone();
    let seen = log.clone();
    sim.run(async move {
        let connection = client.connect("server:7", || Silent).await.unwrap();
        let _ = connection.write("x");
        client.sleep(SECOND).await;
        if moment == Moment::Drop {
            stage.crash("server", how);
            client.sleep(SECOND / 1_000).await;
        }
        assert!(!stage.is_up("server"));
        // Nothing runs there any more.
        let said = seen.lock().unwrap().len();
        client.sleep(SECOND).await;
        assert_eq!(seen.lock().unwrap().len(), said, "{moment:?} {how:?}");
        // It comes back as often as one likes, whatever lingers.
        for _ in 0..5 {
            stage.restart("server");
            client.sleep(SECOND / 20).await;
            let again = client.connect("server:7", || Silent).await.unwrap();
            client.sleep(SECOND / 1_000).await;
            drop(again);
        }
    })
    .unwrap();
    let log = log.lock().unwrap();
    log.clone()
}

#[test]
fn a_host_may_be_brought_down_by_its_own_code() {
    within_a_minute(|| {
        for how in [Crash::Reset, Crash::Silent] {
            for moment in [Moment::Made, Moment::Data, Moment::Timer, Moment::Lost] {
                let log = doom(moment, how);
                let crashed = log.iter().position(|text| *text == "crashed").unwrap();
                // The callback that crashed it ends, and nobody is told anything after it.
                assert_eq!(log.get(crashed + 1), Some(&"dropped"), "{moment:?} {log:?}");
                assert_eq!(log, doom(moment, how), "the same seed");
            }
        }
    });
}

#[test]
fn a_destructor_that_panics_as_its_host_goes_down_keeps_nobody_from_it() {
    within_a_minute(|| {
        for how in [Crash::Reset, Crash::Silent] {
            let log = doom(Moment::Drop, how);
            assert!(log.contains(&"dropped"), "{log:?}");
        }
    });
}

#[test]
fn a_host_may_be_brought_down_by_its_own_thread() {
    within_a_minute(|| {
        let sim = Sim::new(3);
        let (server, stage) = (sim.host("server"), sim.clone());
        let waiting = server.spawn({
            let lp = server.clone();
            async move {
                lp.run_in_thread(move || stage.crash("server", Crash::Reset))
                    .await
            }
        });
        let lp = sim.local();
        sim.run(async move {
            assert!(waiting.await.is_err(), "its task goes with the host");
            lp.sleep(SECOND).await;
        })
        .unwrap();
        assert!(!sim.is_up("server"));
    });
}

#[test]
fn what_a_host_is_it_stays_from_run_to_run() {
    within_a_minute(|| {
        let sim = Sim::new(3);
        let (asleep, gone) = (sim.host("asleep"), sim.host("gone"));
        for lp in [&asleep, &gone] {
            lp.on_boot(|lp| async move {
                let server = lp.serve("0.0.0.0:7", || Silent).await.unwrap();
                server.drained().await;
            });
        }
        let (stage, lp) = (sim.clone(), sim.local());
        sim.run(async move {
            lp.sleep(SECOND).await;
            stage.pause("asleep");
            stage.crash("gone", Crash::Reset);
        })
        .unwrap();
        assert!(!sim.is_up("asleep") && !sim.is_up("gone"));
        // What is changed between two runs holds in the next one.
        sim.link("local", "asleep", polyloop_sim::Link::new().latency(SECOND));
        let (stage, lp) = (sim.clone(), sim.local());
        sim.run(async move {
            lp.sleep(SECOND).await;
            assert!(!stage.is_up("asleep") && !stage.is_up("gone"));
            stage.resume("asleep");
            stage.restart("asleep");
            stage.restart("gone");
            for host in ["asleep", "gone"] {
                assert!(stage.is_up(host));
                lp.sleep(SECOND).await;
                let before = lp.now();
                let connected = lp.connect((host, 7), || Silent).await;
                assert!(connected.is_ok(), "{host}: {connected:?}");
                let far = host == "asleep";
                assert_eq!(lp.now() - before >= 2 * SECOND, far, "{host}");
            }
        })
        .unwrap();
    });
}

#[test]
fn a_thousand_simulations_leave_nothing_behind() {
    /// Threads and descriptors of this process, where the system tells.
    fn held() -> Option<(usize, usize)> {
        let count = |path| Some(std::fs::read_dir(path).ok()?.count());
        Some((count("/proc/self/task")?, count("/proc/self/fd")?))
    }

    within_a_minute(|| {
        let witness = Arc::new(());
        let before = held();
        for seed in 0..1_000 {
            let sim = Sim::new(seed);
            let (server, client) = (sim.host("server"), sim.host("client"));
            let kept = witness.clone();
            server.on_boot(move |lp| {
                let kept = kept.clone();
                async move {
                    let server = lp.serve("0.0.0.0:7", || Silent).await.unwrap();
                    server.drained().await;
                    drop(kept);
                }
            });
            let (stage, kept) = (sim.clone(), witness.clone());
            sim.run(async move {
                let _open = client.connect("server:7", || Silent).await.unwrap();
                let held = kept.clone();
                let inner = client.clone();
                client
                    .spawn(async move {
                        inner.sleep(3_600 * SECOND).await;
                        drop(held);
                    })
                    .detach();
                stage.crash("server", Crash::Silent);
                stage.restart("server");
                client.sleep(SECOND).await;
            })
            .unwrap();
        }
        assert_eq!(Arc::strong_count(&witness), 1);
        // Other tests run beside this one, and have some of their own.
        if let (Some(before), Some(after)) = (before, held()) {
            assert!(after.0 < before.0 + 200, "threads: {before:?}, {after:?}");
            assert!(
                after.1 < before.1 + 200,
                "descriptors: {before:?}, {after:?}"
            );
        }
    });
}
