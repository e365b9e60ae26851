//! TRAN: writing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{ConnectOptions, ConnectionLost, Flow, MainLoop, WriteError, WriteLimits};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Flag, Journal, MUCH, Once, Probe, RawListener, Reports, dial, inside, is_inside, listen,
    narrow_peer, pair, pattern, quiet, raw_peer, read_all, run, until,
};

/// A megabyte in pieces of many sizes, from callbacks and from outside, then close.
pub fn tran_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (here, there) = (Journal::new(), Journal::new());
        let both = pair(&lp, Probe::new(&there), Probe::new(&here)).await?;
        let data = pattern(1_000_000);
        let (mut at, mut len) = (0, 1);
        while at < data.len() {
            let piece = data[at..(at + len).min(data.len())].to_vec();
            at += piece.len();
            len = len * 3 % 70_001 + 1;
            if len % 2 == 0 {
                both.client.write(piece)?;
            } else {
                both.client
                    .call(move |_, t| t.write(&piece).map(drop))
                    .await??;
            }
        }
        both.client.close();
        until(&lp, "the end", || there.has("lost")).await?;
        ensure_eq!(there.data_len(), data.len(), "bytes that arrived");
        ensure!(there.data() == data, "the bytes differ");
        there.is_one_whole_life()?;
        ensure!(
            there.lost().is_some_and(|r| r.is_clean()),
            "the peer saw {:?}",
            there.lost()
        );
        Ok(())
    })
}

/// Two megabytes to a peer that does not read; and no callback on the writer's
/// stack, neither of data nor of the pause.
pub fn tran_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (nested, journal) = (Flag::new(), Journal::new());
        let (in_data, in_pause) = (nested.clone(), nested.clone());
        let probe = Probe::new(&journal)
            .data(move |_, _| {
                if is_inside() {
                    in_data.set();
                }
                Ok(())
            })
            .pause(move |_| {
                if is_inside() {
                    in_pause.set();
                }
                Ok(())
            });
        let (connection, mut peer) = narrow_peer(&lp, probe).await?;
        peer.write_all(b"hello").await?;
        let flow = connection
            .call(|_, t| inside(|| t.write(&pattern(MUCH))))
            .await??;
        ensure_eq!(flow, Flow::Pause, "what the write said");
        until(&lp, "data and the pause", || {
            journal.has("data") && journal.has("pause")
        })
        .await?;
        ensure!(!nested.is_set(), "a callback ran inside `write`");
        connection.abort();
        Ok(())
    })
}

/// Parts with empty ones between them; and empty writes alone.
pub fn tran_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let there = Journal::new();
        let both = pair(&lp, Probe::new(&there), Probe::new(&Journal::new())).await?;
        both.client.write(Vec::new())?;
        let empty = both.client.call(|_, t| {
            let flows = (t.write(&[]), t.write_parts(&[]), t.write_parts(&[b"", b""]));
            (flows, t.write_buffer_size())
        });
        let (flows, buffered) = empty.await?;
        ensure_eq!(
            flows,
            (Ok(Flow::Continue), Ok(Flow::Continue), Ok(Flow::Continue)),
            "flows"
        );
        ensure_eq!(buffered, 0, "bytes buffered by nothing");
        quiet(&lp).await;
        ensure_eq!(there.names(), ["made"], "what the peer saw of nothing");
        let large = pattern(100_000);
        let sent = large.clone();
        both.client
            .call(move |_, t| t.write_parts(&[b"one ", b"", b"two ", &sent, b" three"]))
            .await??;
        let expected = [b"one two ".as_slice(), &large, b" three"].concat();
        until(&lp, "all parts", || there.data_len() >= expected.len()).await?;
        ensure!(there.data() == expected, "the parts differ");
        Ok(())
    })
}

/// 20 MB, and a reader that begins late and pauses on its way.
pub fn tran_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        let data = pattern(20_000_000);
        connection.write(data.clone())?;
        connection.close();
        lp.sleep(Duration::from_millis(50)).await;
        let (mut at, mut chunk) = (0, vec![0; 256 * 1024]);
        loop {
            let n = peer.read(&mut chunk).await?;
            if n == 0 {
                break;
            }
            ensure!(
                data.get(at..at + n) == Some(&chunk[..n]),
                "bytes differ behind {at}"
            );
            at += n;
            if at % 16 == 0 {
                lp.sleep(Duration::from_millis(1)).await;
            }
        }
        ensure_eq!(at, data.len(), "bytes that arrived");
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

