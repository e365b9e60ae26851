//! CLI: what the client service makes of a failure, of a stop, and of its loop's end.

use std::io::ErrorKind;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyloop_core::{
    Backoff, ClientService, ConnectError, ConnectOptions, Connection, Deferred, Failure, Loop,
    MainLoop, Peer, ProtocolFactory, RetryPolicy, Server, TcpOptions,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    Fate, Flag, Journal, MUCH, Probe, RawListener, Reports, Scripted, block_on, quiet, run, until,
};

const MS: Duration = Duration::from_millis(1);
const NAME: &str = "name.example:1";

#[expect(clippy::unnecessary_wraps, reason = "a policy may also give up")]
fn soon(_: usize, _: &Failure) -> Option<Duration> {
    Some(MS)
}

fn probes(journal: &Journal) -> impl FnMut() -> Probe + Send + use<> {
    let journal = journal.clone();
    move || Probe::new(&journal)
}

/// Its connections answer whatever comes with a goodbye, and close.
async fn dismissing<L: Loop>(lp: &L) -> Verdict<Server<Probe>> {
    let make = || {
        Probe::new(&Journal::new()).data(|transport, _| {
            transport.write(b"go away")?;
            transport.close();
            Ok(())
        })
    };
    Ok(lp.serve("127.0.0.1:0", make).await?)
}

#[derive(Debug, thiserror::Error)]
#[error("the peer said: go away")]
struct Dismissed;

/// Fails with the goodbye when it comes.
fn sensitive() -> Probe {
    Probe::new(&Journal::new()).data(|_, _| Err(Failure::new(Dismissed)))
}

fn is_final(failure: &Failure) -> bool {
    failure.downcast_ref::<Dismissed>().is_some()
}

/// A refusal, a rejection and a loss; a failure that is final ends the attempts, after
/// others that are not.
pub fn cli_24<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let _reports = Reports::of(&lp);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let policy = move |failures: usize, failure: &Failure| {
            sink.lock().unwrap().push((failures, failure.clone()));
            Some(MS)
        };
        let refusing = [(
            "127.0.0.1:1".parse()?,
            Fate::Fails(ErrorKind::ConnectionRefused),
        )];
        let service = ClientService::builder(NAME, sensitive)?
            .retry(policy)
            .build(&Scripted::new(&lp, &refusing));
        service.start()?;
        until(&lp, "two refusals", || seen.lock().unwrap().len() >= 2).await?;
        service.stop().await?;
        for (index, (failures, failure)) in seen.lock().unwrap().iter().enumerate() {
            ensure_eq!(*failures, index + 1, "the count");
            ensure!(
                matches!(failure.downcast_ref(), Some(ConnectError::Refused { .. })),
                "the policy was shown {failure:?}"
            );
        }

        let server = dismissing(&lp).await?;
        let steps = Flag::new();
        let counter = steps.clone();
        let service = ClientService::builder(server.local_addr(), sensitive)?
            .retry(Backoff::exponential().initial(MS).give_up_on(is_final))
            .prepare(move |_| {
                counter.set();
                let number = counter.count();
                async move {
                    if number < 3 {
                        return Err(Failure::message("not yet"));
                    }
                    Ok(())
                }
            })
            .build(&lp);
        service.start()?;
        let connection = service.when_connected(None).await?;
        ensure_eq!(steps.count(), 3, "steps until it was connected");
        connection.write("hello")?;
        until(&lp, "its end", || !service.is_running()).await?;
        ensure_eq!(steps.count(), 3, "steps after the final failure");
        let late = service.when_connected(None).await;
        ensure!(
            late.as_ref().is_err_and(is_final),
            "it gave up with {late:?}"
        );
        Ok(())
    })
}

