//! CLI: the service that keeps a connection up.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polyloop_core::{
    Backoff, ClientService, ConnectError, Connection, Failure, Loop, MainLoop, Peer, Promise,
    ProtocolFactory, RetryPolicy, Server,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Fate, Flag, Journal, Probe, Scripted, ip_of, quiet, run, until};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const NAME: &str = "name.example:1";

/// Waits the same each time, and notes the counts that it is given.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Vec<usize>>>);

impl Counts {
    fn waiting(&self, delay: Duration) -> impl RetryPolicy + use<> {
        let counts = self.clone();
        move |failures: usize, _: &Failure| {
            counts
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(failures);
            Some(delay)
        }
    }

    fn seen(&self) -> Vec<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Declines some connections, then makes probes that write to one journal.
struct Declining {
    left: usize,
    declined: Flag,
    journal: Journal,
}

impl ProtocolFactory for Declining {
    type Protocol = Probe;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<Probe> {
        if self.left > 0 {
            self.left -= 1;
            self.declined.set();
            return None;
        }
        Some(Probe::new(&self.journal))
    }

    fn start_factory(&mut self) {
        self.journal.note("start");
    }

    fn stop_factory(&mut self) {
        self.journal.note("stop");
    }
}

/// Each of its connections says `bye` and gets closed.
async fn server<L: Loop>(lp: &L) -> Verdict<Server<Probe>> {
    let make = || {
        Probe::new(&Journal::new()).data(|transport, _| {
            transport.close();
            Ok(())
        })
    };
    Ok(lp.serve("127.0.0.1:0", make).await?)
}

fn probes(journal: &Journal) -> impl FnMut() -> Probe + Send + use<> {
    let journal = journal.clone();
    move || Probe::new(&journal)
}

/// A service whose attempts go as the fate says.
fn fated<L: Loop>(
    lp: &L,
    fate: Fate,
    policy: impl RetryPolicy,
) -> Verdict<(Scripted<L>, ClientService<Probe>)> {
    let scripted = Scripted::new(lp, &[("127.0.0.1:1".parse()?, fate)]);
    let service = ClientService::builder(NAME, probes(&Journal::new()))?
        .retry(policy)
        .build(&scripted);
    Ok((scripted, service))
}

const REFUSING: Fate = Fate::Fails(std::io::ErrorKind::ConnectionRefused);

/// The limit with each factory's shape; a reset in the middle; and "stop trying" while it
/// waits and while it is connected.
pub fn cli_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let policy = Backoff::reconnecting()
            .initial(MS)
            .max(5 * MS)
            .max_retries(3);
        let (scripted, service) = fated(&lp, REFUSING, policy)?;
        service.start()?;
        let Err(failure) = service.when_connected(None).await else {
            return Err(crate::fault::Fault::new("it connected"));
        };
        ensure!(
            matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })),
            "it gave up with {failure}"
        );
        ensure_eq!(scripted.attempted().len(), 4, "attempts with three retries");
        ensure!(!service.is_running(), "it still runs");

        let counts = Counts::default();
        let (_, service) = fated(&lp, REFUSING, counts.waiting(MS))?;
        service.start()?;
        until(&lp, "three failures", || counts.seen().len() >= 3).await?;
        service.reset();
        until(&lp, "a first failure again", || {
            counts.seen().iter().filter(|count| **count == 1).count() == 2
        })
        .await?;
        service.stop().await?;

        let (scripted, service) = fated(&lp, REFUSING, |_: usize, _: &Failure| Some(HOUR))?;
        let waiter = service.when_connected(None);
        service.start()?;
        until(&lp, "a failure", || service.failures() == 1).await?;
        service.stop_trying();
        until(&lp, "its end", || !service.is_running()).await?;
        ensure!(
            waiter.await.is_err_and(|f| f.is_cancelled()),
            "the waiter was not cancelled"
        );
        ensure_eq!(scripted.attempted().len(), 1, "attempts");
        leaves_a_live_connection(&lp).await
    })
}

