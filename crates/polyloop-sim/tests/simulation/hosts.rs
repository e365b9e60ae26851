//! Hosts: their life, and the network between them as programs see it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    Backoff, Calls, ClientService, CloseReason, Deferred, Failure, Lifecycle, LookupError, Loop,
    MainLoop, Protocol, Resolver, ShutdownPhase, Spawner, Timers, Transport,
};
use polyloop_sim::{Crash, Link, Sim, SimLoop};

use crate::{panic_of, within_a_minute};

const SECOND: Duration = Duration::from_secs(1);

type Log = Arc<Mutex<Vec<String>>>;

/// Answers, and tries to say goodbye when it is lost.
struct Server(Log);

impl Protocol for Server {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data)?;
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.0.lock().unwrap().push(format!("server: {reason}"));
    }
}

/// Says hello when it is connected, and tells when it is lost.
struct Client {
    log: Log,
    lost: Option<Resolver<()>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.write(b"hello")?;
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(data).into_owned();
        self.log.lock().unwrap().push(text);
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.log.lock().unwrap().push(format!("client: {reason}"));
        if let Some(lost) = self.lost.take() {
            let _ = lost.resolve(());
        }
    }
}

fn serve(lp: &SimLoop, log: &Log) {
    let log = log.clone();
    lp.on_boot(move |lp| {
        let log = log.clone();
        async move {
            let factory = move || Server(log.clone());
            let server = lp.serve("0.0.0.0:7", factory).await.unwrap();
            server.drained().await;
        }
    });
}

async fn dial(lp: &SimLoop, log: &Log) -> Deferred<()> {
    let (resolver, lost) = Deferred::new();
    let mut client = Some(Client {
        log: log.clone(),
        lost: Some(resolver),
    });
    let factory = move || client.take().expect("one connection");
    lp.connect("server:7", factory).await.unwrap();
    lost
}

#[test]
fn a_crash_drops_a_hosts_tasks_and_a_restart_begins_afresh() {
    within_a_minute(|| {
        let sim = Sim::new(5);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let log = Log::default();
        serve(&server, &log);
        let (stage, notes) = (sim.clone(), log.clone());
        sim.run(async move {
            let lost = dial(&client, &notes).await;
            client.sleep(SECOND).await;
            assert_eq!(std::mem::take(&mut *notes.lock().unwrap()), ["hello"]);
            let task = server.spawn(std::future::pending::<()>());
            stage.crash("server", Crash::Reset);
            assert!(!stage.is_up("server"));
            lost.await.unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
            let seen = std::mem::take(&mut *notes.lock().unwrap());
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert!(
                seen[0].starts_with("client: ") && seen[0].contains("reset"),
                "{seen:?}"
            );
            let refused = client.connect("server:7", || Server(Log::default())).await;
            assert!(refused.is_err(), "a crashed host took a connection");
            assert!(
                server.spawn(async {}).await.is_err(),
                "a crashed host ran a task"
            );

            stage.restart("server");
            client.sleep(SECOND).await;
            let _lost = dial(&client, &notes).await;
            client.sleep(SECOND).await;
            assert_eq!(*notes.lock().unwrap(), ["hello"]);
        })
        .unwrap();
    });
}

#[test]
fn what_a_crashed_host_says_on_its_way_out_reaches_nobody() {
    within_a_minute(|| {
        let sim = Sim::new(6);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let log = Log::default();
        serve(&server, &log);
        let (stage, notes) = (sim.clone(), log.clone());
        sim.run(async move {
            let _lost = dial(&client, &notes).await;
            client.sleep(SECOND).await;
            stage.crash(&server, Crash::Silent);
            client.sleep(100 * SECOND).await;
            // The server's side is told nothing, and its client has heard nothing.
            assert_eq!(*notes.lock().unwrap(), ["hello"]);
        })
        .unwrap();
    });
}

