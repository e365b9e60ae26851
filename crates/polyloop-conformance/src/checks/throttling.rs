//! POL: so many bytes a second.

use std::num::NonZero;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{ConnectOptions, Connection, ListenOptions, MainLoop, Throttle, WriteLimits};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{End, Journal, Once, Probe, RawListener, dial, pattern, read_all, run, until};

fn rate(bytes_per_second: u64) -> Verdict<NonZero<u64>> {
    NonZero::new(bytes_per_second).ok_or_else(|| Fault::new("a rate of 0"))
}

/// 25 bytes at 10 a second, in thousands: 1.5 s of rest, for every connection; one that is
/// lost meanwhile leaves no timer behind.
pub fn pol_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (first, second) = (Journal::new(), Journal::new());
        let mut journals = vec![second.clone(), first.clone()];
        let throttle = Throttle::new().reads(rate(10_000)?);
        let options = ListenOptions::new().layer(throttle);
        let server = lp
            .serve_with("127.0.0.1:0", options, move || {
                Probe::new(&journals.pop().unwrap_or_default())
            })
            .await?;
        let mut peer = dial(&lp, server.local_addr()).await?;
        let mut other = dial(&lp, server.local_addr()).await?;
        until(&lp, "both", || first.has("made") && second.has("made")).await?;
        let begun = lp.now();
        let sent = pattern(25_000);
        peer.write_all(&sent).await?;
        until(&lp, "everything", || first.data_len() == sent.len()).await?;
        let all = lp.now() - begun;
        // A second's worth came at once, and another one before it was over.
        ensure!(all >= Duration::from_millis(500), "all came within {all:?}");
        other.write_all(b"waits, too").await?;
        until(&lp, "the other", || second.data_len() == 10).await?;
        let rested = lp.now() - begun;
        let expected = Duration::from_millis(1_500);
        ensure!(rested >= expected, "the other went on after {rested:?}");
        ensure!(first.data() == sent, "bytes were lost or altered");
        ensure_eq!(second.data(), b"waits, too", "the other's");

        // At rest again, and lost.
        peer.write_all(&sent).await?;
        until(&lp, "more", || first.data_len() > sent.len()).await?;
        let own = lp.pending_calls().len();
        drop((peer, other));
        for connection in server.connections() {
            connection.abort();
        }
        server.close();
        server.drained().await;
        let left = lp.pending_calls().len();
        ensure!(left <= own, "{left} calls are pending, {own} were before");
        Ok(())
    })
}

/// A protocol that asks is told to pause, and again to go on; closing waits for the rest.
pub fn pol_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let mut listener = RawListener::open(&lp)?;
        let throttle = Throttle::new().writes(rate(200_000)?);
        let options = ConnectOptions::new()
            .layer(throttle)
            .write_limits(WriteLimits::with_high(10_000));
        let factory = Once::new(Probe::new(&journal));
        let connection: Connection<Probe> =
            lp.connect_with(listener.address, options, factory).await?;
        let mut peer = listener.accept().await?;
        let begun = lp.now();
        let sent = pattern(450_000);
        let written = sent.clone();
        connection.call(move |_, t| t.write(&written)).await??;
        until(&lp, "the pause", || journal.has("pause")).await?;
        until(&lp, "the resume", || journal.has("resume")).await?;
        connection.write("and more")?;
        connection.close();
        let (came, end) = read_all(&mut peer).await;
        let took = lp.now() - begun;
        ensure!(took >= Duration::from_secs(1), "it took {took:?}");
        ensure_eq!(end, End::Eof, "the end");
        let expected = [&sent[..], b"and more"].concat();
        ensure!(came == expected, "bytes were lost or altered");
        drop(peer);
        ensure!(connection.closed().await.is_clean(), "not a good end");
        journal.flow_is_paired()
    })
}