/// Before the start, live, after "stop trying", while it stops, and lost.
pub fn cli_25<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = lp.serve("127.0.0.1:0", probes(&Journal::new())).await?;
        let service = ClientService::builder(server.local_addr(), probes(&Journal::new()))?
            .retry(soon)
            .build(&lp);
        ensure!(service.connection().is_none(), "one before the start");
        service.start()?;
        let first = service.when_connected(None).await?;
        let live = service.connection();
        ensure!(
            live.is_some_and(|live| live.local_addr() == first.local_addr()),
            "not the one that is live"
        );
        first.abort();
        first.closed().await;
        until(&lp, "another one", || {
            let live = service.connection();
            live.is_some_and(|live| live.local_addr() != first.local_addr())
        })
        .await?;
        service.stop_trying();
        ensure!(
            service.connection().is_some(),
            "none although it only tries no more"
        );
        let stopped = service.stop();
        ensure!(service.connection().is_none(), "one while it stops");
        stopped.await?;
        ensure!(service.connection().is_none(), "one when it has stopped");
        Ok(())
    })
}

/// While it is connected and while it tries; nobody waits for ever, and when the stop
/// settles the protocol has gone.
pub fn cli_26<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let (journal, gone) = (Journal::new(), Flag::new());
    let lp = make();
    let main = async {
        let server = lp.serve("127.0.0.1:0", probes(&Journal::new())).await?;
        let (notes, dropped) = (journal.clone(), gone.clone());
        let connected = ClientService::builder(server.local_addr(), move || {
            let guard = dropped.on_drop();
            Probe::new(&notes).lost(move |_| {
                let _ = &guard;
            })
        })?
        .build(&lp);
        connected.start()?;
        connected.when_connected(None).await?;
        let silent = [("127.0.0.1:1".parse()?, Fate::Hangs)];
        let trying = ClientService::builder(NAME, probes(&Journal::new()))?
            .build(&Scripted::new(&lp, &silent));
        trying.start()?;
        let waiter = trying.when_connected(None);
        Ok::<_, Fault>((connected, trying, waiter))
    };
    let (connected, trying, waiter) = lp.run(main)??;
    ensure_eq!(journal.names(), ["made", "lost"], "the connection");
    ensure!(gone.is_set(), "the protocol is there after the run");
    for (what, service) in [("connected", &connected), ("trying", &trying)] {
        ensure!(!service.is_running(), "the {what} one runs after the run");
        ensure!(
            service.connection().is_none(),
            "the {what} one has a connection"
        );
        ensure!(
            block_on(service.when_connected(None)).is_err_and(|f| f.is_cancelled()),
            "the {what} one lets one wait"
        );
        block_on(service.stop())?;
    }
    ensure!(
        block_on(waiter).is_err_and(|f| f.is_cancelled()),
        "who waited was told otherwise"
    );

    stop_that_the_end_overtakes(&make())
}

/// Its peer takes nothing, so the stop is under way when the run ends.
fn stop_that_the_end_overtakes<L: MainLoop>(lp: &L) -> Verdict {
    let gone = Flag::new();
    let main = async {
        let listener = RawListener::open(lp)?;
        let dropped = gone.clone();
        let service = ClientService::builder(listener.address, move || {
            let guard = dropped.on_drop();
            Probe::new(&Journal::new()).lost(move |_| {
                let _ = &guard;
                // Long enough for whoever does not wait for it.
                std::thread::sleep(50 * MS);
            })
        })?
        .build(lp);
        service.start()?;
        let connection = service.when_connected(None).await?;
        let much = vec![7; 8 * MUCH];
        connection
            .call(move |_, transport| transport.write(&much).map(drop))
            .await??;
        let (stopped, gone) = (service.stop(), gone.clone());
        let watcher = std::thread::spawn(move || {
            let outcome = block_on(stopped);
            (outcome.is_ok(), gone.is_set())
        });
        quiet(lp).await;
        Ok::<_, Fault>((listener, watcher))
    };
    let (_deaf, watcher) = lp.run(main)??;
    let (went_well, protocol_gone) = watcher
        .join()
        .map_err(|_| Fault::new("the watcher panicked"))?;
    ensure!(went_well, "the stop failed");
    ensure!(
        protocol_gone,
        "the stop settled before the protocol had gone"
    );
    Ok(())
}

/// Notes when it is asked.
struct Asked {
    journal: Journal,
}

impl ProtocolFactory for Asked {
    type Protocol = Probe;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<Probe> {
        self.journal.note("build");
        Some(Probe::new(&self.journal))
    }
}

