//! TRAN and PROTO: what handles do and in what order, raw streams, and a break of a
//! connection that nobody reads from.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    CloseReason, Connection, ConnectionLost, Failure, Flow, MainLoop, OnEof, Stream as _,
    WriteError, WriteLimits,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Flag, Journal, MUCH, Probe, RawListener, busy_for, dial, listen, pattern, quiet, raw_peer,
    read_all, run, until,
};

/// Written in one callback, by turns.
pub fn tran_37<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let probe = Probe::new(&Journal::new()).data(|t, _| {
            let handle = t.handle();
            handle.write("3")?;
            t.write(b"1")?;
            handle.post(|t| {
                t.write(b"4")?;
                Ok(())
            });
            handle.write("5")?;
            t.write(b"2")?;
            handle.close();
            Ok(())
        });
        let (_connection, mut peer) = raw_peer(&lp, probe).await?;
        peer.write_all(b"x").await?;
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!((data, end), (b"12345".to_vec(), End::Eof), "what arrived");
        Ok(())
    })
}

/// From inside a callback, over a system that takes everything: the buffer never fills.
pub fn tran_38<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let told = Arc::new(Mutex::new(None));
        let slot = told.clone();
        let probe = Probe::new(&journal).data(move |t, _| {
            t.set_write_limits(WriteLimits::with_high(1000));
            let handle = t.handle();
            let flow = handle.write(pattern(2000))?;
            *slot.lock().unwrap() = Some((flow, t.flow(), handle.ready()));
            Ok(())
        });
        let (_connection, mut peer) = raw_peer(&lp, probe).await?;
        peer.write_all(b"x").await?;
        until(&lp, "the write", || told.lock().unwrap().is_some()).await?;
        let (flow, own, ready) = told.lock().unwrap().take().expect("it was there");
        ensure_eq!(flow, Flow::Pause, "what the handle said");
        ensure_eq!(own, Flow::Continue, "what the transport said");
        ready.await?;
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["made", "data"], "the events");
        Ok(())
    })
}

/// Calls and posts of an untyped handle; live, and lost.
pub fn tran_39<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        let handle = connection.handle();
        ensure!(!handle.is_lost(), "lost while live");
        let local = handle.local_addr();
        ensure!(local.is_some(), "no local address while live");
        handle.post(|t| {
            t.write(b"post ")?;
            Ok(())
        });
        let size = handle.call(|t| t.write(b"call").map(|_| 7)).await??;
        ensure_eq!(size, 7, "what the call gave");
        handle.post(|_| Err("it broke".into()));
        let reason = handle.closed().await;
        ensure!(
            reason
                .error()
                .is_some_and(|e| e.to_string().contains("it broke")),
            "a failed post ended it with {reason}"
        );
        ensure!(handle.is_lost(), "not lost after the loss");
        ensure_eq!(handle.local_addr(), local, "its address after the loss");
        let late = handle.call(|_| ()).await.err();
        ensure!(
            late.is_some_and(|failure| failure.downcast_ref::<ConnectionLost>().is_some()),
            "a call after the loss"
        );
        let (data, _) = read_all(&mut peer).await;
        ensure!(
            b"post call".starts_with(&data),
            "the peer got {:?}",
            String::from_utf8_lossy(&data)
        );

        let (connection, mut peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
        let handle = connection.handle();
        handle.abort();
        let reason = handle.closed().await;
        ensure!(
            matches!(reason, CloseReason::Aborted),
            "an abort from outside ended it with {reason}"
        );
        let (_, end) = read_all(&mut peer).await;
        ensure!(end != End::Eof, "the peer of an abort saw a clean end");

        // Through the server's list, nobody having asked before.
        let server = listen(&lp, Probe::new(&journal)).await?;
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the accepted end", || journal.count("made") == 2).await?;
        let listed = server.connections();
        ensure_eq!(
            listed
                .first()
                .and_then(|connection| connection.local_addr()),
            Some(server.local_addr()),
            "the local address of a connection from the list"
        );
        Ok(())
    })
}