async fn leaves_a_live_connection<L: Loop>(lp: &L) -> Verdict {
    let (server, journal) = (server(lp).await?, Journal::new());
    let service = ClientService::builder(server.local_addr(), probes(&journal))?
        .retry(|_: usize, _: &Failure| Some(MS))
        .build(lp);
    service.start()?;
    let connection = service.when_connected(None).await?;
    service.stop_trying();
    quiet(lp).await;
    ensure!(
        !connection.is_lost() && service.is_running(),
        "the live connection was ended"
    );
    connection.write("bye")?;
    until(lp, "the end", || !service.is_running()).await?;
    quiet(lp).await;
    ensure_eq!(journal.count("made"), 1, "connections");
    Ok(())
}

/// Two connections declined, one lost by the peer's doing, one by ours.
pub fn cli_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (server, journal, counts) = (server(&lp).await?, Journal::new(), Counts::default());
        let factory = Declining {
            left: 2,
            declined: Flag::new(),
            journal: journal.clone(),
        };
        let service = ClientService::builder(server.local_addr(), factory)?
            .retry(counts.waiting(MS))
            .build(&lp);
        service.start()?;
        let first = service.when_connected(None).await?;
        ensure_eq!(counts.seen(), [1, 2], "the counts before the first success");
        ensure_eq!(service.failures(), 0, "the count after it");
        first.write("bye")?;
        first.closed().await;
        let second = service.when_connected(None).await?;
        ensure_eq!(counts.seen(), [1, 2, 1], "the counts after one loss");
        second.abort();
        second.closed().await;
        let third = service.when_connected(None).await?;
        ensure_eq!(counts.seen(), [1, 2, 1, 1], "the counts after two losses");
        ensure!(!third.is_lost(), "the third is lost");
        service.stop().await?;
        ensure_eq!(journal.count("made"), 3, "connections");
        ensure_eq!(journal.count("lost"), 3, "losses");
        ensure_eq!(journal.count("start"), 1, "starts of the factory");
        ensure_eq!(journal.count("stop"), 1, "its stops");
        Ok(())
    })
}

/// Asked before the start, during failures, while connected, and across a stop.
pub fn cli_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (server, counts) = (server(&lp).await?, Counts::default());
        let declined = Flag::new();
        let factory = Declining {
            left: 4,
            declined: declined.clone(),
            journal: Journal::new(),
        };
        let service = ClientService::builder(server.local_addr(), factory)?
            .retry(counts.waiting(5 * MS))
            .build(&lp);
        let patient = service.when_connected(None);
        let (once, thrice) = (
            service.when_connected(Some(1)),
            service.when_connected(Some(3)),
        );
        quiet(&lp).await;
        ensure!(
            !patient.is_done() && !once.is_done(),
            "it settled before the start"
        );
        service.start()?;
        for (waiter, failures) in [(once, 1), (thrice, 3)] {
            let Err(failure) = waiter.await else {
                return Err(crate::fault::Fault::new("it connected"));
            };
            ensure!(
                matches!(failure.downcast_ref(), Some(ConnectError::Declined { .. })),
                "the waiter for {failures} failures was told {failure}"
            );
            // The service forgets its failures once it is connected, which it may be by now.
            ensure!(
                declined.count() >= failures,
                "too early, after {}",
                declined.count()
            );
        }
        let connection = patient.await?;
        ensure!(!connection.is_lost(), "the connection is lost");
        ensure_eq!(counts.seen(), [1, 2, 3, 4], "the failures");
        let at_once = service.when_connected(Some(1));
        ensure!(at_once.is_done(), "a connected service lets one wait");
        at_once.await?;
        service.stop().await?;
        let late = service.when_connected(None).await;
        ensure!(
            late.is_err_and(|f| f.is_cancelled()),
            "a stopped service lets one wait"
        );

        let (_, service) = fated(&lp, Fate::Hangs, |_: usize, _: &Failure| Some(MS))?;
        service.start()?;
        let (all, one) = (
            service.when_connected(None),
            service.when_connected(Some(9)),
        );
        service.stop().await?;
        for waiter in [all, one] {
            ensure!(
                waiter.await.is_err_and(|f| f.is_cancelled()),
                "the stop told them otherwise"
            );
        }
        Ok(())
    })
}

