//! PROTO: which events a protocol sees, in what order, with what reasons.

use std::io;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    CloseReason, ConnectError, Failure, MainLoop, OnEof, Stream, Transport, yield_now,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    Flag, Journal, Once, Probe, RawListener, Reports, listen, pair, quiet, raw_peer, read_all, run,
    until,
};

/// Lives that end in every way: closed here, there, aborted here, there.
pub fn proto_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for ending in 0..4 {
            let (here, there) = (Journal::new(), Journal::new());
            let server = Probe::echo(&there).eof(|_| Ok(OnEof::Close));
            let both = pair(&lp, server, Probe::new(&here)).await?;
            for number in 0..20 {
                both.client.write(format!("message {number};"))?;
                yield_now().await;
            }
            until(&lp, "an echo", || here.has("data")).await?;
            let accepted = both.server.connections().pop();
            match (ending, accepted) {
                (0, _) => both.client.close(),
                (1, _) => both.client.abort(),
                (2, Some(accepted)) => accepted.close(),
                (_, Some(accepted)) => accepted.abort(),
                (_, None) => ensure!(false, "the server lost its connection"),
            }
            until(&lp, "both losses", || here.has("lost") && there.has("lost")).await?;
            quiet(&lp).await;
            here.is_one_whole_life()?;
            there.is_one_whole_life()?;
        }
        Ok(())
    })
}

/// The server speaks first, in its `connection_made`.
pub fn proto_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for _ in 0..20 {
            let server = Probe::new(&Journal::new()).made(|t| Ok(t.write(b"hello").map(drop)?));
            let server = listen(&lp, server).await?;
            let journal = Journal::new();
            let probe = Probe::new(&journal);
            let client = lp.connect(server.local_addr(), Once::new(probe)).await?;
            ensure!(
                journal.has("made"),
                "connect settled before connection_made"
            );
            until(&lp, "the first data", || journal.has("data")).await?;
            ensure_eq!(journal.names()[..2], ["made", "data"], "the order");
            client.abort();
        }
        Ok(())
    })
}

/// A clean end by either side, an abort by this side, and a callback's error.
pub fn proto_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut seen = Vec::new();
        for ending in 0..4 {
            let probe = Probe::new(&Journal::new()).data(|_, _| Err("its error".into()));
            let (connection, mut peer) = raw_peer(&lp, probe).await?;
            match ending {
                0 => connection.close(),
                1 => peer.close().await?,
                2 => connection.abort(),
                _ => peer.write_all(b"x").await?,
            }
            seen.push(match connection.closed().await {
                CloseReason::Clean => "clean",
                CloseReason::Aborted => "aborted",
                CloseReason::Error(_) => "error",
                _ => "unknown",
            });
        }
        ensure_eq!(seen, ["clean", "clean", "aborted", "error"], "the reasons");
        Ok(())
    })
}

/// The peer resets the connection, idle and in the middle of a write.
pub fn proto_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        peer.reset_on_drop()?;
        drop(peer);
        let reason = connection.closed().await;
        let kind = reason.error().and_then(Failure::io_kind);
        ensure_eq!(
            kind,
            Some(io::ErrorKind::ConnectionReset),
            "the reason ({reason})"
        );
        ensure_eq!(journal.names(), ["made", "lost"], "the events");
        Ok(())
    })
}

/// Runs a probe against a peer that says `x` and ends its side, and judges that it
/// was lost with the error "it broke", which was reported once.
async fn is_lost_with_its_error<L: MainLoop>(lp: &L, probe: Probe) -> Verdict {
    let reports = Reports::of(lp);
    let journal = probe.journal.clone();
    let (_connection, mut peer) = raw_peer(lp, probe).await?;
    peer.write_all(b"x").await?;
    // The connection may be gone by now.
    let _ = peer.close().await;
    until(lp, "the loss", || journal.has("lost")).await?;
    let reason = journal.lost();
    let text = reason
        .as_ref()
        .and_then(|reason| reason.error())
        .map(ToString::to_string);
    ensure!(
        text.as_ref().is_some_and(|text| text.contains("it broke")),
        "lost as {reason:?} instead of with the error"
    );
    ensure_eq!(reports.mentioning("it broke"), 1, "reports of the error");
    journal.is_one_whole_life()
}

/// An error, and a panic.
pub fn proto_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let probe = Probe::new(&Journal::new()).data(|_, _| Err("it broke".into()));
        is_lost_with_its_error(&lp, probe).await?;
        let probe = Probe::new(&Journal::new()).data(|_, _| panic!("it broke"));
        is_lost_with_its_error(&lp, probe).await
    })
}

/// Closed, aborted or half closed first.
pub fn proto_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let first: [fn(&mut dyn Transport); 3] = [
            |t| t.close(),
            |t| t.abort(),
            |t| {
                let _ = t.write_eof();
            },
        ];
        for ended in first {
            let probe = Probe::new(&Journal::new()).data(move |t, _| {
                ended(t);
                Err("it broke".into())
            });
            is_lost_with_its_error(&lp, probe).await?;
        }
        Ok(())
    })
}

