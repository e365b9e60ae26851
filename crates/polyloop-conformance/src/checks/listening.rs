//! SERV: which sockets a server listens on, and when it begins.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use polyloop_core::{
    ConnectOptions, Endpoint, Flow, ListenError, ListenOptions, Listener as _, Loop as _, MainLoop,
    Promise, Server, TcpOptions, WriteLimits,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    Fate, Journal, Once, Probe, Reports, Scripted, Starving, dial, ip_of, poll_once, quiet, run,
    until,
};

fn any_probe(journal: &Journal) -> impl FnMut() -> Probe + Send + 'static {
    let journal = journal.clone();
    move || Probe::new(&journal)
}

/// The ports that it listens on.
fn ports_of(server: &Server<Probe>) -> Verdict<Vec<u16>> {
    let addresses = server.local_addrs().iter();
    addresses.map(|own| Ok(ip_of(own)?.port())).collect()
}

/// And a client of either family reaches it there.
pub fn serv_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let server = lp
            .serve(Endpoint::every_interface(0), any_probe(&journal))
            .await?;
        let ports = ports_of(&server)?;
        ensure!(ports.len() == 2, "it listens on {:?}", server.local_addrs());
        ensure!(
            ports[0] != 0 && ports[0] == ports[1],
            "the ports are {ports:?}"
        );
        for loopback in [
            SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0])),
            SocketAddr::from((Ipv6Addr::LOCALHOST, ports[0])),
        ] {
            lp.connect_tcp(loopback, &TcpOptions::default()).await?;
        }
        until(&lp, "both connections", || journal.count("made") == 2).await
    })
}

/// A name with two addresses, one of them taken: neither is listened on, and with both
/// free both are.
pub fn serv_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let options = ListenOptions::new();
        let taken = lp.bind_tcp((Ipv6Addr::LOCALHOST, 0).into(), &options)?;
        let port = ip_of(&taken.local_addr()?)?.port();
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let named = Scripted::new(&lp, &[(v4, Fate::Real), (v6, Fate::Real)]);
        let serve = async || {
            named
                .serve(("both", port), any_probe(&Journal::new()))
                .await
        };
        match serve().await {
            Err(ListenError::InUse { address, .. }) => ensure_eq!(address, v6, "the culprit"),
            other => ensure!(false, "with one address taken it gave {other:?}"),
        }
        let free = lp.bind_tcp(v4, &options);
        ensure!(
            free.is_ok(),
            "the other address is still listened on: {:?}",
            free.err()
        );
        drop((free, taken));
        let server = serve().await?;
        ensure_eq!(server.local_addrs(), [v4, v6], "the addresses");
        Ok(())
    })
}

/// The system says so once; then the listener rests, and goes on by itself. Where it
/// rests nobody can accept, so it must not ask the system again and again.
pub fn serv_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let journal = Journal::new();
        let starving = Starving::new(&lp, io::Error::from_raw_os_error(EMFILE));
        let server = starving.serve("127.0.0.1:0", any_probe(&journal)).await?;
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the report", || reports.all().len() == 1).await?;
        quiet(&lp).await;
        ensure_eq!(starving.refusals(), 1, "accepts tried while it rests");
        ensure!(!journal.has("made"), "the connection was made all the same");
        starving.feed();
        until(&lp, "the connection", || journal.has("made")).await?;
        ensure_eq!(reports.all().len(), 1, "reports");
        Ok(())
    })
}

/// "Too many open files", as Unix numbers it.
const EMFILE: i32 = 24;

