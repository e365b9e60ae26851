//! SERV: layers over a server's connections, and streams that are accepted.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{AsyncWriteExt, StreamExt};
use polyloop_core::{Address, ListenOptions, Loop, MainLoop, Peer, Stream};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Flag, GOODBYE, Handshake, Journal, Probe, Reports, Starving, as_seen, dial, ip_of,
    poll_once, quiet, read_all, record, run, until,
};

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// "Too many open files", as Unix numbers it.
const EMFILE: i32 = 24;

/// One that says nothing holds nobody up, and is given up after the limit; one that fails is
/// reported. No protocol hears of either. A server that is closed lets go of what is left.
pub fn serv_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let default = ListenOptions::default().handshake_limit;
        ensure_eq!(default, Some(Duration::from_secs(60)), "the default limit");
        let (reports, journal, begun) = (Reports::of(&lp), Journal::new(), Flag::new());
        let made = journal.clone();
        let options = ListenOptions::new()
            .handshake_limit(Some(Duration::from_millis(300)))
            .layer(Handshake::AsToldBy(begun.clone()));
        let server = lp
            .serve_with(ANYWHERE, options, move || Probe::echo(&made))
            .await?;
        let mut silent = dial(&lp, server.local_addr()).await?;
        until(&lp, "the silent one", || begun.count() == 1).await?;
        ensure_eq!(server.connection_count(), 1, "descriptors that are held");
        let mut good = dial(&lp, server.local_addr()).await?;
        good.write_all(&[b"w".to_vec(), record(b"heard")].concat())
            .await?;
        until(&lp, "the good one", || journal.data() == b"heard").await?;
        let listed = server.connections();
        let own = good.local_addr()?;
        ensure_eq!(
            listed.iter().map(|c| c.peer()).collect::<Vec<_>>(),
            [as_seen(&own)],
            "the connections"
        );
        good.write_all(&GOODBYE).await?;
        let (came, end) = read_all(&mut good).await;
        ensure_eq!(
            (contents(&came), end),
            (b"heard".to_vec(), End::Eof),
            "what came"
        );
        ensure!(came.ends_with(&GOODBYE), "no goodbye in {came:?}");

        let mut failing = dial(&lp, server.local_addr()).await?;
        failing.write_all(b"f").await?;
        ensure_eq!(read_all(&mut failing).await.1, End::Eof, "its end");
        ensure_eq!(read_all(&mut silent).await.1, End::Eof, "the silent one's");
        until(&lp, "both reports", || reports.all().len() == 2).await?;
        let told = format!("{:?}", reports.all());
        for part in ["no handshake with", "300ms"] {
            ensure!(told.contains(part), "{part:?} is not in {told}");
        }
        ensure_eq!(journal.count("made"), 1, "connections that were made");

        let server = {
            let options = ListenOptions::new().layer(Handshake::AsToldBy(begun.clone()));
            let made = journal.clone();
            server.close();
            server.drained().await;
            lp.serve_with(ANYWHERE, options, move || Probe::new(&made))
                .await?
        };
        let mut left = dial(&lp, server.local_addr()).await?;
        until(&lp, "the last one", || begun.count() == 4).await?;
        server.close();
        server.drained().await;
        ensure_eq!(server.connection_count(), 0, "what is held still");
        let (data, _) = read_all(&mut left).await;
        ensure!(data.is_empty(), "it was told {data:?}");
        ensure_eq!(journal.count("made"), 1, "connections that were made");
        Ok(())
    })
}

/// With who is there, over a rest, and until it is closed; what was given goes on.
pub fn serv_20<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut incoming = lp.accept(ANYWHERE).await?;
        let address = ip_of(&incoming.local_addr())?;
        ensure!(address.port() != 0, "the port is still 0");
        ensure_eq!(
            incoming.local_addrs(),
            [Address::from(address)],
            "the addresses"
        );
        let (mut near, peer, far) = {
            let far = dial(&lp, address).await?;
            let accepted = incoming.next().await;
            let (near, peer) = accepted.ok_or_else(|| Fault::new("it ended"))?;
            (near, peer, far)
        };
        ensure_eq!(peer, Peer::new(far.local_addr()?), "the first peer");
        // As a stream of `futures`, too.
        let second = dial(&lp, address).await?;
        let accepted = StreamExt::next(&mut incoming).await;
        let peer = accepted.map(|(_, peer)| peer);
        let expected = Peer::new(second.local_addr()?);
        ensure_eq!(peer, Some(expected), "the second peer");
        {
            let mut waiting = Box::pin(incoming.next());
            ensure!(poll_once(&mut waiting).is_pending(), "nobody was there");
        }
        incoming.close();
        ensure!(incoming.next().await.is_none(), "it goes on when closed");
        ensure!(dial(&lp, address).await.is_err(), "it still listens");
        near.write_all(b"goes on").await?;
        near.close().await?;
        let mut far = far;
        let came = read_all(&mut far).await;
        ensure_eq!(came, (b"goes on".to_vec(), End::Eof), "what came");

        let reports = Reports::of(&lp);
        let starving = Starving::new(&lp, io::Error::from_raw_os_error(EMFILE));
        let mut incoming = starving.accept(ANYWHERE).await?;
        let address = incoming.local_addr();
        let _waits = dial(&lp, address).await?;
        let accepted = Flag::new();
        let noted = accepted.clone();
        let task = lp.spawn(async move {
            let next = incoming.next().await;
            noted.set();
            drop(next);
        });
        until(&lp, "the report", || reports.all().len() == 1).await?;
        quiet(&lp).await;
        ensure_eq!(starving.refusals(), 1, "accepts tried while it rests");
        starving.feed();
        until(&lp, "the connection", || accepted.count() == 1).await?;
        task.await?;

        let options = ListenOptions::new().layer(Handshake::Wraps);
        let mut layered = lp.accept_with(ANYWHERE, options).await?;
        let _far = dial(&lp, layered.local_addr()).await?;
        let accepted = layered.next().await;
        ensure!(
            accepted.is_some_and(|(stream, _)| stream.is_layered()),
            "the layer is missing"
        );
        Ok(())
    })
}

/// What the records hold, however it was cut into them.
fn contents(mut records: &[u8]) -> Vec<u8> {
    let mut contents = Vec::new();
    while let [high, low, rest @ ..] = records {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        contents.extend_from_slice(&rest[..length]);
        records = &rest[length..];
    }
    contents
}