/// From a callback and from outside, with a flush pending and without.
pub fn tran_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for size in [4, MUCH] {
            let (connection, mut peer) = narrow_peer(&lp, Probe::new(&Journal::new())).await?;
            let refused = connection.call(move |_, t| {
                let kept = t.write(&pattern(size));
                t.close();
                (kept.is_ok(), t.write(b"never"), t.write_parts(&[b"never"]))
            });
            let (kept, first, second) = refused.await?;
            ensure!(kept, "the write before the close was refused");
            ensure_eq!(first, Err(WriteError::Closing), "a write after close");
            ensure_eq!(second, Err(WriteError::Closing), "parts after close");
            let outside = connection.write("never");
            ensure!(
                outside.is_err(),
                "a write from outside after close was taken"
            );
            let (data, end) = read_all(&mut peer).await;
            ensure_eq!(end, End::Eof, "the end of {size} bytes");
            ensure_eq!(data.len(), size, "bytes that reached the peer");
        }

        // And through the server's list, where nobody had reached it before the close.
        let closed = Flag::new();
        let (close, much) = (closed.clone(), MUCH * 8);
        let server = listen(
            &lp,
            Probe::new(&Journal::new()).made(move |t| {
                t.write(&pattern(much))?;
                t.close();
                close.set();
                Ok(())
            }),
        )
        .await?;
        let mut peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the close", || closed.is_set()).await?;
        for connection in server.connections() {
            let outside = connection.write("never");
            ensure_eq!(outside, Err(WriteError::Closing), "a write from the list");
        }
        let (data, end) = read_all(&mut peer).await;
        ensure_eq!(end, End::Eof, "the end after the list");
        ensure_eq!(data.len(), much, "bytes beside the list");
        Ok(())
    })
}

/// Many times, from outside; nothing is reported.
pub fn tran_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        let (connection, peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
        drop(peer);
        connection.closed().await;
        for _ in 0..10 {
            let written = connection.write("late");
            ensure_eq!(written, Err(WriteError::Closed), "a write after the loss");
        }
        let called = connection.call(|_, t| t.write(b"late").is_ok()).await.err();
        ensure!(
            called.is_some_and(|f| f.downcast_ref::<ConnectionLost>().is_some()),
            "a call after the loss"
        );
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        super::handles::writes_to_a_reset_peer_are_refused(&lp).await
    })
}

/// The size of the buffer at each resume, for two low marks.
pub fn tran_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for low in [0, 50_000] {
            let limits = WriteLimits::new(200_000, low)?;
            let sizes = Arc::new(Mutex::new(Vec::new()));
            let notes = sizes.clone();
            let journal = Journal::new();
            let probe = Probe::new(&journal)
                .made(move |t| {
                    t.set_write_limits(limits);
                    Ok(())
                })
                .resume(move |t| {
                    notes.lock().unwrap().push(t.write_buffer_size());
                    Ok(())
                });
            let (connection, mut peer) = narrow_peer(&lp, probe).await?;
            connection
                .call(|_, t| t.write(&pattern(MUCH)).map(drop))
                .await??;
            until(&lp, "the pause", || journal.has("pause")).await?;
            quiet(&lp).await;
            ensure!(!journal.has("resume"), "resumed though nobody read");
            peer.read_exact(&mut vec![0; MUCH]).await?;
            until(&lp, "the resume", || !sizes.lock().unwrap().is_empty()).await?;
            let sizes = sizes.lock().unwrap().clone();
            ensure!(
                sizes.len() == 1 && sizes[0] <= low,
                "buffered at the resumes: {sizes:?}; the low mark was {low}"
            );
        }
        Ok(())
    })
}