/// On a client, whose connect fails, and on a server; an error, and a panic.
pub fn proto_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for panics in [false, true] {
            let broken = |journal: &Journal| {
                Probe::new(journal).made(move |_| {
                    assert!(!panics, "it broke");
                    Err("it broke".into())
                })
            };
            let journal = Journal::new();
            let mut listener = RawListener::open(&lp)?;
            let connecting = lp.connect(listener.address, Once::new(broken(&journal)));
            let failed = connecting.await.err();
            ensure!(
                matches!(&failed, Some(ConnectError::Protocol { source, .. })
                    if source.to_string().contains("it broke")),
                "the connect gave {failed:?}"
            );
            let mut peer = listener.accept().await?;
            // It ends, whichever way.
            read_all(&mut peer).await;
            until(&lp, "the client's loss", || journal.has("lost")).await?;
            journal.is_one_whole_life()?;

            let journal = Journal::new();
            let server = listen(&lp, broken(&journal)).await?;
            // The reset may be quicker than the end of the connecting.
            if let Ok(mut peer) = crate::probe::dial(&lp, server.local_addr()).await {
                read_all(&mut peer).await;
            }
            until(&lp, "the server's loss", || journal.has("lost")).await?;
            let reason = journal.lost();
            let error = reason
                .as_ref()
                .and_then(CloseReason::error)
                .map(ToString::to_string);
            ensure!(
                error.is_some_and(|e| e.contains("it broke")),
                "the server saw {reason:?}"
            );
        }
        Ok(())
    })
}

/// An error, and a panic.
pub fn proto_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let probe = Probe::new(&Journal::new()).eof(|_| Err("it broke".into()));
        is_lost_with_its_error(&lp, probe).await?;
        let probe = Probe::new(&Journal::new()).eof(|_| panic!("it broke"));
        is_lost_with_its_error(&lp, probe).await
    })
}

/// It panics; the peer sees the end all the same, and so does whoever waits.
pub fn proto_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let probe = Probe::new(&Journal::new()).lost(|_| panic!("it broke"));
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        connection.close();
        ensure!(connection.closed().await.is_clean(), "not a clean end");
        let (_, end) = read_all(&mut peer).await;
        ensure_eq!(end, crate::probe::End::Eof, "what the peer saw");
        ensure_eq!(reports.mentioning("it broke"), 1, "reports of the panic");
        Ok(())
    })
}

/// One stream of bytes, cut in three ways.
pub fn proto_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let text: Vec<u8> = (0..200)
            .flat_map(|n| format!("line {n}\r\n").into_bytes())
            .collect();
        for cut in [1, 7, text.len()] {
            let journal = Journal::new();
            let (connection, mut peer) = raw_peer(&lp, Probe::new(&journal)).await?;
            for piece in text.chunks(cut) {
                peer.write_all(piece).await?;
                if cut > 1 || piece == b"\r" {
                    yield_now().await;
                }
            }
            peer.close().await?;
            connection.closed().await;
            ensure!(
                journal.data() == text,
                "the bytes differ with pieces of {cut}"
            );
            let empty = journal.data_len() == 0 || journal.names().is_empty();
            ensure!(!empty, "nothing came");
            journal.is_one_whole_life()?;
        }
        Ok(())
    })
}

/// The peer's end comes behind a close, with the flush done and pending.
pub fn proto_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for size in [0, crate::probe::MUCH] {
            let journal = Journal::new();
            let (connection, mut peer) =
                crate::probe::narrow_peer(&lp, Probe::new(&journal)).await?;
            connection
                .call(move |_, t| {
                    let _ = t.write(&crate::probe::pattern(size));
                    t.close();
                })
                .await?;
            peer.close().await?;
            quiet(&lp).await;
            read_all(&mut peer).await;
            until(&lp, "the loss", || journal.has("lost")).await?;
            ensure!(
                !journal.has("eof"),
                "the end was reported after a local close"
            );
        }
        Ok(())
    })
}

/// Several writes behind the end, until this side closes.
pub fn proto_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let probe = Probe::new(&journal).eof(|t| {
            t.write(b"in the callback, ")?;
            Ok(OnEof::KeepOpen)
        });
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        peer.close().await?;
        until(&lp, "the end of stream", || journal.has("eof")).await?;
        for word in ["and ", "later"] {
            quiet(&lp).await;
            ensure!(!journal.has("lost"), "it was closed by itself");
            connection.write(word)?;
        }
        connection.close();
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!(data, b"in the callback, and later", "what the peer got");
        ensure_eq!(end, crate::probe::End::Eof, "how it ended");
        ensure_eq!(journal.count("eof"), 1, "ends of stream");
        ensure!(connection.closed().await.is_clean(), "not a clean end");
        Ok(())
    })
}

/// A drop counter in the protocols; every handle is still held.
pub fn proto_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let gone = Flag::new();
        let guarded = |journal: &Journal| {
            let guard = gone.on_drop();
            Probe::new(journal).lost(move |_| {
                let _held = &guard;
            })
        };
        let (here, there) = (Journal::new(), Journal::new());
        let both = pair(&lp, guarded(&there), guarded(&here)).await?;
        until(&lp, "the accepted end", || there.has("made")).await?;
        let (handle, accepted) = (both.client.handle(), both.server.connections());
        both.client.close();
        until(&lp, "both protocols dropped", || gone.count() == 2).await?;
        drop((both, handle, accepted));
        Ok(())
    })
}