/// Of several buffers, some empty.
pub fn tran_40<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let mut listener = RawListener::open(&lp)?;
        let mut stream = dial(&lp, listener.address).await?;
        let mut peer = listener.accept().await?;
        let parts = [&b"one "[..], b"", b"two ", &pattern(100_000), b" three"].map(<[u8]>::to_vec);
        let expected = parts.concat();
        let writing = async {
            let mut at = 0;
            while at < expected.len() {
                let mut skip = at;
                let slices: Vec<io::IoSlice<'_>> = (parts.iter())
                    .map(|part| {
                        let begun = skip.min(part.len());
                        skip -= begun;
                        io::IoSlice::new(&part[begun..])
                    })
                    .collect();
                let written = stream.write_vectored(&slices).await?;
                ensure!(
                    (1..=expected.len() - at).contains(&written),
                    "it took {written} of {} bytes",
                    expected.len() - at
                );
                at += written;
            }
            stream.close().await?;
            Ok(())
        };
        let (written, (data, end)) = futures_util::join!(writing, read_all(&mut peer));
        written?;
        ensure_eq!(
            (data.len(), end),
            (expected.len(), End::Eof),
            "what arrived"
        );
        ensure!(data == expected, "the bytes differ");
        Ok(())
    })
}

/// Asked for in one callback, so that all of it waits together: posts, some of which take
/// a millisecond, writes, and a wake in the middle. The loop's timer is armed by the first
/// post.
pub fn tran_47<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const POSTS: usize = 50_000;
    const WOKEN: usize = POSTS / 2;
    run(make, async |lp| {
        let (done, journal) = (Arc::new(Mutex::new(Vec::new())), Journal::new());
        let fired_at: Arc<Mutex<Option<usize>>> = Arc::default();
        let woken_at: Arc<Mutex<Option<usize>>> = Arc::default();
        let (count, slot) = (done.clone(), Arc::clone(&woken_at));
        let note = move |slot: &Mutex<Option<usize>>| {
            *slot.lock().unwrap() = Some(count.lock().unwrap().len());
        };
        let noted = note.clone();
        let probe = Probe::new(&journal).woken(move |_| {
            noted(&slot);
            Ok(())
        });
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        let (timer, slot, made) = (lp.clone(), Arc::clone(&fired_at), done.clone());
        let asking = connection.call(move |_, t| {
            let handle = t.handle();
            for number in 0..POSTS {
                let (timer, slot) = (timer.clone(), Arc::clone(&slot));
                let (note, made) = (note.clone(), made.clone());
                handle.post(move |_| {
                    made.lock().unwrap().push(number);
                    if number == 0 {
                        let delay = Duration::from_millis(1);
                        timer.call_later(delay, move || note(&slot))?;
                    } else if number % 500 == 0 {
                        busy_for(&timer, Duration::from_millis(1));
                    }
                    Ok(())
                });
                if number % 1_000 == 0 {
                    handle.write(format!("{number} "))?;
                }
                if number == WOKEN {
                    handle.wake();
                }
            }
            Ok::<_, Failure>(())
        });
        asking.await??;
        until(&lp, "the wake", || woken_at.lock().unwrap().is_some()).await?;
        connection.close();
        let (data, end) = read_all(&mut peer).await;
        let expected = (0..POSTS).step_by(1_000);
        let expected = expected.fold(String::new(), |all, number| format!("{all}{number} "));
        ensure_eq!(
            (String::from_utf8_lossy(&data).as_ref(), end),
            (expected.as_str(), End::Eof),
            "what arrived"
        );
        let done = done.lock().unwrap().clone();
        ensure_eq!(done.len(), POSTS, "posts that were done");
        ensure!(done.is_sorted(), "the posts were done in another order");
        let at = |slot: &Mutex<Option<usize>>| slot.lock().unwrap().unwrap_or(POSTS);
        let (fired_at, woken_at) = (at(&fired_at), at(&woken_at));
        ensure!(
            fired_at < POSTS,
            "no timer of the loop fired while {POSTS} posts were done"
        );
        ensure!(
            woken_at > WOKEN,
            "woken behind {woken_at} posts, having been asked for behind {WOKEN}"
        );
        Ok(())
    })
}

