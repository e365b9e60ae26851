//! TLS: how a secure connection ends.

use std::io::ErrorKind;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{CloseReason, ConnectOptions, Loop, MainLoop, Promise as _, WriteError};
use polyloop_tls::{TlsError, TlsStream};

use super::{NAME, connector, loss, pair, serve, told};
use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Journal, MUCH, Once, Probe, RawListener, dial, pattern, quiet, read_all, run, until,
};

/// A client by hand, of a server with that probe.
async fn by_hand<L: Loop>(
    lp: &L,
    journal: &Journal,
) -> Verdict<(polyloop_core::Server<Probe>, TlsStream<L::TcpStream>)> {
    let made = journal.clone();
    let server = serve(lp, move || Probe::new(&made)).await?;
    let plain = dial(lp, server.local_addr()).await?;
    let secure = connector()?.build()?.connect(lp, NAME, plain).await?;
    Ok((server, secure))
}

/// Behind data that has arrived.
pub(crate) fn tls_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let far = Journal::new();
        let (_server, mut secure) = by_hand(&lp, &far).await?;
        secure.write_all(b"half a sent").await?;
        secure.flush().await?;
        secure.get_mut().close().await?;
        let lost = loss(&lp, &far).await?;
        ensure_eq!(far.data(), b"half a sent", "what came before it");
        ensure!(!far.has("eof"), "it looks like an end");
        ensure!(
            matches!(told(&lost), Some(TlsError::Truncated { .. })),
            "it was lost: {lost:?}"
        );
        Ok(())
    })
}

/// More than the system takes at once.
pub(crate) fn tls_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, near) = (Journal::new(), Journal::new());
        let made = far.clone();
        let (_server, client) = pair(&lp, move || Probe::new(&made), Probe::new(&near)).await?;
        let late = client
            .call(|_, t| {
                t.write(&pattern(MUCH))?;
                t.close();
                Ok::<_, WriteError>(t.write(b"late"))
            })
            .await??;
        ensure_eq!(late, Err(WriteError::Closing), "a write behind it");
        ensure!(loss(&lp, &near).await?.is_clean(), "this end was not clean");
        ensure!(loss(&lp, &far).await?.is_clean(), "the other was not");
        ensure!(far.data() == pattern(MUCH), "what came was altered");
        ensure_eq!(far.count("eof"), 1, "ends that were told");
        far.is_one_whole_life()
    })
}

/// One that reads, and says nothing.
pub(crate) fn tls_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let far = Journal::new();
        let (server, mut secure) = by_hand(&lp, &far).await?;
        until(&lp, "the connection", || far.has("made")).await?;
        for connection in server.connections() {
            connection.close();
        }
        ensure_eq!(
            read_all(&mut secure).await,
            (Vec::new(), End::Eof),
            "what came"
        );
        ensure!(loss(&lp, &far).await?.is_clean(), "not clean");
        until(&lp, "the end of the socket", || {
            server.connection_count() == 0
        })
        .await
    })
}

/// A connect that is given up, a server that is closed, upgrades that are closed and aborted.
pub(crate) fn tls_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut silent = RawListener::open(&lp)?;
        let (own, to, near) = (lp.clone(), silent.address, Journal::new());
        let options = ConnectOptions::new().layer(connector()?.build()?);
        let probe = Once::new(Probe::new(&near));
        let connecting =
            lp.spawn(async move { own.connect_with(to, options, probe).await.is_ok() });
        let mut far = silent.accept().await?;
        far.read_exact(&mut [0; 5]).await?;
        ensure!(connecting.cancel("given up"), "it was over");
        let (_, end) = read_all(&mut far).await;
        ensure!(
            matches!(end, End::Eof | End::Error(ErrorKind::ConnectionReset)),
            "its end: {end:?}"
        );
        ensure!(near.names().is_empty(), "told: {:?}", near.names());

        let made = near.clone();
        let server = serve(&lp, move || Probe::new(&made)).await?;
        let mut silent = dial(&lp, server.local_addr()).await?;
        until(&lp, "the handshake", || server.connection_count() == 1).await?;
        server.close();
        server.drained().await;
        let (came, _) = read_all(&mut silent).await;
        ensure!(came.is_empty(), "it was told {came:?}");
        ensure!(near.names().is_empty(), "told: {:?}", near.names());

        for abort in [false, true] {
            let near = Journal::new();
            let mut listener = RawListener::open(&lp)?;
            let connection = lp
                .connect(listener.address, Once::new(Probe::new(&near)))
                .await?;
            let mut far = listener.accept().await?;
            let tls = polyloop_core::Upgrade::new(&lp, connector()?.build()?);
            connection.call(move |_, t| t.upgrade(&tls, b"")).await??;
            far.read_exact(&mut [0; 5]).await?;
            let (aborted, expected) = (End::Error(ErrorKind::ConnectionReset), End::Eof);
            let expected = if abort {
                connection.abort();
                aborted
            } else {
                connection.close();
                expected
            };
            ensure_eq!(read_all(&mut far).await.1, expected, "its end");
            far.close().await?;
            let lost = loss(&lp, &near).await?;
            let as_asked = match lost {
                CloseReason::Clean => !abort,
                CloseReason::Aborted => abort,
                _ => false,
            };
            ensure!(as_asked, "it was lost: {lost:?}");
        }
        Ok(())
    })
}

/// The connection goes on.
pub(crate) fn tls_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (far, near) = (Journal::new(), Journal::new());
        let made = far.clone();
        let (_server, client) = pair(&lp, move || Probe::echo(&made), Probe::new(&near)).await?;
        let (can, done) = client
            .call(|_, t| (t.can_write_eof(), t.write_eof()))
            .await?;
        ensure!(!can, "it says that it can");
        ensure_eq!(done, Err(WriteError::NoHalfClose), "it was tried");
        client.write("goes on")?;
        until(&lp, "the echo", || near.data() == b"goes on").await?;
        quiet(&lp).await;
        ensure!(!far.has("eof"), "an end was told");
        client.close();
        ensure!(loss(&lp, &far).await?.is_clean(), "not clean");
        Ok(())
    })
}
