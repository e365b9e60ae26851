//! TRAN: what a clean end promises, what cuts a close short, and until when a connection
//! counts.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{
    CloseReason, ConnectOptions, CutShort, Failure, ListenOptions, MainLoop, Promise as _,
    TcpOptions, TimerKey, catch_cancel,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Flag, Journal, MUCH, Once, Probe, RawListener, Reports, dial, listen, narrow_peer,
    pattern, poll_once, quiet, read_all, run, until,
};

/// While the peer's system lacks something, with all of it in this side's system; and at
/// the end of a run.
pub fn tran_34<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        // This side's system takes far more than the peer's has room for.
        let narrow = TcpOptions::new().recv_buffer_size(Some(128 * 1024));
        let wide = TcpOptions::new().send_buffer_size(Some(1024 * 1024));
        let mut listener = RawListener::open_with(&lp, &ListenOptions::new().tcp(narrow))?;
        let journal = Journal::new();
        let probe = Once::new(Probe::new(&journal));
        let options = ConnectOptions::new().tcp(wide);
        let connection = lp.connect_with(listener.address, options, probe).await?;
        let mut peer = listener.accept().await?;
        connection.write(pattern(MUCH))?;
        connection.close();
        let mut data = Vec::new();
        let mut piece = vec![0; 16 * 1024];
        while connection.call(|_, t| t.write_buffer_size()).await? > 0 {
            let len = peer.read(&mut piece).await?;
            data.extend_from_slice(&piece[..len]);
        }
        // From here on the driver has nothing left, and the peer's window is shut.
        peer.write_all(b"the end of a long request").await?;
        quiet(&lp).await;
        let lost = journal.lost();
        ensure!(lost.is_none(), "lost with bytes on their way: {lost:?}");
        let (rest, end) = read_all(&mut peer).await;
        data.extend(rest);
        ensure_eq!((data.len(), end), (MUCH, End::Eof), "what arrived");
        ensure!(data == pattern(MUCH), "the bytes differ");
        drop(peer);
        let reason = connection.closed().await;
        ensure!(reason.is_clean(), "lost as {reason}");
        Ok(())
    })?;
    closes_go_on_at_the_end_of_a_run(make)?;
    what_the_end_of_a_run_cuts_is_told(make)
}

fn closes_go_on_at_the_end_of_a_run<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let journal = Journal::new();
    let (inner, notes) = (lp.clone(), journal.clone());
    let read = Arc::new(Mutex::new(None));
    let noted = read.clone();
    lp.run(async move {
        let (connection, mut peer) = narrow_peer(&inner, Probe::new(&notes)).await?;
        let waiting = Flag::new();
        let waits = waiting.clone();
        inner
            .spawn(async move {
                waits.set();
                let _ = catch_cancel(pending::<()>()).await;
                // Only now, when the loop winds up.
                *noted.lock().unwrap() = Some(read_all(&mut peer).await);
            })
            .detach();
        until(&inner, "the peer to wait", || waiting.is_set()).await?;
        connection.write(pattern(MUCH))?;
        connection.close();
        Ok::<_, Fault>(())
    })??;
    let Some((data, end)) = read.lock().unwrap().take() else {
        return Err(Fault::new("the peer did not get to the end"));
    };
    ensure_eq!((data.len(), end), (MUCH, End::Eof), "what arrived");
    ensure!(data == pattern(MUCH), "the bytes differ");
    let reason = journal.lost();
    ensure!(
        reason.as_ref().is_some_and(CloseReason::is_clean),
        "lost as {reason:?}"
    );
    journal.is_one_whole_life()
}

fn what_the_end_of_a_run_cuts_is_told<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    let lp = make();
    let reports = Reports::of(&lp);
    // Closes are cut a tenth of it before it is up: as long as a busy machine may take.
    lp.set_shutdown_limit(Duration::from_secs(2));
    let journal = Journal::new();
    let (inner, notes) = (lp.clone(), journal.clone());
    let mut kept = None;
    lp.run(async {
        let (connection, peer) = narrow_peer(&inner, Probe::new(&notes)).await?;
        connection.write(pattern(MUCH))?;
        connection.close();
        kept = Some(peer);
        Ok::<_, Fault>(())
    })??;
    let reason = journal.lost();
    let error = reason.as_ref().and_then(CloseReason::error);
    ensure!(
        matches!(
            error.and_then(Failure::downcast_ref),
            Some(CutShort::LoopEnded { unsent }) if *unsent > 0
        ),
        "lost as {reason:?}"
    );
    ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
    drop(kept);
    journal.is_one_whole_life()
}