/// Asked for in one callback, so that it takes several turns; the one that asks for more is
/// done in the last but one, so the wake of what it asks for comes before the last.
pub fn tran_48<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const POSTS: usize = 600;
    run(make, async |lp| {
        for asks in [0, POSTS / 2, POSTS - 1] {
            let (connection, _peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
            let (done, more) = (Flag::new(), Flag::new());
            let (each, last) = (done.clone(), more.clone());
            connection
                .call(move |_, t| {
                    let handle = t.handle();
                    for number in 0..POSTS {
                        let (each, last, own) = (each.clone(), last.clone(), handle.clone());
                        handle.post(move |_| {
                            each.set();
                            if number == asks {
                                own.post(move |_| {
                                    last.set();
                                    Ok(())
                                });
                            }
                            Ok(())
                        });
                    }
                })
                .await?;
            let what = format!("what post {asks} of {POSTS} asked for");
            until(&lp, &what, || more.is_set()).await?;
            ensure_eq!(done.count(), POSTS, "posts done before it");
            connection.abort();
        }
        Ok(())
    })
}

async fn is_lost_by_a_reset<L: MainLoop>(
    lp: &L,
    connection: &Connection<Probe>,
    journal: &Journal,
) -> Verdict {
    let reason = connection.closed().await;
    let kind = reason.error().and_then(Failure::io_kind);
    ensure_eq!(
        kind,
        Some(io::ErrorKind::ConnectionReset),
        "the reason ({reason})"
    );
    quiet(lp).await;
    journal.is_one_whole_life()
}

/// Paused, with and without data before the reset; kept open behind the peer's end, idle
/// and writing.
pub fn proto_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for data in [&b""[..], b"unread"] {
            let journal = Journal::new();
            let probe = Probe::new(&journal).made(|t| {
                t.pause_reading();
                Ok(())
            });
            let (connection, mut peer) = raw_peer(&lp, probe).await?;
            peer.write_all(data).await?;
            quiet(&lp).await;
            peer.reset_on_drop()?;
            drop(peer);
            is_lost_by_a_reset(&lp, &connection, &journal).await?;
            ensure_eq!(journal.names(), ["made", "lost"], "the events");
        }
        for writes in [false, true] {
            let journal = Journal::new();
            let probe = Probe::new(&journal).eof(|_| Ok(OnEof::KeepOpen));
            let (connection, mut peer) = raw_peer(&lp, probe).await?;
            peer.close().await?;
            until(&lp, "the end of stream", || journal.has("eof")).await?;
            peer.reset_on_drop()?;
            drop(peer);
            while writes && connection.write("into the void").is_ok() {
                lp.sleep(Duration::from_millis(5)).await;
            }
            is_lost_by_a_reset(&lp, &connection, &journal).await?;
        }
        Ok(())
    })
}

/// A connection that is not read from, so that it learns by writing: each further write is
/// refused, and a large one ends.
pub(crate) async fn writes_to_a_reset_peer_are_refused<L: MainLoop>(lp: &L) -> Verdict {
    let (connection, peer) = raw_peer(lp, Probe::new(&Journal::new())).await?;
    connection.call(|_, t| t.pause_reading()).await?;
    peer.reset_on_drop()?;
    drop(peer);
    quiet(lp).await;
    let written = connection.call(|_, t| {
        let mut answers = [const { None }; 4];
        for answer in &mut answers {
            *answer = t.write(&pattern(MUCH)).err();
        }
        (answers, t.is_closing())
    });
    // Where the break is told at once, there is nobody left to write.
    if let Ok((answers, closing)) = written.await {
        ensure_eq!(answers, [Some(WriteError::Closed); 4], "the writes");
        ensure!(closing, "not closing behind a failed write");
    }
    let reason = connection.closed().await;
    ensure!(reason.error().is_some(), "lost as {reason}");
    Ok(())
}
