//! PROD: producers and consumers, as watermarks and `ready` give them.

use futures_util::AsyncReadExt;
use polyloop_core::{ConnectionLost, Flow, MainLoop};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    Journal, MUCH, Probe, Reports, narrow_peer, pattern, quiet, raw_peer, read_all, run, until,
};

/// A producer in the protocol's own callbacks writes a lot against a slow reader.
pub fn prod_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 100;
    run(make, async |lp| {
        let journal = Journal::new();
        let mut left = CHUNKS;
        let probe = Probe::new(&journal).resume(move |t| {
            while left > 0 {
                left -= 1;
                if t.write(&pattern(CHUNK))? == Flow::Pause {
                    return Ok(());
                }
            }
            t.close();
            Ok(())
        });
        let (connection, mut peer) = narrow_peer(&lp, probe).await?;
        connection
            .call(|_, t| t.write(&pattern(MUCH)).map(drop))
            .await??;
        until(&lp, "the first pause", || journal.has("pause")).await?;
        ensure!(!journal.has("resume"), "a resume without a pause");
        let (data, _) = read_all(&mut peer).await;
        ensure_eq!(data.len(), MUCH + CHUNK * CHUNKS, "bytes that arrived");
        until(&lp, "the loss", || journal.has("lost")).await?;
        journal.flow_is_paired()
    })
}

/// From the pause, and from the resume.
pub fn prod_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for in_resume in [false, true] {
            let reports = Reports::of(&lp);
            let journal = Journal::new();
            let probe = if in_resume {
                Probe::new(&journal).resume(|_| Err("flow broke".into()))
            } else {
                Probe::new(&journal).pause(|_| Err("flow broke".into()))
            };
            let (connection, mut peer) = narrow_peer(&lp, probe).await?;
            connection
                .call(|_, t| t.write(&pattern(MUCH)).map(drop))
                .await??;
            if in_resume {
                let _ = peer.read_exact(&mut vec![0; MUCH]).await;
            }
            let reason = connection.closed().await;
            let text = reason.error().map(ToString::to_string).unwrap_or_default();
            ensure!(text.contains("flow broke"), "lost as {reason}");
            ensure_eq!(reports.mentioning("flow broke"), 1, "reports");
        }
        Ok(())
    })
}

/// Three waiters of a clogged connection; then the same with a loss.
pub fn prod_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = narrow_peer(&lp, Probe::new(&journal)).await?;
        connection.ready().await?;
        for lost in [false, true] {
            let flow = connection.write(pattern(MUCH))?;
            ensure_eq!(flow, Flow::Pause, "the flow of a large write");
            let waiters = [connection.ready(), connection.ready(), connection.ready()];
            quiet(&lp).await;
            for waiter in &waiters {
                ensure!(
                    !polyloop_core::Promise::is_done(waiter),
                    "ready while clogged"
                );
            }
            if lost {
                connection.abort();
            } else {
                peer.read_exact(&mut vec![0; MUCH]).await?;
            }
            for waiter in waiters {
                let outcome = waiter.await;
                let told = outcome
                    .as_ref()
                    .err()
                    .map(|failure| failure.downcast_ref::<ConnectionLost>().is_some());
                ensure_eq!(told, lost.then_some(true), "a waiter (lost: {lost})");
            }
        }
        ensure!(connection.ready().await.is_err(), "ready after the loss");
        let (connection, _peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
        connection.ready().await?;
        Ok(())
    })
}
