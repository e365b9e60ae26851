//! FACT: factories that come back to themselves, and factories that panic.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use polyloop_core::{ConnectError, ListenError, MainLoop, Peer, ProtocolFactory, SharedFactory};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Journal, Probe, RawListener, Reports, dial, run, until};

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What was seen from inside of a hook.
type Seen = Arc<Mutex<Vec<Result<&'static str, String>>>>;

/// Puts itself to use in each of its hooks.
struct Reflexive {
    own: Arc<Mutex<Option<SharedFactory<Reflexive>>>>,
    seen: Seen,
    journal: Journal,
}

impl Reflexive {
    fn attempt(&self, what: &'static str, act: impl FnOnce(&mut SharedFactory<Self>)) {
        let own = self.own.lock().unwrap().clone();
        let Some(mut own) = own else { return };
        let outcome = catch_unwind(AssertUnwindSafe(|| act(&mut own)));
        self.seen.lock().unwrap().push(match outcome {
            Ok(()) => Ok(what),
            Err(panic) => Err(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| {
                panic
                    .downcast_ref::<&str>()
                    .map_or_else(String::new, |text| (*text).to_owned())
            })),
        });
    }
}

impl ProtocolFactory for Reflexive {
    type Protocol = Probe;

    fn build_protocol(&mut self, peer: &Peer) -> Option<Probe> {
        self.journal.note("build");
        self.attempt("start", ProtocolFactory::start_factory);
        self.attempt("stop", ProtocolFactory::stop_factory);
        self.attempt("print", |own| drop(format!("{own:?}")));
        self.attempt("start again", ProtocolFactory::start_factory);
        self.attempt("build", |own| drop(own.build_protocol(peer)));
        Some(Probe::new(&self.journal))
    }

    fn start_factory(&mut self) {
        self.journal.note("start");
        self.attempt("start", ProtocolFactory::start_factory);
    }

    fn stop_factory(&mut self) {
        self.journal.note("stop");
        self.attempt("start", ProtocolFactory::start_factory);
    }
}

/// It is started once more while it builds, which counts, and asked for a protocol while
/// it builds one and started while it starts and stops, which it refuses.
pub fn fact_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (own, seen, journal) = (Arc::default(), Seen::default(), Journal::new());
        let factory = Reflexive {
            own: Arc::clone(&own),
            seen: seen.clone(),
            journal: journal.clone(),
        };
        let mut factory = SharedFactory::new(factory);
        *own.lock().unwrap() = Some(factory.clone());
        let server = lp.serve(ANYWHERE, factory.clone()).await?;
        ensure!(
            matches!(&seen.lock().unwrap()[..], [Err(text)] if text.contains("shared factory")),
            "a start within the start: {seen:?}"
        );
        seen.lock().unwrap().clear();
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the connection", || journal.has("made")).await?;
        {
            let seen = seen.lock().unwrap();
            let [done @ .., Err(refused)] = &seen[..] else {
                ensure!(false, "a build within the build: {seen:?}");
                return Ok(());
            };
            ensure_eq!(
                done,
                [Ok("start"), Ok("stop"), Ok("print"), Ok("start again")],
                "what was done within the build"
            );
            ensure!(refused.contains("shared factory"), "it says {refused:?}");
        }
        server.close();
        server.closed().await;
        ensure!(!journal.has("stop"), "stopped while it is in use still");
        factory.stop_factory();
        ensure_eq!(
            (journal.count("start"), journal.count("stop")),
            (1, 1),
            "starts and stops"
        );
        *own.lock().unwrap() = None;
        Ok(())
    })
}

/// Panics where it is told to.
struct Fragile {
    at: &'static str,
    journal: Journal,
}

impl Fragile {
    fn at(at: &'static str, journal: &Journal) -> Self {
        Self {
            at,
            journal: journal.clone(),
        }
    }

    fn come_to(&self, place: &'static str) {
        self.journal.note(place);
        assert!(self.at != place, "the factory broke at its {place}");
    }
}

impl ProtocolFactory for Fragile {
    type Protocol = Probe;

    fn build_protocol(&mut self, _peer: &Peer) -> Option<Probe> {
        self.come_to("build");
        Some(Probe::new(&self.journal))
    }

    fn start_factory(&mut self) {
        self.come_to("start");
    }

    fn stop_factory(&mut self) {
        self.come_to("stop");
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.come_to("drop");
    }
}

/// At its start, its stop and its drop, of a server and of a client; and where several
/// share it, the next start is one all the same.
pub fn fact_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, journal) = (Reports::of(&lp), Journal::new());
        let outcome = lp.serve(ANYWHERE, Fragile::at("start", &journal)).await;
        ensure!(
            matches!(&outcome, Err(ListenError::Factory(f)) if f.is_panicked()),
            "a server whose factory can't start gave {outcome:?}"
        );
        let mut listener = RawListener::open(&lp)?;
        let outcome = lp
            .connect(listener.address, Fragile::at("start", &journal))
            .await;
        ensure!(
            matches!(&outcome, Err(ConnectError::Factory(f)) if f.is_panicked()),
            "a client whose factory can't start gave {outcome:?}"
        );
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());

        for place in ["stop", "drop"] {
            let text = format!("the factory broke at its {place}");
            let server = lp.serve(ANYWHERE, Fragile::at(place, &journal)).await?;
            server.close();
            server.closed().await;
            server.drained().await;
            until(&lp, "the server's report", || {
                reports.mentioning(&text) == 1
            })
            .await?;

            let client = lp
                .connect(listener.address, Fragile::at(place, &journal))
                .await?;
            let _peer = listener.accept().await?;
            client.abort();
            client.closed().await;
            until(&lp, "the client's report", || {
                reports.mentioning(&text) == 2
            })
            .await?;
        }
        ensure_eq!(reports.all().len(), 4, "reports");

        let journal = Journal::new();
        let shared = SharedFactory::new(Fragile::at("stop", &journal));
        for times in 1..=2 {
            let server = lp.serve(ANYWHERE, shared.clone()).await?;
            server.close();
            server.closed().await;
            until(&lp, "the stop", || journal.count("stop") == times).await?;
            ensure_eq!(journal.count("start"), times, "starts");
        }
        Ok(())
    })
}
