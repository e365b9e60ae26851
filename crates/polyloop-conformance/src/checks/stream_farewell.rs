//! TRAN: what a close owes a peer that still sends, and one that has ended.

use std::sync::{Arc, Mutex};

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{
    CloseReason, ConnectOptions, ListenOptions, MainLoop, OnEof, Stream, TcpOptions, WriteLimits,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Journal, Once, Probe, RawListener, pattern, quiet, raw_peer, read_all, run, until,
};

/// A small answer before the end of a long request: what comes behind resets nothing.
pub fn tran_58<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let probe = Probe::new(&Journal::new()).data(|t, _| {
            if !t.is_closing() {
                t.write(b"the answer")?;
                t.close();
            }
            Ok(())
        });
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        peer.write_all(b"the beginning of a long request").await?;
        for _ in 0..3 {
            quiet(&lp).await;
            peer.write_all(b"more of it").await?;
        }
        quiet(&lp).await;
        let (answer, end) = read_all(&mut peer).await;
        ensure_eq!(
            (&answer[..], end),
            (&b"the answer"[..], End::Eof),
            "what arrived"
        );
        drop(peer);
        let reason = connection.closed().await;
        ensure!(reason.is_clean(), "lost as {reason}");
        Ok(())
    })
}

/// Its end came first; then much is written in small pieces, and closed.
pub fn tran_59<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const PIECE: usize = 1000;
    const PIECES: usize = 3000;

    run(make, async |lp| {
        let journal = Journal::new();
        let probe = Probe::new(&journal).eof(|t| {
            for piece in pattern(PIECE * PIECES).chunks(PIECE) {
                t.write(piece)?;
            }
            t.close();
            Ok(OnEof::KeepOpen)
        });
        // So high a mark that all of it waits, and nothing is asked of the system meanwhile.
        let patient =
            ConnectOptions::new().write_limits(WriteLimits::with_high(8 * PIECE * PIECES));
        let mut listener = RawListener::open(&lp)?;
        let connection = lp
            .connect_with(listener.address, patient, Once::new(probe))
            .await?;
        let mut peer = listener.accept().await?;
        peer.close().await?;
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!(
            (data.len(), end),
            (PIECE * PIECES, End::Eof),
            "what arrived"
        );
        ensure!(data == pattern(PIECE * PIECES), "the bytes differ");
        drop(peer);
        let reason = connection.closed().await;
        ensure!(reason.is_clean(), "lost as {reason}");

        // All of it is with this side's system, and the peer's has no room for it.
        let narrow = TcpOptions::new().recv_buffer_size(Some(128 * 1024));
        let wide = TcpOptions::new().send_buffer_size(Some(4 * 1024 * 1024));
        let mut listener = RawListener::open_with(&lp, &ListenOptions::new().tcp(narrow))?;
        let sent = Arc::new(Mutex::new(None));
        let (noted, journal) = (sent.clone(), Journal::new());
        let probe = Probe::new(&journal).eof(move |t| {
            t.write(&pattern(1024 * 1024))?;
            *noted.lock().unwrap() = Some(t.write_buffer_size());
            t.close();
            Ok(OnEof::KeepOpen)
        });
        let options = ConnectOptions::new().tcp(wide);
        let connection = lp
            .connect_with(listener.address, options, Once::new(probe))
            .await?;
        let mut peer = listener.accept().await?;
        peer.close().await?;
        until(&lp, "the end", || sent.lock().unwrap().is_some()).await?;
        quiet(&lp).await;
        let lost = journal.lost();
        ensure!(lost.is_none(), "lost with bytes on their way: {lost:?}");
        peer.read_exact(&mut [0; 16]).await?;
        peer.reset_on_drop()?;
        drop(peer);
        let reason = connection.closed().await;
        ensure!(
            matches!(reason, CloseReason::Error(_)),
            "a peer that lacks much of it has reset the connection, and it was lost as {reason}"
        );
        Ok(())
    })
}
