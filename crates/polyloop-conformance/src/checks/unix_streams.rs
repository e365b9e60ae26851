//! UNIX: streams over UNIX sockets, under protocols and without.

use std::time::Duration;

use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use polyloop_core::{
    Address, ClientService, CloseReason, ConnectError, ConnectOptions, Failure, ListenOptions,
    MainLoop, Peer, Stream as _, UnixAddress,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    Directory, End, Handshake, Journal, MUCH, Once, Probe, abstract_name, pattern, quiet, read_all,
    run, until,
};

fn unnamed() -> Address {
    UnixAddress::unnamed().into()
}

/// More than the buffers hold goes there and back, with pauses, and the end goes both ways;
/// every name is the one that it is.
pub fn unix_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let name = Address::from(UnixAddress::from_path(directory.path("s")));
        let (there, here) = (Journal::new(), Journal::new());
        let echo = Probe::echo(&there)
            .pause(|transport| {
                transport.pause_reading();
                Ok(())
            })
            .resume(|transport| {
                transport.resume_reading();
                Ok(())
            });
        let server = lp.serve(directory.endpoint("s"), Once::new(echo)).await?;
        ensure_eq!(server.local_addr(), name, "where the server listens");
        let client = Once::new(Probe::new(&here));
        let client = lp.connect(directory.endpoint("s"), client).await?;
        ensure_eq!(client.peer_addr(), name, "whom the client speaks with");
        ensure_eq!(client.local_addr(), Some(unnamed()), "the client's own");
        until(&lp, "the accepted end", || there.has("made")).await?;
        let accepted = server.connections().pop();
        let accepted = accepted.ok_or_else(|| Fault::new("the server lists no connection"))?;
        ensure_eq!(accepted.peer_addr(), unnamed(), "who is accepted");
        ensure_eq!(accepted.local_addr(), Some(name), "where it is accepted");

        let much = pattern(MUCH);
        client.write(much.clone())?;
        client.call(|_, transport| transport.write_eof()).await??;
        until(&lp, "the end", || here.has("lost") && there.has("lost")).await?;
        ensure!(here.data() == much, "what came back is not what was sent");
        ensure_eq!(there.count("eof"), 1, "ends of stream that were told");
        for journal in [&here, &there] {
            let end = journal.lost();
            ensure!(
                matches!(end, Some(CloseReason::Clean)),
                "the end was {end:?}"
            );
        }
        server.close();
        server.drained().await;
        Ok(())
    })
}

/// Where there are such names, with a zero byte, too: none of them is left when its server has
/// gone. Elsewhere they are an error.
pub fn unix_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for name in [abstract_name("plain"), abstract_name("a\0zero")] {
            let endpoint = polyloop_core::Endpoint::unix(format!("@{name}"));
            let journal = Journal::new();
            let made = journal.clone();
            let server = match lp.serve(&endpoint, move || Probe::echo(&made)).await {
                Ok(server) => server,
                Err(error) if !cfg!(target_os = "linux") => {
                    ensure!(error.to_string().contains("abstract"), "{error}");
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            let address = Address::from(UnixAddress::from_abstract_name(&name));
            ensure_eq!(server.local_addr(), address, "where it listens");
            let mut stream = lp.dial(&endpoint).await?;
            stream.write_all(b"abstract").await?;
            stream.close().await?;
            let came = read_all(&mut stream).await;
            ensure_eq!(came, (b"abstract".to_vec(), End::Eof), "what came");
            let twice = lp.serve(&endpoint, || Probe::new(&Journal::new())).await;
            ensure!(twice.is_err(), "two servers have one name");
            server.close();
            server.drained().await;
            let gone = lp.dial(&endpoint).await.err();
            ensure!(
                matches!(gone, Some(ConnectError::Refused { .. })),
                "a name without a server gave {gone:?}"
            );
            lp.serve(&endpoint, || Probe::new(&Journal::new()))
                .await?
                .close();
        }
        Ok(())
    })
}