/// Over and over the mark, then drained, twice.
pub fn tran_20<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = narrow_peer(&lp, Probe::new(&journal)).await?;
        let mut chunk = vec![0; MUCH];
        for round in 1..=2 {
            for _ in 0..4 {
                connection
                    .call(|_, t| t.write(&pattern(MUCH / 4)).map(drop))
                    .await??;
            }
            until(&lp, "the pause", || journal.count("pause") >= round).await?;
            quiet(&lp).await;
            ensure_eq!(journal.count("pause"), round, "pauses");
            peer.read_exact(&mut chunk).await?;
            until(&lp, "the resume", || journal.count("resume") >= round).await?;
            quiet(&lp).await;
            ensure_eq!(journal.count("resume"), round, "resumes");
        }
        journal.flow_is_paired()
    })
}

/// The buffer is brought to the mark exactly, then one byte beyond.
pub fn tran_21<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        // The system may still take some of the buffer, which spoils a round.
        for _ in 0..20 {
            let journal = Journal::new();
            let (connection, peer) = narrow_peer(&lp, Probe::new(&journal)).await?;
            connection
                .call(|_, t| {
                    t.set_write_limits(WriteLimits::with_high(10 * MUCH));
                    t.write(&pattern(MUCH)).map(drop)
                })
                .await??;
            quiet(&lp).await;
            let at_mark = connection.call(|_, t| {
                let high = t.write_buffer_size() + 10;
                t.set_write_limits(WriteLimits::with_high(high));
                let exact = t.write(&[0; 10]);
                let exact_size = t.write_buffer_size();
                let over = t.write(&[0]);
                (high, exact, exact_size, over, t.write_buffer_size())
            });
            let (high, exact, exact_size, over, over_size) = at_mark.await?;
            drop(peer);
            if exact_size != high || over_size != high + 1 {
                continue;
            }
            ensure_eq!(
                exact,
                Ok(Flow::Continue),
                "with the buffer exactly at the mark"
            );
            ensure_eq!(over, Ok(Flow::Pause), "with one byte more");
            return Ok(());
        }
        Err(Fault::new(
            "in 20 rounds the buffer never stood at its mark",
        ))
    })
}

/// A tight loop of writes in one callback stops itself.
pub fn tran_22<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (connection, _peer) = narrow_peer(&lp, Probe::new(&Journal::new())).await?;
        let stopped = connection.call(|_, t| {
            let high = t.write_limits().high();
            for _ in 0..10_000 {
                let before = t.write_buffer_size();
                if t.write(&[7; 1000])? == Flow::Pause {
                    return Ok(Some((before <= high, t.write_buffer_size() > high)));
                }
            }
            Ok::<_, WriteError>(None)
        });
        ensure_eq!(
            stopped.await??,
            Some((true, true)),
            "under before and over after the pause"
        );
        Ok(())
    })
}

/// Construction, defaults, and a change while something is buffered.
pub fn tran_23<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        ensure!(WriteLimits::new(10, 11).is_err(), "low over high was taken");
        ensure!(WriteLimits::new(10, 10).is_ok(), "low at high was refused");
        ensure_eq!(
            WriteLimits::with_high(400).low(),
            100,
            "the derived low mark"
        );
        let defaults = (WriteLimits::default().high(), WriteLimits::default().low());
        ensure_eq!(defaults, (64 * 1024, 16 * 1024), "the defaults");
        let mut listener = RawListener::open(&lp)?;
        let options = ConnectOptions::new().write_limits(WriteLimits::with_high(100 * MUCH));
        let journal = Journal::new();
        let probe = Once::new(Probe::new(&journal));
        let connection = lp.connect_with(listener.address, options, probe).await?;
        let _peer = listener.accept().await?;
        let flow = connection
            .call(|_, t| t.write(&pattern(10 * MUCH)))
            .await??;
        ensure_eq!(flow, Flow::Continue, "under a high mark that was set");
        let size = connection
            .call(|_, t| {
                t.set_write_limits(WriteLimits::with_high(1000));
                t.write_buffer_size()
            })
            .await?;
        ensure!(size > 1000, "only {size} bytes were buffered");
        until(&lp, "the pause after the change", || journal.has("pause")).await?;
        let flow = connection.call(|_, t| t.write(b"x")).await??;
        ensure_eq!(flow, Flow::Pause, "over the new mark");
        Ok(())
    })
}