const PATIENCE: TimerKey = TimerKey::new("patience");

/// A peer that does not read is shed by a timer; by a limit that is given in three ways,
/// from the beginning and later; and a refused write in a timer is no failure.
pub fn tran_35<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let journal = Journal::new();
        let mut refused = false;
        let probe = Probe::new(&journal).timer(move |t, _| {
            if std::mem::replace(&mut refused, true) {
                t.abort();
                return Ok(());
            }
            t.set_timer(PATIENCE, Duration::from_millis(10));
            t.write(b"too late")?;
            Ok(())
        });
        let (connection, _peer) = narrow_peer(&lp, probe).await?;
        connection
            .call(|_, t| {
                t.set_timer(PATIENCE, Duration::from_millis(10));
                let written = t.write(&pattern(MUCH)).map(drop);
                t.close();
                written
            })
            .await??;
        let reason = connection.closed().await;
        ensure!(
            matches!(reason, CloseReason::Aborted),
            "shed, and lost as {reason}"
        );
        ensure_eq!(journal.count("timer"), 2, "timers while closing");

        let limit = Duration::from_millis(50);
        for way in 0..4 {
            let journal = Journal::new();
            let (connection, mut peer) = narrow_peer(&lp, Probe::new(&journal)).await?;
            connection.write(pattern(MUCH))?;
            match way {
                0 => connection.close_within(limit),
                1 => connection.handle().close_within(limit),
                2 => connection.call(move |_, t| t.close_within(limit)).await?,
                _ => {
                    connection.close();
                    quiet(&lp).await;
                    ensure!(!journal.has("lost"), "a close without a limit was cut");
                    connection.close_within(limit);
                }
            }
            let reason = connection.closed().await;
            let told = reason.error().and_then(Failure::downcast_ref);
            ensure!(
                matches!(told, Some(CutShort::LimitPassed { limit: given, unsent })
                    if *given == limit && *unsent > 0),
                "way {way} was lost as {reason}"
            );
            let (data, end) = read_all(&mut peer).await;
            let reset = End::Error(std::io::ErrorKind::ConnectionReset);
            ensure!(
                end == reset && data.len() < MUCH,
                "the peer of way {way} saw {end:?} behind {} bytes",
                data.len()
            );
        }

        // In time, a limit changes nothing.
        let (connection, mut peer) = narrow_peer(&lp, Probe::new(&Journal::new())).await?;
        connection.write("in time")?;
        connection.close_within(Duration::from_secs(60));
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!((data, end), (b"in time".to_vec(), End::Eof), "what arrived");
        drop(peer);
        ensure!(connection.closed().await.is_clean(), "not a clean end");
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// The server has closed, and its peer holds its side open.
pub fn tran_36<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        // The peer is given a moment; on a busy machine that may be over before anybody
        // has looked.
        for _ in 0..20 {
            let journal = Journal::new();
            let probe = Probe::new(&journal).made(|t| {
                t.close();
                Ok(())
            });
            let server = listen(&lp, probe).await?;
            let mut peer = dial(&lp, server.local_addr()).await?;
            let (data, end) = read_all(&mut peer).await;
            ensure_eq!((data.len(), end), (0, End::Eof), "what the peer saw");
            let before = lp.now();
            until(&lp, "the loss", || journal.has("lost")).await?;
            server.close();
            server.closed().await;
            let count = server.connection_count();
            let listed = server.connections().len();
            let mut drained = Box::pin(server.drained());
            let waits = poll_once(&mut drained).is_pending();
            let in_time = lp.now() - before < Duration::from_secs(1);
            drop(peer);
            drained.await;
            ensure_eq!(server.connection_count(), 0, "connections when drained");
            if in_time {
                ensure_eq!(count, 1, "connections while its socket is there");
                ensure_eq!(listed, 0, "connections to be reached");
                ensure!(waits, "drained while its socket is there");
                return Ok(());
            }
        }
        Err(Fault::new("the machine was never quick enough to look"))
    })
}
