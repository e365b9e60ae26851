//! SERV: listening and accepting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use futures_util::AsyncWriteExt;
use polyloop_core::{ListenError, ListenOptions, MainLoop, Server, Stream};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Journal, Probe, dial, ip_of, listen, pair, quiet, run, until};

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn any_probe(journal: &Journal) -> impl FnMut() -> Probe + Send + 'static {
    let journal = journal.clone();
    move || Probe::new(&journal)
}

/// And that port can be reached.
pub fn serv_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let server = lp.serve(ANYWHERE, any_probe(&journal)).await?;
        ensure!(
            ip_of(&server.local_addr())?.port() != 0,
            "the port is still 0"
        );
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "a connection", || journal.has("made")).await
    })
}

/// By default not, and by the option yes. Another listener of IPv4 may have the same
/// port by chance, so a few ports are tried.
pub fn serv_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let via_v4 = async |server: &Server<Probe>| {
            let port = ip_of(&server.local_addr())?.port();
            dial(&lp, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
        };
        let mut refused = false;
        for _ in 0..5 {
            let server = lp.serve(everywhere, any_probe(&Journal::new())).await?;
            refused |= via_v4(&server).await.is_err();
            server.close();
        }
        ensure!(refused, "IPv4 was taken without asking");
        let journal = Journal::new();
        let options = ListenOptions::new().v6_only(false);
        let server = lp
            .serve_with(everywhere, options, any_probe(&journal))
            .await?;
        let _peer = via_v4(&server).await?;
        until(&lp, "a connection over IPv4", || journal.has("made")).await
    })
}

/// 128; and with a backlog of 50, fifty connections wait without being accepted.
pub fn serv_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        ensure_eq!(ListenOptions::default().backlog, 128, "the default");
        let options = ListenOptions::new().backlog(50);
        let listener = crate::probe::RawListener::open_with(&lp, &options)?;
        let mut waiting = Vec::new();
        for _ in 0..50 {
            waiting.push(dial(&lp, listener.address).await?);
        }
        ensure_eq!(waiting.len(), 50, "connections that wait");
        Ok(())
    })
}

/// With a connection that the server closed first, so that the system remembers it.
/// Somebody else may take the port in between, so a few are tried.
pub fn serv_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut last = None;
        for _ in 0..5 {
            let (here, there) = (Journal::new(), Journal::new());
            let both = pair(&lp, Probe::new(&there), Probe::new(&here)).await?;
            until(&lp, "the accepted end", || there.has("made")).await?;
            for accepted in both.server.connections() {
                accepted.close();
            }
            until(&lp, "both losses", || here.has("lost") && there.has("lost")).await?;
            both.server.close();
            both.server.closed().await;
            match lp.serve(both.server.local_addr(), any_probe(&here)).await {
                Ok(server) => {
                    server.close();
                    return Ok(());
                }
                Err(error) => last = Some(error),
            }
        }
        Err(Fault::new(format!(
            "the port could not be bound again: {last:?}"
        )))
    })
}

/// The kind, the address, and the system's number.
pub fn serv_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = listen(&lp, Probe::new(&Journal::new())).await?;
        let taken = server.local_addr();
        match lp.serve(&taken, any_probe(&Journal::new())).await {
            Err(error @ ListenError::InUse { .. }) => {
                let text = error.to_string();
                ensure!(
                    text.contains(&taken.to_string()),
                    "the address is not in {text:?}"
                );
                let ListenError::InUse { address, source } = error else {
                    return Ok(());
                };
                ensure_eq!(address, taken, "the address");
                ensure!(source.raw_os_error().is_some(), "no number of the system");
                Ok(())
            }
            other => Err(Fault::new(format!("a busy address gave {other:?}"))),
        }
    })
}