/// Its peer takes nothing, so that it can't be closed with good grace.
pub fn cli_27<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let narrow = TcpOptions::new().send_buffer_size(Some(64 * 1024));
        let mut listener = RawListener::open(&lp)?;
        let journal = Journal::new();
        let factory = Asked {
            journal: journal.clone(),
        };
        let steps = Flag::new();
        let counter = steps.clone();
        let service = ClientService::builder(listener.address, factory)?
            .options(ConnectOptions::new().tcp(narrow))
            .retry(soon)
            .prepare(move |connection: Connection<Probe>| {
                counter.set();
                let number = counter.count();
                async move {
                    if number > 1 {
                        return Ok(());
                    }
                    let much = || vec![7; 8 * MUCH];
                    connection
                        .call(move |_, transport| transport.write(&much()).map(drop))
                        .await??;
                    Err(Failure::message("not this one"))
                }
            })
            .build(&lp);
        service.start()?;
        let _deaf = listener.accept().await?;
        service.when_connected(None).await?;
        let heard: Vec<_> = journal
            .names()
            .into_iter()
            .filter(|name| name != "pause" && name != "resume")
            .collect();
        ensure_eq!(
            heard,
            ["build", "made", "lost", "build", "made"],
            "the first before the second"
        );
        Ok(())
    })
}

/// Steps that fail as a handle of the connection does, and as a promise that the protocol
/// takes along; many times, since it is a matter of who is first.
pub fn cli_28<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const ROUNDS: usize = 20;

    run(make, async |lp| {
        let _reports = Reports::of(&lp);
        let server = dismissing(&lp).await?;
        let slot = Arc::new(Mutex::new(None::<Deferred<()>>));
        let (given, taken) = (slot.clone(), slot);
        let factory = move || {
            let (resolver, promise) = Deferred::new();
            *given.lock().unwrap() = Some(promise);
            sensitive().lost(move |_| {
                let _ = &resolver;
            })
        };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let mut number = 0;
        let service = ClientService::builder(server.local_addr(), factory)?
            .retry(move |failures: usize, failure: &Failure| {
                sink.lock().unwrap().push(failure.clone());
                (failures < ROUNDS).then_some(Duration::ZERO)
            })
            .prepare(move |connection: Connection<Probe>| {
                number += 1;
                let waits = number % 2 == 0;
                let promise = taken.lock().unwrap().take();
                async move {
                    if let Some(promise) = promise.filter(|_| waits) {
                        connection.write("hello")?;
                        return promise.await;
                    }
                    loop {
                        connection.call(|_, t| t.write(b"hello")).await??;
                    }
                }
            })
            .build(&lp);
        let waiter = service.when_connected(None);
        service.start()?;
        let outcome = waiter.await;
        ensure!(
            outcome.as_ref().is_err_and(is_final),
            "it gave up with {outcome:?}"
        );
        let seen = seen.lock().unwrap();
        ensure_eq!(seen.len(), ROUNDS, "failures");
        for failure in seen.iter() {
            ensure!(is_final(failure), "the goodbye is not in {failure:?}");
        }
        Ok(())
    })
}

/// Makes probes, and notes when it is started and stopped.
struct Noting(Journal);

impl ProtocolFactory for Noting {
    type Protocol = Probe;

    fn build_protocol(&mut self, _: &Peer) -> Option<Probe> {
        self.0.note("build");
        Some(Probe::new(&self.0))
    }

    fn start_factory(&mut self) {
        self.0.note("start");
    }

    fn stop_factory(&mut self) {
        self.0.note("stop");
    }
}

/// Two connections, of which the peer ends the first.
pub fn cli_33<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let journal = Journal::new();
        let service = ClientService::builder(listener.address, Noting(journal.clone()))?
            .retry(soon)
            .build(&lp);
        service.start()?;
        drop(listener.accept().await?);
        let _peer = listener.accept().await?;
        until(&lp, "the second", || journal.count("made") == 2).await?;
        service.stop().await?;
        let life = ["build", "made", "lost"];
        let expected = [&["start"][..], &life, &life, &["stop"]].concat();
        let mut told = journal.names();
        told.retain(|name| expected.contains(&&**name));
        ensure_eq!(told, expected, "what was told");
        Ok(())
    })
}
