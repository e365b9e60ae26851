//! SERV: which sockets a server listens on, and when it begins.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use polyloop_core::{
    Endpoint, ListenError, ListenOptions, Listener as _, Loop as _, MainLoop, Promise, TcpOptions,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    Fate, Journal, Probe, Reports, Scripted, Starving, dial, poll_once, quiet, run, until,
};

fn any_probe(journal: &Journal) -> impl FnMut() -> Probe + Send + 'static {
    let journal = journal.clone();
    move || Probe::new(&journal)
}

/// And a client of either family reaches it there.
pub fn serv_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let server = lp
            .serve(Endpoint::every_interface(0), any_probe(&journal))
            .await?;
        let ports: Vec<u16> = server.local_addrs().iter().map(SocketAddr::port).collect();
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
        let port = taken.local_addr()?.port();
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

/// Bound and listening before the loop saw it.
pub fn serv_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let server = lp.serve_socket(socket, ListenOptions::new(), any_probe(&journal))?;
        ensure_eq!(server.local_addr(), address, "the address");
        let _peer = dial(&lp, address).await?;
        until(&lp, "the connection", || journal.has("made")).await?;
        server.close();
        server.closed().await;
        Ok(())
    })
}