/// From outside, twice, with a connection that goes on; and from the factory.
pub fn serv_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let answers = Journal::new();
        let both = pair(&lp, Probe::echo(&Journal::new()), Probe::new(&answers)).await?;
        // One that was not accepted yet is none of its connections.
        until(&lp, "the connection at the server", || {
            both.server.connection_count() == 1
        })
        .await?;
        both.server.close();
        both.server.close();
        both.server.closed().await;
        both.client.write("still here")?;
        until(&lp, "an echo after the close", || {
            answers.data() == b"still here"
        })
        .await?;
        let late = dial(&lp, both.server.local_addr()).await;
        // Somebody else may have the port by now, but not this connection's address.
        if let Ok(stream) = late {
            quiet(&lp).await;
            let own = stream.local_addr()?;
            let taken = both
                .server
                .connections()
                .iter()
                .any(|c| c.peer_addr() == own);
            ensure!(!taken, "a closed listener accepted");
        }

        let journal = Journal::new();
        let slot = Arc::new(Mutex::new(None::<Server<Probe>>));
        let (own, notes) = (slot.clone(), journal.clone());
        let server = lp
            .serve(ANYWHERE, move || {
                if let Some(server) = own.lock().unwrap().as_ref() {
                    server.close();
                }
                Probe::echo(&notes)
            })
            .await?;
        *slot.lock().unwrap() = Some(server.clone());
        let mut peer = dial(&lp, server.local_addr()).await?;
        server.closed().await;
        peer.write_all(b"x").await?;
        until(&lp, "the connection that closed it", || journal.has("data")).await
    })
}

/// With one connection that outlives the listening socket.
pub fn serv_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let there = Journal::new();
        let both = pair(&lp, Probe::new(&there), Probe::new(&Journal::new())).await?;
        until(&lp, "the accepted end", || there.has("made")).await?;
        let mut closed = pin!(both.server.closed());
        let mut drained = pin!(both.server.drained());
        let pending = |polled: std::task::Poll<()>| polled.is_pending();
        ensure!(
            pending(crate::probe::poll_once(&mut closed)),
            "closed before close"
        );
        both.server.close();
        closed.await;
        quiet(&lp).await;
        ensure!(
            pending(crate::probe::poll_once(&mut drained)),
            "drained with a connection open"
        );
        ensure!(!there.has("lost"), "the close ended the connection");
        both.client.close();
        drained.await;
        ensure!(there.has("lost"), "drained before the last loss was told");
        both.server.closed().await;
        both.server.drained().await;
        Ok(())
    })
}

/// Dozens of connections that are reset at once, among those that stay.
pub fn serv_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let server = lp.serve(ANYWHERE, any_probe(&journal)).await?;
        let mut staying = Vec::new();
        for number in 0..60 {
            let stream = dial(&lp, server.local_addr()).await?;
            if number % 3 == 0 {
                staying.push(stream);
            } else {
                stream.reset_on_drop()?;
            }
        }
        until(&lp, "those that stay", || {
            let peers: Vec<_> = server
                .connections()
                .iter()
                .map(|connection| connection.peer_addr())
                .collect();
            staying
                .iter()
                .all(|stream| stream.local_addr().is_ok_and(|own| peers.contains(&own)))
        })
        .await?;
        let late = dial(&lp, server.local_addr()).await?;
        let own = late.local_addr()?;
        until(&lp, "one that comes later", || {
            server.connections().iter().any(|c| c.peer_addr() == own)
        })
        .await?;
        // Each can be reached, also those that came before anybody asked for the list.
        for stream in staying.iter().chain([&late]) {
            let peer = stream.local_addr()?;
            let listed = server.connections();
            let connection = listed.iter().find(|c| c.peer_addr() == peer);
            let connection = connection.ok_or_else(|| Fault::new(format!("{peer} is gone")))?;
            let seen = connection.call(|_, t| t.peer_addr()).await?;
            ensure_eq!(seen, peer, "the connection that was reached");
        }
        Ok(())
    })
}
