//! POL: layers that are not seen, and how many connections there may be.

use std::num::NonZero;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{
    ConnectOptions, ConnectionLimit, ListenOptions, Loop, MainLoop, OnEof, Peer, ProtocolFactory,
    Stream, Throttle,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{End, Journal, Probe, Reports, dial, read_all, run, until};

/// Notes what its factory is told, and what its protocol sees of its transport.
struct Watching(Journal);

impl ProtocolFactory for Watching {
    type Protocol = Probe;

    fn start_factory(&mut self) {
        self.0.note("started");
    }

    fn build_protocol(&mut self, peer: &Peer) -> Option<Probe> {
        self.0.note(format!("for {}", peer.address()));
        let probe = Probe::new(&self.0).eof(|_| Ok(OnEof::KeepOpen));
        let noted = self.0.clone();
        Some(probe.made(move |t| {
            noted.note(format!("{:?} with {}", t.local_addr(), t.peer_addr()));
            noted.note(format!("{} {:?}", t.can_write_eof(), t.nodelay().ok()));
            t.set_nodelay(false)?;
            noted.note(format!("{:?}", t.nodelay().ok()));
            Ok(())
        }))
    }

    fn stop_factory(&mut self) {
        self.0.note("stopped");
    }
}

/// What a protocol and its factory see below so many policies, in the order it came.
async fn seen<L: Loop>(lp: &L, with_policies: bool) -> Verdict<Vec<String>> {
    let journal = Journal::new();
    let rate = NonZero::new(1_000_000).ok_or_else(|| Fault::new("0"))?;
    let limit = ConnectionLimit::new().in_all(1).per_address(1);
    let throttle = Throttle::new().reads(rate).writes(rate);
    let options = ListenOptions::new();
    let factory = Watching(journal.clone());
    let server = if with_policies {
        let options = options.layer(throttle).layer(limit);
        lp.serve_with("127.0.0.1:0", options, factory).await?
    } else {
        lp.serve_with("127.0.0.1:0", options, factory).await?
    };
    let mut peer = dial(lp, server.local_addr()).await?;
    let (own, other) = (peer.local_addr()?, server.local_addr());
    until(lp, "the connection", || journal.has("made")).await?;
    // This side ends, and the other goes on, as over a bare stream.
    peer.close().await?;
    until(lp, "the end of stream", || journal.has("eof")).await?;
    for connection in server.connections() {
        connection.write("still here")?;
        connection.close();
    }
    let came = read_all(&mut peer).await;
    ensure_eq!(came, (b"still here".to_vec(), End::Eof), "what came");
    server.close();
    server.drained().await;
    until(lp, "the stop", || journal.has("stopped")).await?;
    let anonymous = |name: String| {
        let name = name.replace(&own.to_string(), "the client");
        name.replace(&other.to_string(), "the server")
    };
    Ok(journal.names().into_iter().map(anonymous).collect())
}

/// Addresses, abilities, options of the socket, the factory's events, half an end.
pub fn pol_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let bare = seen(&lp, false).await?;
        ensure!(bare.contains(&"for the client".to_owned()), "{bare:?}");
        ensure_eq!(seen(&lp, true).await?, bare, "below policies");
        Ok(())
    })
}

/// In all, and by address; told what was there; freed by a loss.
pub fn pol_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, journal) = (Reports::of(&lp), Journal::new());
        let limit = ConnectionLimit::new().in_all(2);
        let options = ListenOptions::new().layer(limit.clone());
        let made = journal.clone();
        let server = lp
            .serve_with("127.0.0.1:0", options, move || Probe::echo(&made))
            .await?;
        let address = server.local_addr();
        let mut first = dial(&lp, address.clone()).await?;
        let mut second = dial(&lp, address.clone()).await?;
        until(&lp, "two", || journal.count("made") == 2).await?;
        let mut third = dial(&lp, address.clone()).await?;
        let (came, _) = read_all(&mut third).await;
        ensure!(came.is_empty(), "the third was told {came:?}");
        until(&lp, "the report", || reports.all().len() == 1).await?;
        let told = format!("{:?}", reports.all());
        let own = third.local_addr()?.to_string();
        ensure!(told.contains(&own) && told.contains("2 are open"), "{told}");
        ensure_eq!(
            (limit.connections(), journal.count("made")),
            (2, 2),
            "those in"
        );
        for stream in [&mut first, &mut second] {
            stream.write_all(b"on").await?;
            stream.read_exact(&mut [0; 2]).await?;
        }
        drop(first);
        until(&lp, "a free place", || limit.connections() == 1).await?;
        let mut fourth = dial(&lp, address).await?;
        fourth.write_all(b"in").await?;
        fourth.read_exact(&mut [0; 2]).await?;
        server.close();
        drop((second, fourth));
        server.drained().await;
        ensure_eq!(limit.connections(), 0, "places held at the end");

        // By address; and on a client, where the one beyond is refused before any protocol.
        let limit = ConnectionLimit::new().per_address(1);
        let mut incoming = lp.accept("127.0.0.1:0").await?;
        let address = incoming.local_addr();
        let options = ConnectOptions::new().layer(limit.clone());
        let held = lp.dial_with(address.clone(), options.clone()).await?;
        let refused = lp.dial_with(address.clone(), options.clone()).await;
        let error = refused
            .err()
            .ok_or_else(|| Fault::new("a second was let in"))?;
        ensure!(
            error.to_string().contains("1 from its address"),
            "the second was refused with {error}"
        );
        let told = format!("the connection with {address} was refused");
        ensure!(format!("{error:#}").contains(&told), "{error:#}");
        drop(held);
        ensure_eq!(limit.connections(), 0, "places held without a connection");
        drop(lp.dial_with(address, options).await?);
        drop(incoming.next().await);
        let none = ConnectionLimit::new().in_all(0);
        let options = ConnectOptions::new().layer(none);
        let refused = lp.dial_with(incoming.local_addr(), options).await;
        ensure!(refused.is_err(), "a limit of 0 let one in");
        Ok(())
    })
}
