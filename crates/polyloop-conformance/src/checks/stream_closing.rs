//! TRAN: closing, aborting and half closing.

use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{CloseReason, MainLoop, OnEof, Transport, WriteError};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Flag, Journal, MUCH, Probe, inside, is_inside, narrow_peer, pattern, quiet, raw_peer,
    read_all, run, until,
};

/// Closed with and without a flush pending; the peer goes on sending.
pub fn tran_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for size in [0, MUCH] {
            let journal = Journal::new();
            let probe = Probe::new(&journal).data(move |t, _| {
                t.write(&pattern(size))?;
                t.close();
                Ok(())
            });
            let (_connection, mut peer) = narrow_peer(&lp, probe).await?;
            peer.write_all(b"a").await?;
            until(&lp, "the first data", || journal.has("data")).await?;
            for _ in 0..5 {
                // The connection may be gone by now.
                let _ = peer.write_all(b"b").await;
                lp.sleep(Duration::from_millis(5)).await;
            }
            quiet(&lp).await;
            ensure_eq!(journal.data(), b"a", "data delivered");
        }
        Ok(())
    })
}

/// From a callback and from outside: the peer reads a reset.
pub fn tran_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for from_callback in [true, false] {
            let (connection, mut peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
            if from_callback {
                connection.call(|_, t| t.abort()).await?;
            } else {
                connection.abort();
            }
            let (_, end) = read_all(&mut peer).await;
            let expected = End::Error(std::io::ErrorKind::ConnectionReset);
            ensure_eq!(
                end,
                expected,
                "what the peer saw (from a callback: {from_callback})"
            );
        }
        Ok(())
    })
}

/// To the protocol, and to whoever waits for the end.
pub fn tran_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, _peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        connection.abort();
        let reason = connection.closed().await;
        ensure!(
            matches!(reason, CloseReason::Aborted),
            "the waiter was told {reason:?}"
        );
        let told = journal.lost();
        ensure!(
            matches!(told, Some(CloseReason::Aborted)),
            "the protocol was told {told:?}"
        );
        Ok(())
    })
}

/// With two megabytes queued for a peer that does not read.
pub fn tran_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, nested) = (Journal::new(), Flag::new());
        let noted = nested.clone();
        let probe = Probe::new(&journal).lost(move |_| {
            if is_inside() {
                noted.set();
            }
        });
        let (connection, mut peer) = narrow_peer(&lp, probe).await?;
        let notes = journal.clone();
        connection
            .call(move |_, t| {
                let _ = t.write(&pattern(MUCH));
                inside(|| t.abort());
                notes.note("after abort");
            })
            .await?;
        until(&lp, "the loss", || journal.has("lost")).await?;
        ensure!(!nested.is_set(), "the loss was told inside `abort`");
        ensure_eq!(
            journal.names().last().map(String::as_str),
            Some("lost"),
            "the last event"
        );
        let (data, _) = read_all(&mut peer).await;
        ensure!(
            data.len() < MUCH,
            "all that was queued arrived in spite of the abort"
        );
        Ok(())
    })
}

/// Every sequence of three, each with one loss.
pub fn tran_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn act(t: &mut dyn Transport, what: usize) {
        match what {
            0 => t.close(),
            1 => t.abort(),
            _ => {
                let _ = t.write_eof();
            }
        }
    }
    run(make, async |lp| {
        for sequence in 0..27 {
            let journal = Journal::new();
            let (connection, peer) = raw_peer(&lp, Probe::new(&journal)).await?;
            let [first, second, third] = [sequence % 3, sequence / 3 % 3, sequence / 9];
            let _ = connection.call(move |_, t| act(t, first)).await;
            let _ = connection
                .call(move |_, t| {
                    act(t, second);
                    act(t, third);
                })
                .await;
            drop(peer);
            connection.close();
            connection.abort();
            connection.closed().await;
            ensure_eq!(
                journal.count("lost"),
                1,
                "losses after {first}, {second}, {third}"
            );
            journal.is_one_whole_life()?;
        }
        Ok(())
    })
}

/// Also where nothing is left to send and the sending side is shut.
pub fn tran_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for half_closed in [false, true] {
            let (journal, nested) = (Journal::new(), Flag::new());
            let noted = nested.clone();
            let probe = Probe::new(&journal).lost(move |_| {
                if is_inside() {
                    noted.set();
                }
            });
            let (connection, _peer) = raw_peer(&lp, probe).await?;
            if half_closed {
                connection.call(|_, t| t.write_eof()).await??;
                quiet(&lp).await;
            }
            let notes = journal.clone();
            connection
                .call(move |_, t| {
                    inside(|| t.close());
                    notes.note("after close");
                })
                .await?;
            until(&lp, "the loss", || journal.has("lost")).await?;
            ensure!(!nested.is_set(), "the loss was told inside `close`");
            ensure_eq!(
                journal.names(),
                ["made", "after close", "lost"],
                "the events"
            );
        }
        Ok(())
    })
}

