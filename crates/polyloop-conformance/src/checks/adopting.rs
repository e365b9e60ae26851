//! SERV: serving on a socket that somebody else bound.

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use polyloop_core::{ListenError, ListenOptions, MainLoop, Server, TcpOptions, UnfitSocket};
use socket2::{Domain, SockRef, Socket, Type};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, Probe, Reports, dial, quiet, run, until};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Bound and listening before the loop saw it, by somebody who wants it otherwise, and
/// with a connection that waits already. The options are those of the server.
pub fn serv_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for (nodelay, keepalive) in [(true, true), (false, false)] {
            let journal = Journal::new();
            let socket = TcpListener::bind(ANYWHERE)?;
            SockRef::from(&socket).set_tcp_nodelay(!nodelay)?;
            SockRef::from(&socket).set_keepalive(!keepalive)?;
            let address = socket.local_addr()?;
            let _early = TcpStream::connect(address)?;
            let seen = Arc::new(Mutex::new(Vec::new()));
            let (notes, sink) = (journal.clone(), seen.clone());
            let factory = move || {
                let sink = sink.clone();
                Probe::new(&notes).made(move |transport| {
                    let options = (transport.nodelay()?, transport.keepalive()?);
                    sink.lock().unwrap().push(options);
                    Ok(())
                })
            };
            let tcp = TcpOptions::new().nodelay(nodelay).keepalive(keepalive);
            let server = lp.serve_socket(socket, ListenOptions::new().tcp(tcp), factory)?;
            ensure_eq!(server.local_addr(), address, "the address");
            let _late = dial(&lp, address).await?;
            until(&lp, "both connections", || seen.lock().unwrap().len() == 2).await?;
            ensure_eq!(
                *seen.lock().unwrap(),
                [(nodelay, keepalive); 2],
                "no-delay and keep-alive of the connections"
            );
            server.close();
            server.closed().await;
        }
        Ok(())
    })
}

/// Each kind that is not one: by what it is, with what was expected, and without a word to
/// the factory.
pub fn serv_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn bound(kind: Type) -> Verdict<Socket> {
        let socket = Socket::new(Domain::IPV4, kind, None)?;
        socket.bind(&ANYWHERE.into())?;
        Ok(socket)
    }
    run(make, async |lp| {
        let other = TcpListener::bind(ANYWHERE)?;
        let address = other.local_addr()?;
        let mut unfit = vec![
            (bound(Type::DGRAM)?, UnfitSocket::Datagram),
            (
                TcpStream::connect(address)?.into(),
                UnfitSocket::Connected(address.into()),
            ),
        ];
        if cfg!(any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd"
        )) {
            unfit.push((bound(Type::STREAM)?, UnfitSocket::NotListening));
            let unix = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            unfit.push((unix, UnfitSocket::NotListening));
        }
        for (socket, what) in unfit {
            let asked = Flag::new();
            let noted = asked.clone();
            let factory = move || {
                noted.set();
                Probe::new(&Journal::new())
            };
            let outcome = lp.serve_socket(TcpListener::from(socket), ListenOptions::new(), factory);
            let Err(error) = outcome else {
                ensure!(false, "served on a socket of which {what}");
                continue;
            };
            ensure!(
                matches!(&error, ListenError::Unfit(told) if *told == what),
                "where {what} it said: {error:?}"
            );
            let text = error.to_string();
            ensure!(
                text.contains(&what.to_string()) && text.contains("expected"),
                "the sentence is {text:?}"
            );
            ensure!(!asked.is_set(), "the factory was asked");
        }
        Ok(())
    })
}

/// Somebody who shares the socket shuts it down, and later listens on it again.
pub fn serv_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (reports, journal) = (Reports::of(&lp), Journal::new());
        let socket = TcpListener::bind(ANYWHERE)?;
        let shared = Socket::from(socket.try_clone()?);
        let notes = journal.clone();
        let factory = move || Probe::new(&notes);
        let server: Server<Probe> = lp.serve_socket(socket, ListenOptions::new(), factory)?;
        let first = dial(&lp, server.local_addr()).await?;
        until(&lp, "a connection", || journal.count("made") == 1).await?;

        shared.shutdown(Shutdown::Both)?;
        until(&lp, "the report", || reports.all().len() == 1).await?;
        let report = reports.all().remove(0).to_string();
        ensure!(report.contains("accepting"), "it says {report:?}");
        quiet(&lp).await;
        ensure_eq!(reports.all().len(), 1, "reports while it rests");

        shared.listen(16)?;
        // The system may have given it another port.
        let again = shared.local_addr()?.as_socket().unwrap_or(ANYWHERE);
        let _second = dial(&lp, again).await?;
        until(&lp, "a connection after the rest", || {
            journal.count("made") == 2
        })
        .await?;
        drop(first);
        Ok(())
    })
}
