//! FACT: factories.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use polyloop_core::{ConnectError, ListenError, MainLoop, Peer, ProtocolFactory, SharedFactory};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    Flag, Journal, Probe, RawListener, Reports, dial, pair, quiet, read_all, run, until,
};

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Notes what it is asked, and answers as it was told to.
struct Noting {
    journal: Journal,
    peers: Arc<Mutex<Vec<Peer>>>,
    /// How often it has been asked, and then: decline, panic, or a probe.
    answer: fn(usize) -> Answer,
    asked: usize,
}

enum Answer {
    Probe,
    Decline,
    Panic,
}

impl Noting {
    fn new(journal: &Journal, answer: fn(usize) -> Answer) -> Self {
        Self {
            journal: journal.clone(),
            peers: Arc::default(),
            answer,
            asked: 0,
        }
    }
}

impl ProtocolFactory for Noting {
    type Protocol = Probe;

    fn build_protocol(&mut self, peer: &Peer) -> Option<Probe> {
        self.journal.note("build");
        self.peers.lock().unwrap().push(peer.clone());
        self.asked += 1;
        match (self.answer)(self.asked) {
            Answer::Probe => Some(Probe::new(&self.journal)),
            Answer::Decline => None,
            Answer::Panic => panic!("the factory broke"),
        }
    }

    fn start_factory(&mut self) {
        self.journal.note("start");
    }

    fn stop_factory(&mut self) {
        self.journal.note("stop");
    }
}

/// At both ends: asked once, before the connection is made, with the right address.
pub fn fact_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (there, here) = (Journal::new(), Journal::new());
        let server_factory = Noting::new(&there, |_| Answer::Probe);
        let client_factory = Noting::new(&here, |_| Answer::Probe);
        let asked = (server_factory.peers.clone(), client_factory.peers.clone());
        let server = lp.serve(ANYWHERE, server_factory).await?;
        let client = lp.connect(server.local_addr(), client_factory).await?;
        until(&lp, "the accepted end", || there.has("made")).await?;
        ensure_eq!(there.names(), ["start", "build", "made"], "at the server");
        ensure_eq!(
            here.names()[..3],
            ["start", "build", "made"],
            "at the client"
        );
        ensure_eq!(
            asked.0.lock().unwrap().first().cloned(),
            client.local_addr().map(Peer::new),
            "the server's peer"
        );
        ensure_eq!(
            *asked.1.lock().unwrap(),
            [Peer::new(server.local_addr())],
            "the client's peer"
        );
        Ok(())
    })
}

/// A server that declines the first and takes the second; a client that declines.
pub fn fact_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let there = Journal::new();
        let factory = Noting::new(&there, |asked| match asked {
            1 => Answer::Decline,
            _ => Answer::Probe,
        });
        let server = lp.serve(ANYWHERE, factory).await?;
        let mut declined = dial(&lp, server.local_addr()).await?;
        read_all(&mut declined).await;
        ensure!(!there.has("made"), "a declined connection was made");
        let _taken = dial(&lp, server.local_addr()).await?;
        until(&lp, "the next connection", || there.has("made")).await?;

        let mut listener = RawListener::open(&lp)?;
        let here = Journal::new();
        let factory = Noting::new(&here, |_| Answer::Decline);
        let refused = lp.connect(listener.address, factory).await.err();
        ensure!(
            matches!(refused, Some(ConnectError::Declined { .. })),
            "got {refused:?}"
        );
        ensure!(!here.has("made"), "a declined connection was made");
        read_all(&mut listener.accept().await?).await;
        Ok(())
    })
}

/// The first build panics, the second does not.
pub fn fact_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, there) = (Reports::of(&lp), Journal::new());
        let factory = Noting::new(&there, |asked| match asked {
            1 => Answer::Panic,
            _ => Answer::Probe,
        });
        let server = lp.serve(ANYWHERE, factory).await?;
        let mut broken = dial(&lp, server.local_addr()).await?;
        read_all(&mut broken).await;
        until(&lp, "the report", || {
            reports.mentioning("the factory broke") == 1
        })
        .await?;
        let _taken = dial(&lp, server.local_addr()).await?;
        until(&lp, "the next connection", || there.has("made")).await?;
        ensure_eq!(
            there.names(),
            ["start", "build", "build", "made"],
            "the events"
        );
        Ok(())
    })
}

