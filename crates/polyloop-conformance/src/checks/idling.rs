//! POL: how long a connection may be silent.

use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{
    CloseReason, ConnectOptions, DriveOptions, IdleLimitPassed, ListenOptions, MainLoop, Stream,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::run;
use crate::probe::{
    Journal, MUCH, Once, Probe, RawListener, dial, narrow_peer, pattern, quiet, raw_peer, until,
};

/// Long enough for everything that happens meanwhile.
const LONG: Duration = Duration::from_secs(100);
const SHORT: Duration = Duration::from_millis(200);

fn stays(journal: &Journal) -> Probe {
    Probe::new(journal).idle(|_| Ok(()))
}

/// Told once; reset, changed, switched off, and set again.
pub fn pol_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = raw_peer(&lp, stays(&journal)).await?;
        let set = async |limit| connection.call(move |_, t| t.set_idle_limit(limit)).await;
        let reset = async || connection.call(|_, t| t.reset_idle()).await;
        ensure_eq!(set(Some(LONG)).await?, None, "the limit before any");
        ensure_eq!(set(None).await?, Some(LONG), "the first limit");
        // Without one there is nothing to push back.
        reset().await?;
        let begun = lp.now();
        ensure_eq!(set(Some(SHORT)).await?, None, "the limit switched off");
        // Each is later than the one before, so the last counts.
        for _ in 0..4 {
            lp.sleep(SHORT / 8).await;
            reset().await?;
        }
        until(&lp, "the limit", || journal.has("idle")).await?;
        let silent = lp.now() - begun;
        ensure!(silent >= SHORT + SHORT / 2, "it was told after {silent:?}");
        // Once it has passed, nothing brings it back but another one.
        reset().await?;
        peer.write_all(b"too late").await?;
        until(&lp, "the data", || journal.data() == b"too late").await?;
        lp.sleep(SHORT * 2).await;
        ensure_eq!(journal.count("idle"), 1, "how often it was told");
        ensure_eq!(
            set(Some(SHORT)).await?,
            Some(SHORT),
            "the limit that passed"
        );
        until(&lp, "the limit again", || journal.count("idle") == 2).await?;
        let known = connection.call(|_, t| t.idle_limit()).await?;
        ensure_eq!(known, Some(SHORT), "the limit at the end");
        set(Some(Duration::MAX)).await?;
        set(None).await?;
        lp.sleep(SHORT * 2).await;
        ensure_eq!(journal.count("idle"), 2, "how often without a limit");

        // On its way out it is not told any more.
        set(Some(SHORT)).await?;
        connection.close();
        lp.sleep(SHORT * 2).await;
        drop(peer);
        connection.closed().await;
        ensure_eq!(journal.count("idle"), 2, "how often while it closed");
        Ok(())
    })
}

/// Bytes either way keep it; silence closes it, on every kind of connection; a peer that
/// does not read is cut.
pub fn pol_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let options = ListenOptions::new().idle_limit(Some(SHORT));
        let served = journal.clone();
        let server = lp
            .serve_with("127.0.0.1:0", options, move || Probe::new(&served))
            .await?;
        let mut peer = dial(&lp, server.local_addr()).await?;
        let connection = loop {
            match server.connections().pop() {
                Some(connection) => break connection,
                None => quiet(&lp).await,
            }
        };
        let begun = lp.now();
        for _ in 0..3 {
            peer.write_all(b"?").await?;
            lp.sleep(SHORT / 2).await;
        }
        for _ in 0..3 {
            connection.write("!")?;
            lp.sleep(SHORT / 2).await;
        }
        let mut came = [0; 3];
        peer.read_exact(&mut came).await?;
        until(&lp, "the end", || journal.has("lost")).await?;
        let lasted = lp.now() - begun;
        ensure!(lasted >= SHORT * 3, "it was closed after {lasted:?}");
        let passed = |reason: Option<CloseReason>| {
            let reason = reason?;
            let failure = reason.error()?;
            failure.downcast_ref::<IdleLimitPassed>().map(|p| p.limit)
        };
        ensure_eq!(passed(journal.lost()), Some(SHORT), "the reason");
        ensure_eq!(peer.read(&mut came).await?, 0, "what the peer saw");
        server.close();

        // The same of a client, and of a stream that was there already.
        let mut listener = RawListener::open(&lp)?;
        let journal = Journal::new();
        let options = ConnectOptions::new().idle_limit(Some(SHORT));
        let factory = Once::new(Probe::new(&journal));
        let client = lp.connect_with(listener.address, options, factory).await?;
        let peer = listener.accept().await?;
        ensure_eq!(passed(Some(client.closed().await)), Some(SHORT), "a client");
        drop(peer);
        let near = dial(&lp, listener.address).await?;
        let peer = listener.accept().await?;
        let options = DriveOptions::new().idle_limit(Some(SHORT));
        let factory = Once::new(Probe::new(&journal));
        let at = near.peer()?;
        let driven = lp.drive_with(near, at, options, factory).await?;
        ensure_eq!(passed(Some(driven.closed().await)), Some(SHORT), "driven");
        drop(peer);

        // What is written and not taken is no sign of life, and holds no close up for ever.
        let journal = Journal::new();
        let (connection, peer) = narrow_peer(&lp, Probe::new(&journal)).await?;
        connection
            .call(|_, t| {
                t.set_idle_limit(Some(SHORT));
                t.write(&pattern(MUCH)).map(drop)
            })
            .await??;
        let reason = connection.closed().await;
        ensure_eq!(passed(Some(reason)), Some(SHORT), "with a deaf peer");
        ensure_eq!(journal.count("idle"), 1, "how often it was told");
        drop(peer);
        Ok(())
    })
}
