//! Hosts: their life, and the network between them as programs see it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    Backoff, ClientService, CloseReason, Deferred, Failure, Loop, Protocol, Resolver, Spawner,
    Timers, Transport,
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
            assert_eq!(seen.len(), 2, "{seen:?}");
            assert!(seen[0].starts_with("server: "), "{seen:?}");
            assert!(
                seen[1].starts_with("client: ") && seen[1].contains("reset"),
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
            let seen = notes.lock().unwrap().clone();
            // The server's side has ended; its client has heard nothing of it.
            assert_eq!(seen.len(), 2, "{seen:?}");
            assert!(seen[1].starts_with("server: "), "{seen:?}");
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
            assert!(error.to_string().contains("not known"), "{error}");
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