/// A server that accepts nobody: the client waits, and is there as soon as it is accepted; or
/// its limit passes.
pub fn unix_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let endpoint = directory.endpoint("s");
        let journal = Journal::new();
        let made = journal.clone();
        let options = ListenOptions::new().backlog(1).start_serving(false);
        let server = lp
            .serve_with(&endpoint, options, move || Probe::new(&made))
            .await?;
        let short = ConnectOptions::new().timeout(Some(Duration::from_millis(100)));
        let mut early = Vec::new();
        // A system may take a few more than it was told to.
        let full = loop {
            match lp.dial_with(&endpoint, short.clone()).await {
                Ok(stream) => early.push(stream),
                Err(error) => break error,
            }
            ensure!(early.len() < 20, "a queue for one takes {}", early.len());
        };
        ensure!(
            matches!(full, ConnectError::TimedOut { .. }),
            "a full queue gave {full:?}"
        );
        let late = lp.spawn({
            let (lp, endpoint) = (lp.clone(), endpoint.clone());
            async move { lp.dial(endpoint).await }
        });
        quiet(&lp).await;
        server.start();
        let late = late.await??;
        let expected = early.len() + 1;
        until(&lp, "all of them", || journal.count("made") >= expected).await?;
        drop((early, late));
        server.close();
        server.drained().await;
        Ok(())
    })
}

/// A layer on either side, accepted and dialled streams, and a service whose server goes and
/// comes back.
pub fn unix_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let directory = Directory::new()?;
        let endpoint = directory.endpoint("s");
        let mut incoming = lp
            .accept_with(&endpoint, ListenOptions::new().layer(Handshake::Wraps))
            .await?;
        let options = ConnectOptions::new().layer(Handshake::Wraps);
        let mut near = lp.dial_with(&endpoint, options).await?;
        let accepted = incoming.next().await;
        let (mut far, peer) = accepted.ok_or_else(|| Fault::new("nothing came in"))?;
        ensure!(near.is_layered() && far.is_layered(), "no layer");
        ensure_eq!(peer.address().clone(), unnamed(), "the peer");
        near.write_all(b"over a layer").await?;
        near.flush().await?;
        let mut came = vec![0; 12];
        far.read_exact(&mut came).await?;
        ensure_eq!(came, b"over a layer", "what came");
        drop((near, far, incoming));

        let journal = Journal::new();
        let seen = journal.clone();
        let soon = |_: usize, _: &Failure| Some(Duration::from_millis(5));
        let service = ClientService::builder(endpoint.as_str(), move || Probe::new(&seen))?
            .retry(soon)
            .build(&lp);
        service.start()?;
        for round in 1..=2 {
            let server = lp.serve(&endpoint, || Probe::new(&Journal::new())).await?;
            service.when_connected(None).await?;
            ensure_eq!(journal.count("made"), round, "connections that were made");
            server.close();
            // One that nobody has accepted yet goes with the server.
            for connection in server.connections() {
                connection.close();
            }
            until(&lp, "its loss", || journal.count("lost") == round).await?;
            server.drained().await;
            lp.sleep(Duration::from_millis(20)).await;
        }
        service.stop().await?;
        Ok(())
    })
}

/// Which process it is, told to the factories of both sides before there is a protocol.
pub fn unix_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    use std::sync::{Arc, Mutex};

    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    run(make, async |lp| {
        let directory = Directory::new()?;
        let endpoint = directory.endpoint("s");
        let asked: Arc<Mutex<Vec<Peer>>> = Arc::default();
        let noting = || {
            let asked = asked.clone();
            move |peer: &Peer| {
                asked.lock().unwrap().push(peer.clone());
                Some(Probe::new(&Journal::new()))
            }
        };
        let server = lp.serve(&endpoint, Asked(noting())).await?;
        let client = lp.connect(&endpoint, Asked(noting())).await?;
        until(&lp, "both", || asked.lock().unwrap().len() == 2).await?;
        let me = std::process::id();
        for peer in asked.lock().unwrap().iter() {
            let told = peer.credentials().and_then(polyloop_core::Credentials::pid);
            ensure_eq!(told, Some(me), "the process of {peer:?}");
        }
        let kept = client.peer().credentials().is_some();
        ensure!(kept, "the connection has forgotten them");
        client.close();
        server.close();
        server.drained().await;
        Ok(())
    })
}

struct Asked<F>(F);

impl<F> polyloop_core::ProtocolFactory for Asked<F>
where
    F: FnMut(&Peer) -> Option<Probe> + Send + 'static,
{
    type Protocol = Probe;

    fn build_protocol(&mut self, peer: &Peer) -> Option<Probe> {
        (self.0)(peer)
    }
}
