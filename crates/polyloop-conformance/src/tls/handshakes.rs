//! TLS: what comes before there is a protocol.

use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{ConnectError, ConnectOptions, ListenOptions, MainLoop, Promise as _, Secure};
use polyloop_tls::TlsError;

use super::{ANYWHERE, NAME, acceptor, connector, loss, pair, serve};
use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Journal, Once, Probe, RawListener, Reports, dial, quiet, read_all, run, until,
};

const MS: Duration = Duration::from_millis(1);

/// On both sides; neither is made while the handshake is under way.
pub(crate) fn tls_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, near) = (Journal::new(), Journal::new());
        let made = |journal: &Journal| {
            let notes = journal.clone();
            Probe::new(journal).made(move |t| {
                let peer = t.peer();
                notes.note(peer.secure().map_or("plain", |_| "secure"));
                Ok(())
            })
        };
        let of_server = far.clone();
        let (server, client) = pair(&lp, move || made(&of_server), made(&near)).await?;
        until(&lp, "the server's", || far.has("secure")).await?;
        ensure_eq!(near.names(), ["made", "secure"], "the client's");
        client.close();
        until(&lp, "both ends", || near.has("lost") && far.has("lost")).await?;

        let _silent = dial(&lp, server.local_addr()).await?;
        quiet(&lp).await;
        ensure_eq!(
            far.count("made"),
            1,
            "connections that the server was told of"
        );

        let mut silent = RawListener::open(&lp)?;
        let (own, to, journal) = (lp.clone(), silent.address, Journal::new());
        let options = ConnectOptions::new().layer(connector()?.build()?);
        let probe = Probe::new(&journal);
        let connecting = lp.spawn(async move {
            let connected = own.connect_with(to, options, Once::new(probe)).await;
            drop(connected);
        });
        let mut far = silent.accept().await?;
        let mut hello = [0; 5];
        far.read_exact(&mut hello).await?;
        ensure!(hello.starts_with(&[22, 3]), "no hello: {hello:?}");
        ensure!(!connecting.is_done() && journal.names().is_empty(), "made");
        connecting.cancel("seen enough");
        Ok(())
    })
}

/// A wrong name, an authority that is not trusted.
pub(crate) fn tls_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, reports) = (Journal::new(), Reports::of(&lp));
        let made = far.clone();
        let server = serve(&lp, move || Probe::new(&made)).await?;
        let wrong = connector()?.server_name("other.test").build()?;
        let stranger = polyloop_tls::roots_from_pem(include_str!("server.pem"))?;
        let distrusting = polyloop_tls::TlsConnector::builder()
            .roots(stranger)
            .build()?;
        for tls in [wrong, distrusting] {
            let near = Journal::new();
            let options = ConnectOptions::new().layer(tls);
            let probe = Once::new(Probe::new(&near));
            let failed = lp.connect_with(server.local_addr(), options, probe).await;
            let Err(error @ ConnectError::Layer { .. }) = failed else {
                return Err(Fault::new(format!("it gave {failed:?}")));
            };
            ensure!(
                matches!(TlsError::of(&error), Some(TlsError::Certificate { .. })),
                "it failed with {error:?}"
            );
            ensure!(near.names().is_empty(), "told: {:?}", near.names());
        }
        until(&lp, "the reports", || reports.all().len() == 2).await?;
        ensure!(far.names().is_empty(), "the server's: {:?}", far.names());
        Ok(())
    })
}

/// What is no TLS, and what is cut; others are served meanwhile.
pub(crate) fn tls_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, reports) = (Journal::new(), Reports::of(&lp));
        let made = far.clone();
        let server = serve(&lp, move || Probe::new(&made)).await?;
        let to = server.local_addr();
        let mut garbage = dial(&lp, to.clone()).await?;
        garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
        let mut cut = dial(&lp, to.clone()).await?;
        cut.write_all(&[22, 3, 1]).await?;
        cut.close().await?;
        until(&lp, "the reports", || reports.all().len() == 2).await?;
        let told = format!("{:?}", reports.all());
        // How much of it was there at once is the stream's affair.
        let parts = ["plain HTTP", "it began with G"];
        ensure!(
            parts.iter().any(|part| told.contains(part)),
            "the reports: {told}"
        );
        let _ = read_all(&mut garbage).await;
        let options = ConnectOptions::new().layer(connector()?.build()?);
        let good = Once::new(Probe::new(&Journal::new()));
        let _good = lp.connect_with(to, options, good).await?;
        until(&lp, "the good one", || far.has("made")).await?;
        ensure_eq!(far.names(), ["made"], "what the server was told");
        Ok(())
    })
}