#[test]
fn a_paused_host_is_late_and_loses_nothing() {
    within_a_minute(|| {
        let sim = Sim::new(7);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let log = Log::default();
        serve(&server, &log);
        let (stage, notes) = (sim.clone(), log.clone());
        sim.run(async move {
            let own = notes.clone();
            let factory = move || Client {
                log: own.clone(),
                lost: None,
            };
            let connection = client.connect("server:7", factory).await.unwrap();
            let begun = server.now();
            let sleeper = server.clone();
            let timer = server.spawn(async move {
                sleeper.sleep(2 * SECOND).await;
                sleeper.now() - begun
            });
            client.sleep(SECOND).await;
            assert_eq!(std::mem::take(&mut *notes.lock().unwrap()), ["hello"]);

            stage.pause("server");
            stage.after(10 * SECOND, |sim| sim.resume("server"));
            connection.write("again").unwrap();
            client.sleep(5 * SECOND).await;
            assert!(notes.lock().unwrap().is_empty(), "a paused host answered");
            assert_eq!(timer.await.unwrap(), 11 * SECOND);
            client.sleep(SECOND).await;
            assert_eq!(*notes.lock().unwrap(), ["again"]);
        })
        .unwrap();
    });
}

#[test]
fn an_hour_of_retries_through_a_partition_ends_with_a_connection() {
    within_a_minute(|| {
        let sim = Sim::new(8);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let log = Log::default();
        serve(&server, &log);
        sim.partition("client", "server");
        sim.at(3600 * SECOND, |sim| sim.heal("client", "server"));
        let notes = log.clone();
        sim.run(async move {
            let factory = move || Client {
                log: notes.clone(),
                lost: None,
            };
            let service = ClientService::builder("server:7", factory)
                .unwrap()
                .retry(Backoff::exponential())
                .build(&client);
            service.start().unwrap();
            service.when_connected(None).await.unwrap();
            client.sleep(SECOND).await;
            service.stop().await.unwrap();
        })
        .unwrap();
        assert!(sim.elapsed() >= 3600 * SECOND);
        assert!(sim.elapsed() < 3800 * SECOND, "{:?}", sim.elapsed());
        assert_eq!(log.lock().unwrap()[0], "hello");
    });
}