/// Two megabytes and the end; then the other way still works.
pub fn tran_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        let sent = pattern(2_000_000);
        connection
            .call({
                let sent = sent.clone();
                move |_, t| {
                    let written = t.write(&sent).map(drop);
                    t.write_eof()?;
                    written
                }
            })
            .await??;
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!(
            (data.len(), end),
            (sent.len(), End::Eof),
            "what came before the end"
        );
        ensure!(data == sent, "the bytes differ");
        peer.write_all(b"still here").await?;
        until(&lp, "data behind the half close", || {
            journal.data() == b"still here"
        })
        .await?;
        ensure!(!journal.has("lost"), "the half close ended the connection");
        drop(peer);
        until(&lp, "the loss", || journal.has("lost")).await?;
        ensure!(
            journal.lost().is_some_and(|r| r.is_clean()),
            "lost as {:?}",
            journal.lost()
        );
        Ok(())
    })
}

/// At once, with the buffer full and with it empty.
pub fn tran_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (connection, mut peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
        let refused = connection.call(|_, t| {
            let _ = t.write(b"kept");
            t.write_eof()?;
            t.write_eof()?;
            t.write(b"never")
        });
        ensure_eq!(
            refused.await?,
            Err(WriteError::AfterEof),
            "a write behind the half close"
        );
        quiet(&lp).await;
        let refused = connection.call(|_, t| t.write(b"never")).await?;
        ensure_eq!(
            refused,
            Err(WriteError::AfterEof),
            "a write when the end was sent"
        );
        connection
            .call(|_, t| {
                t.close();
                t.write_eof()
            })
            .await??;
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!(
            (data, end),
            (b"kept".to_vec(), End::Eof),
            "what the peer got"
        );
        ensure!(connection.closed().await.is_clean(), "not a clean end");
        Ok(())
    })
}

/// The peer ends its side with two megabytes still on their way to it.
pub fn tran_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = narrow_peer(&lp, Probe::new(&journal)).await?;
        connection.write(pattern(MUCH))?;
        until(&lp, "the clog", || journal.has("pause")).await?;
        peer.close().await?;
        until(&lp, "the end of stream", || journal.has("eof")).await?;
        quiet(&lp).await;
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!((data.len(), end), (MUCH, End::Eof), "what arrived");
        ensure!(data == pattern(MUCH), "the bytes differ");
        ensure!(connection.closed().await.is_clean(), "not a clean end");
        Ok(())
    })
}

/// The same end of stream, answered in both ways.
pub fn tran_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        peer.close().await?;
        ensure!(
            connection.closed().await.is_clean(),
            "the default did not close cleanly"
        );
        ensure_eq!(
            journal.names(),
            ["made", "eof", "lost"],
            "the default's events"
        );

        let journal = Journal::new();
        let probe = Probe::new(&journal).eof(|_| Ok(OnEof::KeepOpen));
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        peer.close().await?;
        until(&lp, "the end of stream", || journal.has("eof")).await?;
        quiet(&lp).await;
        ensure!(!journal.has("lost"), "it was closed in spite of KeepOpen");
        connection.write("later")?;
        let mut word = [0; 5];
        peer.read_exact(&mut word).await?;
        ensure_eq!(&word, b"later", "what was sent after the end of stream");
        connection.close();
        ensure!(connection.closed().await.is_clean(), "not a clean end");
        Ok(())
    })
}

/// Asked before, at, and after a close that takes its time; and at an abort.
pub fn tran_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (connection, _peer) = narrow_peer(&lp, Probe::new(&Journal::new())).await?;
        let seen = connection.call(|_, t| {
            let before = t.is_closing();
            let _ = t.write(&pattern(MUCH));
            t.close();
            let after = t.is_closing();
            t.resume_reading();
            let _ = t.write_eof();
            (before, after, t.is_closing())
        });
        ensure_eq!(seen.await?, (false, true, true), "around a close");
        for _ in 0..3 {
            quiet(&lp).await;
            let closing = connection.call(|_, t| t.is_closing()).await?;
            ensure!(closing, "it went back while the flush was pending");
        }
        let aborted = connection.call(|_, t| {
            t.abort();
            t.is_closing()
        });
        ensure!(aborted.await?, "not closing after an abort");
        connection.closed().await;
        ensure!(connection.is_lost(), "not lost after the loss");
        Ok(())
    })
}