/// A minute unless set; on both sides, by a peer that says nothing.
pub(crate) fn tls_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let minute = Duration::from_secs(60);
        ensure_eq!(
            acceptor()?.build()?.handshake_limit(),
            minute,
            "the server's"
        );
        ensure_eq!(
            connector()?.build()?.handshake_limit(),
            minute,
            "the client's"
        );
        let (far, reports) = (Journal::new(), Reports::of(&lp));
        let made = far.clone();
        let limited = acceptor()?.handshake_limit(200 * MS).build()?;
        let options = ListenOptions::new().layer(limited);
        let server = lp
            .serve_with(ANYWHERE, options, move || Probe::new(&made))
            .await?;
        let mut silent = dial(&lp, server.local_addr()).await?;
        ensure_eq!(
            read_all(&mut silent).await.1,
            End::Eof,
            "the silent one's end"
        );
        until(&lp, "the report", || {
            format!("{:?}", reports.all()).contains("200ms")
        })
        .await?;
        ensure!(far.names().is_empty(), "told: {:?}", far.names());

        let mut listener = RawListener::open(&lp)?;
        let limited = connector()?.handshake_limit(100 * MS).build()?;
        let options = ConnectOptions::new().layer(limited);
        let probe = Once::new(Probe::new(&far));
        let late = lp.connect_with(listener.address, options, probe).await;
        let late = late.err().ok_or_else(|| Fault::new("it connected"))?;
        ensure!(
            matches!(
                TlsError::of(&late),
                Some(TlsError::HandshakeTimedOut { .. })
            ),
            "it failed with {late:?}"
        );
        let (_, end) = read_all(&mut listener.accept().await?).await;
        ensure_eq!(end, End::Eof, "the end of what was given up");
        Ok(())
    })
}

/// Those of the certificate, and others.
pub(crate) fn tls_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let server = serve(&lp, || Probe::new(&Journal::new())).await?;
        let tls = connector()?.build()?;
        for (name, good) in [
            (NAME, true),
            ("127.0.0.1", true),
            ("other.test", false),
            ("127.0.0.2", false),
            ("sub.server.test", false),
            ("test", false),
        ] {
            let plain = dial(&lp, server.local_addr()).await?;
            let secure = tls.connect(&lp, name, plain).await;
            match (secure, good) {
                (Ok(_), true) | (Err(TlsError::Certificate { .. }), false) => {}
                (other, _) => {
                    let told = other.map(drop);
                    return Err(Fault::new(format!("{name} gave {told:?}")));
                }
            }
        }
        let plain = dial(&lp, server.local_addr()).await?;
        let none = tls.connect(&lp, "no name", plain).await.map(drop);
        ensure!(
            matches!(none, Err(TlsError::InvalidName { .. })),
            "no name gave {none:?}"
        );
        Ok(())
    })
}

/// On both sides, through the transport and through the handle.
pub(crate) fn tls_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let far = Journal::new();
        let made = far.clone();
        let tls = acceptor()?.alpn(["second", "first"]).build()?;
        let options = ListenOptions::new().layer(tls);
        let server = lp
            .serve_with(ANYWHERE, options, move || Probe::new(&made))
            .await?;
        let tls = connector()?.server_name(NAME).alpn(["first", "other"]);
        let options = ConnectOptions::new().layer(tls.build()?);
        let near = Journal::new();
        let client = lp
            .connect_with(server.local_addr(), options, Once::new(Probe::new(&near)))
            .await?;
        until(&lp, "the server's", || far.has("made")).await?;
        let seen = server.connections().first().map(|one| one.peer());
        let seen = seen.ok_or_else(|| Fault::new("the server has no connection"))?;
        let within = client.call(|_, t| t.peer()).await?;
        ensure_eq!(within, client.peer(), "the peer inside");
        for (peer, certificates) in [(within, 1), (seen, 0)] {
            let secure = peer.secure().ok_or_else(|| Fault::new("it is plain"))?;
            ensure_eq!(secure.protocol(), Some(&b"first"[..]), "the protocol");
            ensure_eq!(secure.server_name(), Some(NAME), "the name asked for");
            ensure_eq!(secure.certificates().len(), certificates, "certificates");
            let spoken = (secure.version(), secure.cipher_suite());
            ensure!(
                spoken.0 == "TLSv1.3" && spoken.1.starts_with("TLS13_"),
                "they speak {spoken:?}"
            );
        }
        ensure!(
            Secure::protocol(&Secure::new("", "")).is_none(),
            "of nothing"
        );
        client.close();
        ensure!(loss(&lp, &near).await?.is_clean(), "not clean");
        Ok(())
    })
}
