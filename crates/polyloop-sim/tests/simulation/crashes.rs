//! A crash tells nobody on the host that crashes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    Calls, CloseReason, Consumer, Deferred, Failure, Lifecycle, ListenOptions, Loop, Peer, Promise,
    Protocol, ProtocolFactory, PushProducer, Registration, ShutdownPhase, Spawner, Tcp, Timers,
    Transport, catch_cancel,
};
use polyloop_sim::{Crash, Sim, SimLoop};

use crate::{Silent, within_a_minute};

const SECOND: Duration = Duration::from_secs(1);

type Log = Arc<Mutex<Vec<String>>>;

/// Who wants to be told, and does what it can on its way out.
#[derive(Clone)]
struct Teller {
    lp: SimLoop,
    log: Log,
}

impl Teller {
    fn tell(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }
}

struct Stubborn(Teller);

impl Drop for Stubborn {
    /// Everything that code can do without waiting.
    fn drop(&mut self) {
        let Teller { lp, log } = self.0.clone();
        let tell = |text: &'static str| {
            let log = log.clone();
            move || log.lock().unwrap().push(text.to_owned())
        };
        drop(lp.spawn({
            let tell = tell("a task of a destructor ran");
            async move { tell() }
        }));
        let _ = lp.call_soon(tell("a call of a destructor was made"));
        let _ = lp.call_later(SECOND, tell("a later call of a destructor was made"));
        drop(lp.on_shutdown(ShutdownPhase::Before, || async { Ok(()) }));
        let any = "0.0.0.0:8".parse().unwrap();
        if let Ok(listener) = lp.bind_tcp(any, &ListenOptions::default()) {
            tell("a destructor listens")();
            std::mem::forget(listener);
        }
        lp.report("a destructor reports", &Failure::message("on purpose"));
        // Nobody has taken the failure, so it would be reported.
        let (resolver, promise) = Deferred::<()>::new();
        let _ = resolver.reject(Failure::message("on purpose"));
        drop(promise);
    }
}

struct Session {
    teller: Teller,
    consumer: Consumer,
    _kept: Stubborn,
}

impl Protocol for Session {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let producer = Registration::push(Producer(self.teller.clone()));
        self.consumer.register(transport, producer)
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.consumer.connection_lost();
        self.teller.tell(format!("connection lost: {reason}"));
    }
}

struct Producer(Teller);

impl PushProducer for Producer {
    fn pause_producing(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn resume_producing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        Ok(())
    }

    fn stop_producing(&mut self) {
        self.0.tell("a producer is stopped");
    }
}

struct Factory(Teller);

impl ProtocolFactory for Factory {
    type Protocol = Session;

    fn build_protocol(&mut self, _: &Peer) -> Option<Session> {
        Some(Session {
            teller: self.0.clone(),
            consumer: Consumer::default(),
            _kept: Stubborn(self.0.clone()),
        })
    }

    fn stop_factory(&mut self) {
        self.0.tell("the factory is stopped");
    }
}

/// A host with something of everything that could be told.
async fn occupy(lp: &SimLoop, log: &Log) {
    let (lp, log) = (lp.clone(), log.clone());
    let teller = Teller {
        lp: lp.clone(),
        log: log.clone(),
    };
    let reports = log.clone();
    lp.set_error_hook(move |report| reports.lock().unwrap().push(format!("report: {report}")));
    let server = lp.serve("0.0.0.0:7", Factory(teller.clone())).await;
    lp.spawn(async move { server.unwrap().serve_forever().await })
        .detach();
    let mut kept = Some(Stubborn(teller.clone()));
    let own = teller.clone();
    lp.spawn(async move {
        let _kept = kept.take();
        let cancelled = catch_cancel(std::future::pending::<()>()).await;
        own.tell(format!("a task is told: {cancelled:?}"));
    })
    .detach();
    let (unsettled, own) = (Stubborn(teller.clone()), teller.clone());
    lp.call_later(100 * SECOND, move || {
        own.tell(format!("called: {:p}", &unsettled));
    })
    .unwrap();
    let own = teller.clone();
    drop(lp.on_shutdown(ShutdownPhase::Before, move || async move {
        own.tell("a shutdown hook runs");
        Ok(())
    }));
}