/// Nothing is accepted before the start; the call that serves refuses a second one,
/// and closes the server when it is given up.
pub fn serv_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let options = ListenOptions::new().start_serving(false);
        let server = lp
            .serve_with("127.0.0.1:0", options, any_probe(&journal))
            .await?;
        let _peer = dial(&lp, server.local_addr()).await?;
        quiet(&lp).await;
        ensure!(!journal.has("made"), "it accepted before it was started");

        let serving = lp.spawn(server.serve_forever());
        until(&lp, "the connection", || journal.has("made")).await?;
        let mut second = Box::pin(server.serve_forever());
        let refused = poll_once(&mut second);
        ensure!(
            matches!(refused, std::task::Poll::Ready(Err(_))),
            "a second caller got {refused:?}"
        );
        ensure!(serving.cancel("enough"), "it had ended by itself");
        server.closed().await;
        ensure!(
            dial(&lp, server.local_addr()).await.is_err(),
            "it still listens"
        );
        ensure!(!journal.has("lost"), "an accepted connection was closed");
        Ok(())
    })
}

/// Of a server and of a client, from the moment the connection is made; and what is
/// written from outside counts against them, too.
pub fn serv_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let limits = WriteLimits::new(100, 10)?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let probe = |journal: &Journal| {
            let seen = seen.clone();
            Probe::new(journal).made(move |transport| {
                seen.lock().unwrap().push(transport.write_limits());
                Ok(())
            })
        };
        let (there, here) = (Journal::new(), Journal::new());
        let options = ListenOptions::new().write_limits(limits);
        let accepted = Once::new(probe(&there));
        let server = lp.serve_with("127.0.0.1:0", options, accepted).await?;
        let options = ConnectOptions::new().write_limits(limits);
        let dialled = Once::new(probe(&here));
        let client = lp
            .connect_with(server.local_addr(), options, dialled)
            .await?;
        until(&lp, "both ends", || there.has("made") && here.has("made")).await?;
        ensure_eq!(
            *seen.lock().unwrap(),
            [limits, limits],
            "the limits that the protocols saw"
        );
        for connection in server.connections().iter().chain([&client]) {
            let flow = connection.write(vec![0; 101])?;
            ensure_eq!(flow, Flow::Pause, "one byte over the high mark");
        }
        Ok(())
    })
}

/// A few times the port that was given out for IPv6 is taken in IPv4, and another is
/// tried; if all are, the attempts come to an end.
pub fn serv_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let everywhere = Endpoint::every_interface(0);
        let crowded = Scripted::new(&lp, &[]).taken(3);
        let server = crowded
            .serve(everywhere.clone(), any_probe(&Journal::new()))
            .await?;
        let ports = ports_of(&server)?;
        ensure!(
            ports.len() == 2 && ports[0] == ports[1],
            "it listens on {:?}",
            server.local_addrs()
        );
        ensure_eq!(crowded.binds.count(), 4, "sockets bound on IPv4");

        let full = Scripted::new(&lp, &[]).taken(usize::MAX);
        let outcome = full.serve(everywhere, any_probe(&Journal::new())).await;
        ensure!(
            matches!(outcome, Err(ListenError::InUse { .. })),
            "with every port taken it gave {outcome:?}"
        );
        // A port that was asked for is not given up for another.
        let asked = Scripted::new(&lp, &[]).taken(1);
        let port = ip_of(&server.local_addr())?.port();
        server.close();
        server.closed().await;
        let outcome = asked
            .serve(Endpoint::every_interface(port), any_probe(&Journal::new()))
            .await;
        ensure!(
            matches!(outcome, Err(ListenError::InUse { .. })),
            "with the port taken that was asked for it gave {outcome:?}"
        );
        Ok(())
    })
}

/// A few in a row say nothing; where there is no end to them the listener rests, so that
/// it does not spin, and says so.
pub fn serv_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, journal) = (Reports::of(&lp), Journal::new());
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let starving = Starving::for_a_while(&lp, gone(), 20);
        let server = starving.serve("127.0.0.1:0", any_probe(&journal)).await?;
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the connection behind them", || journal.has("made")).await?;
        ensure_eq!(starving.refusals(), 20, "accepts that failed");
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        server.close();

        let starving = Starving::new(&lp, gone());
        let server = starving.serve("127.0.0.1:0", any_probe(&journal)).await?;
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the report", || reports.all().len() == 1).await?;
        let refusals = starving.refusals();
        quiet(&lp).await;
        ensure_eq!(starving.refusals(), refusals, "accepts while it rests");
        Ok(())
    })
}