/// The connect fails with the panic's text, and the peer sees the end.
pub fn fact_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let factory = Noting::new(&Journal::new(), |_| Answer::Panic);
        let failed = lp.connect(listener.address, factory).await.err();
        ensure!(
            matches!(&failed, Some(ConnectError::Protocol { source, .. })
                if source.is_panicked() && source.text() == "the factory broke"),
            "the connect gave {failed:?}"
        );
        read_all(&mut listener.accept().await?).await;
        Ok(())
    })
}

/// One factory on two ports; and a stop too many.
pub fn fact_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let mut factory = SharedFactory::new(Noting::new(&journal, |_| Answer::Probe));
        let first = lp.serve(ANYWHERE, factory.clone()).await?;
        let second = lp.serve(ANYWHERE, factory.clone()).await?;
        ensure_eq!(journal.names(), ["start"], "with two ports open");
        first.close();
        first.closed().await;
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["start"], "with one port left");
        second.close();
        second.closed().await;
        until(&lp, "the stop", || journal.has("stop")).await?;
        factory.stop_factory();
        ensure_eq!(journal.names(), ["start", "stop"], "after a surplus stop");
        let third = lp.serve(ANYWHERE, factory).await?;
        ensure_eq!(journal.count("start"), 2, "starts with a port open again");
        third.close();
        Ok(())
    })
}

/// Around a connect that fails, and one that succeeds and is lost.
pub fn fact_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let listener = RawListener::open(&lp)?;
        let nobody = listener.address;
        drop(listener);
        let factory = Noting::new(&journal, |_| Answer::Decline);
        // Refused, or declined should somebody else have taken the port.
        ensure!(
            lp.connect(nobody, factory).await.is_err(),
            "connected to nobody"
        );
        ensure_eq!(
            (journal.count("start"), journal.count("stop")),
            (1, 1),
            "starts and stops around a failed connect"
        );

        let journal = Journal::new();
        let mut listener = RawListener::open(&lp)?;
        let factory = Noting::new(&journal, |_| Answer::Probe);
        let connection = lp.connect(listener.address, factory).await?;
        let _peer = listener.accept().await?;
        quiet(&lp).await;
        ensure_eq!(
            journal.names(),
            ["start", "build", "made"],
            "while connected"
        );
        connection.close();
        until(&lp, "the stop", || journal.has("stop")).await?;
        let expected = ["start", "build", "made", "lost", "stop"];
        ensure_eq!(journal.names(), expected, "after the loss");
        Ok(())
    })
}

/// On an address that another listener has.
pub fn fact_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let taken = Flag::new();
        let both = pair(
            &lp,
            Probe::new(&Journal::new()),
            Probe::new(&Journal::new()),
        )
        .await?;
        let journal = Journal::new();
        let factory = Noting::new(&journal, |_| Answer::Probe);
        let failed = lp.serve(both.server.local_addr(), factory).await.err();
        ensure!(
            matches!(failed, Some(ListenError::InUse { .. })),
            "got {failed:?}"
        );
        ensure!(
            journal.names().is_empty(),
            "the factory saw {:?}",
            journal.names()
        );
        ensure!(!taken.is_set(), "the factory was asked");
        Ok(())
    })
}

/// At both ends, from a callback and from outside.
pub fn fact_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (there, here) = (Journal::new(), Journal::new());
        let server_factory = Noting::new(&there, |_| Answer::Probe);
        let client_factory = Noting::new(&here, |_| Answer::Probe);
        let asked = (server_factory.peers.clone(), client_factory.peers.clone());
        let server = lp.serve(ANYWHERE, server_factory).await?;
        let client = lp.connect(server.local_addr(), client_factory).await?;
        until(&lp, "the accepted end", || there.has("made")).await?;
        let accepted = server.connections().pop();
        let accepted = accepted.ok_or_else(|| Fault::new("the server lists no connection"))?;
        for (connection, asked) in [(accepted, asked.0), (client, asked.1)] {
            let seen = asked.lock().unwrap().clone();
            let inside = connection.call(|_, t| (t.peer(), t.peer_addr())).await?;
            let (peer, address) = inside;
            ensure_eq!(seen, [peer], "what the transport names");
            ensure_eq!(seen, [Peer::new(address)], "the transport's address");
            ensure_eq!(seen, [connection.peer()], "what the connection names");
            ensure_eq!(seen, [connection.handle().peer()], "what a handle names");
        }
        Ok(())
    })
}