/// One error, one panic, one that loses the connection, then success.
pub fn cli_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (server, journal, counts) = (server(&lp).await?, Journal::new(), Counts::default());
        let (tries, early) = (Flag::new(), Flag::new());
        let own = Arc::new(Mutex::new(None::<ClientService<Probe>>));
        let (count, seen, its) = (tries.clone(), early.clone(), own.clone());
        let service = ClientService::builder(server.local_addr(), probes(&journal))?
            .retry(counts.waiting(MS))
            .prepare(move |connection: Connection<Probe>| {
                count.set();
                let service = its.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if service.is_some_and(|s| s.connection().is_some()) {
                    seen.set();
                }
                let number = count.count();
                async move {
                    connection.call(|_, _| ()).await?;
                    match number {
                        1 => Err(Failure::message("wrong password")),
                        2 => panic!("wrong step"),
                        3 => {
                            connection.abort();
                            std::future::pending().await
                        }
                        _ => Ok(()),
                    }
                }
            })
            .build(&lp);
        *own.lock().unwrap_or_else(PoisonError::into_inner) = Some(service.clone());
        let first = service.when_connected(Some(1));
        service.start()?;
        ensure!(
            first.await.is_err_and(|f| f.text() == "wrong password"),
            "the first failure is not the step's"
        );
        let connection = service.when_connected(None).await?;
        ensure_eq!(tries.count(), 4, "steps");
        ensure!(
            !early.is_set(),
            "a connection was seen before its step was done"
        );
        ensure_eq!(counts.seen(), [1, 2, 3], "the failures");
        until(&lp, "the end of the rejected ones", || {
            journal.count("lost") == 3
        })
        .await?;
        ensure!(!connection.is_lost(), "the accepted one is lost");
        until(&lp, "their other ends", || server.connection_count() == 1).await?;
        own.lock().unwrap_or_else(PoisonError::into_inner).take();
        service.stop().await?;
        Ok(())
    })
}

/// At each stage; and a start in the middle of a stop.
pub fn cli_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (_, service) = fated(&lp, REFUSING, |_: usize, _: &Failure| Some(HOUR))?;
        service.start()?;
        until(&lp, "a failure", || service.failures() == 1).await?;
        service.stop().await?;
        ensure!(!service.is_running(), "it waits on");

        let (scripted, service) = fated(&lp, Fate::Hangs, |_: usize, _: &Failure| Some(HOUR))?;
        service.start()?;
        until(&lp, "an attempt", || scripted.attempted().len() == 1).await?;
        service.stop().await?;
        ensure_eq!(
            scripted.given_up.count(),
            1,
            "attempts let go of when the stop settled"
        );

        let (server, journal) = (server(&lp).await?, Journal::new());
        let service = ClientService::builder(server.local_addr(), probes(&journal))?
            .retry(|_: usize, _: &Failure| Some(MS))
            .prepare(|_| std::future::pending())
            .build(&lp);
        service.start()?;
        until(&lp, "a connection to prepare", || journal.has("made")).await?;
        service.stop().await?;
        ensure_eq!(
            journal.count("lost"),
            1,
            "losses when the stop in the step settled"
        );
        ensure!(service.stop().await.is_ok(), "a second stop failed");
        stops_and_starts_again(&lp, ip_of(&server.local_addr())?).await
    })
}

async fn stops_and_starts_again<L: Loop>(lp: &L, to: SocketAddr) -> Verdict {
    let journal = Journal::new();
    let service = ClientService::builder(to, probes(&journal))?
        .retry(|_: usize, _: &Failure| Some(HOUR))
        .build(lp);
    service.start()?;
    service.start()?;
    let first = service.when_connected(None).await?;
    let stopped = service.stop();
    ensure!(
        service
            .when_connected(None)
            .await
            .is_err_and(|f| f.is_cancelled()),
        "a stopping service lets one wait"
    );
    service.start()?;
    let waiter = service.when_connected(None);
    stopped.await?;
    ensure!(first.is_lost(), "the connection lives on");
    ensure!(
        journal.lost().is_some_and(|r| r.is_clean()),
        "it ended as {:?}",
        journal.lost()
    );
    let second = waiter.await?;
    ensure!(!second.is_lost(), "there is no new connection");
    let (one, two) = (service.stop(), service.stop());
    one.await?;
    two.await?;
    ensure_eq!(
        journal.names(),
        ["made", "lost", "made", "lost"],
        "both lives"
    );
    Ok(())
}