fn crash_tells_nobody(how: Crash, at_once: bool) {
    let sim = Sim::new(3);
    let (server, client) = (sim.host("server"), sim.host("client"));
    let log = Log::default();
    let (stage, notes) = (sim.clone(), log.clone());
    sim.run(async move {
        occupy(&server, &notes).await;
        let connection = client.connect("server:7", || Silent).await.unwrap();
        client.sleep(SECOND).await;
        stage.crash("server", how);
        assert!(
            server
                .bind_tcp("0.0.0.0:9".parse().unwrap(), &ListenOptions::default())
                .is_err()
        );
        assert!(!server.is_closed());
        if !at_once {
            client.sleep(SECOND).await;
        }
        stage.restart("server");
        client.sleep(200 * SECOND).await;
        assert_eq!(*notes.lock().unwrap(), [""; 0], "{how:?}");
        // The peer learns as it would anywhere.
        connection.write("are you there?").ok();
        client.sleep(SECOND).await;
        let CloseReason::Error(failure) = connection.closed().await else {
            panic!("the peer was told something else than a reset");
        };
        assert!(format!("{failure:#}").contains("reset"), "{failure:#}");
        // And the host is of use again.
        let refused = client.connect("server:7", || Silent).await;
        assert!(refused.is_err(), "somebody listens still");
        let refused = client.connect("server:8", || Silent).await;
        assert!(refused.is_err(), "a destructor listens");
        assert_eq!(server.spawn(async { 5 }).await.unwrap(), 5);
        let (resolver, called) = Deferred::new();
        server
            .call_later(SECOND, move || assert!(resolver.resolve(()).is_ok()))
            .unwrap();
        called.await.unwrap();
    })
    .unwrap();
    assert_eq!(*log.lock().unwrap(), [""; 0], "{how:?}");
}

#[test]
fn nobody_on_a_host_that_crashes_is_told() {
    within_a_minute(|| {
        for how in [Crash::Reset, Crash::Silent] {
            crash_tells_nobody(how, false);
        }
    });
}

#[test]
fn nobody_is_told_where_the_host_is_restarted_at_once() {
    within_a_minute(|| {
        for how in [Crash::Reset, Crash::Silent] {
            crash_tells_nobody(how, true);
        }
    });
}

#[test]
fn the_same_host_tells_everybody_when_its_program_ends() {
    within_a_minute(|| {
        let sim = Sim::new(3);
        let (server, client) = (sim.host("server"), sim.host("client"));
        let log = Log::default();
        let notes = log.clone();
        sim.run(async move {
            occupy(&server, &notes).await;
            let _connection = client.connect("server:7", || Silent).await.unwrap();
            client.sleep(SECOND).await;
            server.stop().unwrap();
            client.sleep(SECOND).await;
        })
        .unwrap();
        let told = log.lock().unwrap().join("\n");
        for text in [
            "connection lost",
            "a producer is stopped",
            "the factory is stopped",
            "a task is told",
            "a shutdown hook runs",
            "a destructor reports",
            "nobody took the failure",
        ] {
            assert!(told.contains(text), "{text:?} is not in\n{told}");
        }
    });
}

#[test]
fn what_is_durable_is_what_the_test_holds() {
    within_a_minute(|| {
        let sim = Sim::new(8);
        let disk = Log::default();
        let file = disk.clone();
        sim.host("server").on_boot(move |lp| {
            let file = file.clone();
            async move {
                let found = file.lock().unwrap().len();
                file.lock()
                    .unwrap()
                    .push(format!("boot after {found} lines"));
                lp.sleep(10 * SECOND).await;
                file.lock().unwrap().push("never written".to_owned());
            }
        });
        sim.after(5 * SECOND, |sim| sim.crash("server", Crash::Silent));
        sim.after(6 * SECOND, |sim| sim.restart("server"));
        let clock = sim.local();
        sim.run(async move { clock.sleep(7 * SECOND).await })
            .unwrap();
        let lines = disk.lock().unwrap().clone();
        assert_eq!(lines, ["boot after 0 lines", "boot after 1 lines"]);
    });
}