#[test]
fn a_fault_for_a_host_that_is_not_there_says_so() {
    within_a_minute(|| {
        let sim = Sim::new(1);
        sim.host("server");
        let text = panic_of(|| sim.crash("sever", Crash::Reset));
        assert!(
            text.contains(r#""sever""#) && text.contains(r#"["server"]"#),
            "{text}"
        );
    });
}

#[test]
fn names_lead_to_hosts() {
    use polyloop_core::Resolve;

    within_a_minute(|| {
        let sim = Sim::new(1);
        let (a, b) = (sim.host("a"), sim.host("b"));
        sim.run(async move {
            let found = a.resolve("b", 80).await.unwrap();
            assert!(found.iter().all(|address| address.port() == 80));
            assert_eq!(found, b.resolve("b", 80).await.unwrap());
            assert_ne!(found, b.resolve("a", 80).await.unwrap());
            let local = a.resolve("localhost", 1).await.unwrap();
            assert!(local.iter().all(|address| address.ip().is_loopback()));
            let error = a.resolve("nowhere", 80).await.unwrap_err();
            assert!(matches!(error, LookupError::NotFound { .. }), "{error}");
        })
        .unwrap();
    });
}

#[test]
fn a_new_default_link_is_in_the_trace_as_any_other_change_of_the_network() {
    let sim = Sim::new(1);
    sim.default_link(Link::new().loss(0.5));
    let text = sim.trace().to_string();
    assert!(text.contains("*** new link between hosts"), "{text}");
}

#[test]
fn every_host_says_that_it_runs_while_the_simulation_does() {
    within_a_minute(|| {
        let sim = Sim::new(2);
        let server = sim.host("server");
        let log = Log::default();
        let seen = log.clone();
        let note = move |lp: &SimLoop, place: &str| {
            let text = format!("{place}: {}", lp.is_running());
            seen.lock().unwrap().push(text);
        };
        let (program, waiting) = (note.clone(), note.clone());
        server.on_boot(move |lp| {
            let note = program.clone();
            async move { note(&lp, "program") }
        });
        let own = server.clone();
        server
            .call_when_running(move || waiting(&own, "first call"))
            .unwrap();
        assert!(!server.is_running(), "nothing is run yet");

        let stage = sim.clone();
        sim.run(async move {
            let later = note.clone();
            let own = server.clone();
            server
                .call_later(SECOND, move || later(&own, "call"))
                .unwrap();
            let late = stage.host("late");
            late.sleep(2 * SECOND).await;
            note(&late, "made during the run");
            assert!(server.close().is_err(), "closed while it runs");
            let (next, own) = (note.clone(), server.clone());
            server
                .call_when_running(move || next(&own, "next call"))
                .unwrap();
            late.sleep(SECOND).await;
        })
        .unwrap();
        let mut seen = std::mem::take(&mut *log.lock().unwrap());
        seen[..2].sort();
        assert_eq!(
            seen,
            [
                "first call: true",
                "program: true",
                "call: true",
                "made during the run: true",
                "next call: true",
            ]
        );
        let running = |name| sim.host(name).is_running();
        assert!(
            ["server", "late", "local"]
                .into_iter()
                .all(|name| !running(name))
        );

        panic_of(|| sim.run(std::future::pending::<()>()).unwrap());
        assert!(!running("server"), "after a run that could not go on");
        let alone = sim.host("late");
        let other = sim.host("server");
        assert!(alone.run(async move { other.is_running() }).unwrap());
        assert!(!running("server"), "after a run of another host");
    });
}

#[test]
fn a_host_that_is_stopped_is_wound_up_and_the_others_go_on() {
    within_a_minute(|| {
        let sim = Sim::new(3);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let log = Log::default();
        serve(&server, &log);
        for (phase, text) in [
            (ShutdownPhase::Before, "before"),
            (ShutdownPhase::After, "after"),
        ] {
            let notes = log.clone();
            server.on_shutdown(phase, move || async move {
                notes.lock().unwrap().push(text.to_owned());
                Ok(())
            });
        }
        assert!(server.stop().is_err(), "nothing is run yet");
        let notes = log.clone();
        sim.run(async move {
            let lost = dial(&client, &notes).await;
            let task = server.spawn(std::future::pending::<()>());
            client.sleep(SECOND).await;
            server.stop().unwrap();
            lost.await.unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
            client.sleep(SECOND).await;
            let seen = std::mem::take(&mut *notes.lock().unwrap());
            assert_eq!(seen.len(), 5, "{seen:?}");
            assert_eq!(seen[..2], ["hello", "before"], "{seen:?}");
            assert!(seen[2].starts_with("server: "), "{seen:?}");
            assert_eq!(seen[3], "after");
            let refused = client.connect("server:7", || Server(Log::default())).await;
            assert!(refused.is_err(), "a stopped host took a connection");

            // The machine is still there, and takes another program.
            assert!(server.is_running() && client.is_running());
            assert_eq!(server.spawn(async { 5 }).await.unwrap(), 5);
            server.stop().unwrap();
            client.sleep(SECOND).await;

            // One that has crashed has no program to end, and starts as any other.
            client.sim().crash(&server, Crash::Silent);
            server.stop().unwrap();
            client.sleep(SECOND).await;
            client.sim().restart(&server);
            let (resolver, called) = Deferred::new();
            server
                .call_later(SECOND, move || assert!(resolver.resolve(()).is_ok()))
                .unwrap();
            called.await.unwrap();
            let _lost = dial(&client, &notes).await;
            client.sleep(SECOND).await;
            assert_eq!(notes.lock().unwrap().last().unwrap(), "hello");
        })
        .unwrap();
    });
}

#[test]
fn a_stop_at_the_end_of_a_run_is_not_one_of_the_next() {
    within_a_minute(|| {
        let sim = Sim::new(3);
        let server = sim.host("server");
        let stopped = server.clone();
        sim.run(async move { stopped.stop().unwrap() }).unwrap();
        let worked = sim.run(async move {
            let lp = server.clone();
            server.spawn(async move { lp.sleep(SECOND).await }).await
        });
        assert!(worked.unwrap().is_ok(), "the task was stopped");
    });
}
