//! CLI: layers over a client's connection, and streams that are dialled.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    ConnectError, ConnectOptions, Loop, MainLoop, Promise as _, Stream, yield_now,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Fate, Flag, GOODBYE, Handshake, Journal, Once, Probe, RawListener, Scripted, as_seen,
    read_all, record, run, until,
};

const MS: Duration = Duration::from_millis(1);

/// What every script resolves.
const NAME: &str = "name.example:1";

/// One that succeeds, and its protocol is on it; one that fails, and one that takes too
/// long, of which no protocol hears; one that is given up.
pub fn cli_31<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let to = listener.address;
        let journal = Journal::new();
        let protocol = || Once::new(Probe::new(&journal));
        let options = ConnectOptions::new().layer(Handshake::Wraps);
        let connection = lp.connect_with(to, options, protocol()).await?;
        ensure_eq!(connection.peer(), as_seen(&to.into()), "the peer");
        let mut far = listener.accept().await?;
        connection.write("over the layer")?;
        connection.close();
        let expected = [record(b"over the layer"), GOODBYE.to_vec()].concat();
        ensure_eq!(read_all(&mut far).await, (expected, End::Eof), "what came");

        let journal = Journal::new();
        let protocol = || Once::new(Probe::new(&journal));
        let options = ConnectOptions::new().layer(Handshake::Fails);
        let failed = lp.connect_with(to, options, protocol()).await;
        let Err(ConnectError::Layer { peer, source, .. }) = failed else {
            return Err(Fault::new(format!("a layer that failed gave {failed:?}")));
        };
        ensure_eq!(peer, to, "the peer in the error");
        let told = source.to_string();
        ensure!(told.contains(&to.to_string()), "the failure is {told:?}");
        ensure_eq!(
            read_all(&mut listener.accept().await?).await.1,
            End::Eof,
            "the end of what failed"
        );

        let given_up = Flag::new();
        let options = ConnectOptions::new()
            .timeout(Some(50 * MS))
            .layer(Handshake::Hangs(given_up.clone()));
        let late = lp.connect_with(to, options, protocol()).await;
        ensure!(
            matches!(late, Err(ConnectError::TimedOut { .. })),
            "a layer that takes its time gave {late:?}"
        );
        ensure_eq!(given_up.count(), 1, "layers given up");
        let end = read_all(&mut listener.accept().await?).await.1;
        ensure_eq!(end, End::Eof, "the end of what was given up");
        ensure!(journal.names().is_empty(), "told: {:?}", journal.names());
        Ok(())
    })
}

/// Two addresses of which one hangs; limits, refusals; and one that is given up.
pub fn cli_32<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let silent: SocketAddr = "127.0.0.1:1".parse()?;
        let script = [(silent, Fate::Hangs), (listener.address, Fate::Real)];
        let scripted = Scripted::new(&lp, &script);
        let mut near = scripted.dial(NAME).await?;
        ensure_eq!(near.peer_addr()?, listener.address, "what was reached");
        ensure_eq!(scripted.given_up.count(), 1, "attempts given up");
        let mut far = listener.accept().await?;
        near.write_all(b"dialled").await?;
        near.close().await?;
        let came = read_all(&mut far).await;
        ensure_eq!(came, (b"dialled".to_vec(), End::Eof), "what came");

        let refusing = Scripted::new(&lp, &[(silent, Fate::Fails(ErrorKind::ConnectionRefused))]);
        let refused = refusing.dial(NAME).await.err();
        ensure!(
            matches!(&refused, Some(error @ ConnectError::Refused { .. }) if error.attempts().len() == 1),
            "a refused dial gave {refused:?}"
        );
        let reset = Scripted::new(&lp, &[(silent, Fate::Fails(ErrorKind::ConnectionReset))]);
        let kind = reset.dial(NAME).await.err().map(|error| error.io_kind());
        ensure_eq!(kind, Some(ErrorKind::ConnectionReset), "a reset one's");

        let hanging = Scripted::new(&lp, &[(silent, Fate::Hangs)]);
        let limited = ConnectOptions::new().timeout(Some(20 * MS));
        let late = hanging.dial_with(NAME, limited).await.err();
        ensure!(
            matches!(late, Some(ConnectError::TimedOut { .. })),
            "a dial over its limit gave {late:?}"
        );
        let (dropped, begun) = (hanging.clone(), hanging.attempts.clone());
        let dialling = lp.spawn(async move { drop(dropped.dial(NAME).await) });
        until(&lp, "the attempt", || begun.lock().unwrap().len() == 2).await?;
        ensure!(dialling.cancel("seen enough"), "it had ended");
        until(&lp, "its end", || hanging.given_up.count() == 2).await?;
        yield_now().await;

        let options = ConnectOptions::new().layer(Handshake::Wraps);
        let layered = lp.dial_with(listener.address, options).await?;
        ensure!(layered.is_layered(), "the layer is missing");
        Ok(())
    })
}
