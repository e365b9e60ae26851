//! TRAN: pausing reading, addresses and options, and changing the protocol.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{MainLoop, Protocol, TimerKey, TransportHandle};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    Journal, Once, Probe, RawListener, listen, pair, pattern, quiet, raw_peer, run, until,
};

const KEY: TimerKey = TimerKey::new("key");

/// A hundred kilobytes against a pause; pauses and resumes repeated; and a resume
/// that comes after a close.
pub fn tran_24<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        connection
            .call(|_, t| {
                t.pause_reading();
                t.pause_reading();
            })
            .await?;
        peer.write_all(&pattern(50_000)).await?;
        quiet(&lp).await;
        ensure_eq!(journal.data_len(), 0, "bytes delivered against the pause");
        connection
            .call(|_, t| {
                t.resume_reading();
                t.resume_reading();
            })
            .await?;
        until(&lp, "what was held", || journal.data_len() >= 50_000).await?;
        ensure!(journal.data() == pattern(50_000), "the bytes differ");
        connection.call(|_, t| t.pause_reading()).await?;
        peer.write_all(b"too late").await?;
        quiet(&lp).await;
        connection
            .call(|_, t| {
                t.close();
                t.resume_reading();
            })
            .await?;
        connection.closed().await;
        ensure_eq!(
            journal.data_len(),
            50_000,
            "bytes after a resume while closing"
        );
        Ok(())
    })
}

/// The first bytes are there before the protocol is.
pub fn tran_25<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let probe = Probe::new(&journal).made(|t| {
            t.pause_reading();
            Ok(())
        });
        let server = listen(&lp, probe).await?;
        let mut peer = crate::probe::dial(&lp, server.local_addr()).await?;
        peer.write_all(b"first").await?;
        until(&lp, "the connection", || journal.has("made")).await?;
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["made"], "events against the pause");
        let connection = server.connections().pop();
        let connection = connection.ok_or_else(|| Fault::new("the server has no connection"))?;
        connection.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the first data", || journal.data() == b"first").await
    })
}

/// Data and the end arrive during a pause.
pub fn tran_26<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let probe = Probe::new(&journal).made(|t| {
            t.pause_reading();
            Ok(())
        });
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        peer.write_all(b"last words").await?;
        drop(peer);
        quiet(&lp).await;
        ensure_eq!(journal.names(), ["made"], "events against the pause");
        connection.call(|_, t| t.resume_reading()).await?;
        connection.closed().await;
        ensure_eq!(journal.data(), b"last words", "the data");
        journal.is_one_whole_life()?;
        ensure!(
            journal.lost().is_some_and(|r| r.is_clean()),
            "lost as {:?}",
            journal.lost()
        );
        Ok(())
    })
}

/// At both ends.
pub fn tran_27<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, accepted) = (Journal::new(), Arc::new(Mutex::new(None)));
        let noted = accepted.clone();
        let server = Probe::new(&journal).made(move |t| {
            *noted.lock().unwrap() = t.nodelay().ok();
            Ok(())
        });
        let both = pair(&lp, server, Probe::new(&Journal::new())).await?;
        let dialled = both.client.call(|_, t| t.nodelay()).await??;
        ensure!(dialled, "off for a dialled connection");
        until(&lp, "the accepted end", || journal.has("made")).await?;
        until(&lp, "its answer", || accepted.lock().unwrap().is_some()).await?;
        ensure_eq!(
            *accepted.lock().unwrap(),
            Some(true),
            "for an accepted connection"
        );
        Ok(())
    })
}

/// Off, on, and off again.
pub fn tran_28<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (connection, _peer) = raw_peer(&lp, Probe::new(&Journal::new())).await?;
        let seen = connection.call(|_, t| {
            let mut seen = vec![t.keepalive()?];
            for on in [false, true, false] {
                t.set_nodelay(on)?;
                seen.push(t.nodelay()?);
                t.set_keepalive(on)?;
                seen.push(t.keepalive()?);
            }
            Ok::<_, std::io::Error>(seen)
        });
        let expected = [false, false, false, true, true, false, false];
        ensure_eq!(seen.await??, expected, "what was read back");
        Ok(())
    })
}

/// Seen from both ends, from callbacks and from outside.
pub fn tran_29<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, accepted) = (Journal::new(), Arc::new(Mutex::new(None)));
        let noted = accepted.clone();
        let server = Probe::new(&journal).made(move |t| {
            *noted.lock().unwrap() = Some((t.local_addr(), t.peer_addr()));
            Ok(())
        });
        let both = pair(&lp, server, Probe::new(&Journal::new())).await?;
        until(&lp, "the accepted end", || {
            accepted.lock().unwrap().is_some()
        })
        .await?;
        let client = &both.client;
        let inside = client.call(|_, t| (t.local_addr(), t.peer_addr())).await?;
        ensure_eq!(
            inside,
            (client.local_addr(), client.peer_addr()),
            "inside and outside"
        );
        let (local, peer) = inside;
        ensure_eq!(peer, both.server.local_addr(), "the client's peer");
        ensure_eq!(
            *accepted.lock().unwrap(),
            local.map(|local| (Some(peer), local)),
            "the server's two addresses"
        );
        Ok(())
    })
}

/// By a connection, and by a handle that was taken in a callback.
pub fn tran_30<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (journal, taken) = (
            Journal::new(),
            Arc::new(Mutex::new(None::<TransportHandle>)),
        );
        let slot = taken.clone();
        let server = Probe::new(&journal).made(move |t| {
            *slot.lock().unwrap() = Some(t.handle());
            Ok(())
        });
        let both = pair(&lp, server, Probe::new(&Journal::new())).await?;
        until(&lp, "the accepted end", || taken.lock().unwrap().is_some()).await?;
        both.client.abort();
        both.client.closed().await;
        until(&lp, "the other loss", || journal.has("lost")).await?;
        let handle = taken
            .lock()
            .unwrap()
            .take()
            .ok_or_else(|| Fault::new("no handle"))?;
        let listening = both.server.local_addr();
        ensure_eq!(both.client.peer_addr(), listening, "the client's peer");
        ensure_eq!(
            both.client.local_addr(),
            Some(handle.peer_addr()),
            "the client's own"
        );
        ensure_eq!(handle.local_addr(), Some(listening), "the server's own");
        Ok(())
    })
}

/// A boxed protocol is replaced by another while data goes on.
pub fn tran_32<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (first, second) = (Journal::new(), Journal::new());
        let mut listener = RawListener::open(&lp)?;
        let boxed: Box<dyn Protocol> = Box::new(Probe::new(&first));
        let connection = lp.connect(listener.address, Once::new(boxed)).await?;
        let mut peer = listener.accept().await?;
        peer.write_all(b"one").await?;
        until(&lp, "data for the first", || first.data() == b"one").await?;
        let next: Box<dyn Protocol> = Box::new(Probe::new(&second));
        connection.call(move |protocol, _| *protocol = next).await?;
        peer.write_all(b"two").await?;
        until(&lp, "data for the second", || second.data() == b"two").await?;
        drop(peer);
        connection.closed().await;
        // How the bytes are cut says nothing.
        let told = |journal: &Journal| {
            let mut names = journal.names();
            names.dedup();
            names
        };
        ensure_eq!(told(&first), ["made", "data"], "what the first saw");
        ensure_eq!(
            told(&second),
            ["data", "eof", "lost"],
            "what the second saw"
        );
        Ok(())
    })
}

/// From outside, from a timer, after the peer's end; one that pauses again there gets nothing.
pub fn proto_19<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let mut again = true;
        let probe = Probe::new(&journal)
            .timer(|t, _| {
                t.resume_reading();
                Ok(())
            })
            .resumed(move |t| {
                if std::mem::take(&mut again) {
                    t.pause_reading();
                }
                Ok(())
            });
        let (connection, mut peer) = raw_peer(&lp, probe).await?;
        // Nothing was paused.
        connection.call(|_, t| t.resume_reading()).await?;
        connection.call(|_, t| t.pause_reading()).await?;
        peer.write_all(b"held").await?;
        quiet(&lp).await;
        connection.call(|_, t| t.resume_reading()).await?;
        until(&lp, "the first", || journal.has("resumed")).await?;
        quiet(&lp).await;
        let paused = connection.call(|_, t| t.is_reading_paused()).await?;
        ensure!(paused, "a pause in the callback did not count");
        ensure_eq!(journal.names(), ["made", "resumed"], "while paused again");
        peer.close().await?;
        quiet(&lp).await;
        connection
            .call(|_, t| t.set_timer(KEY, Duration::ZERO))
            .await?;
        until(&lp, "the end", || journal.has("eof")).await?;
        let expected = ["made", "resumed", "timer", "resumed", "data", "eof"];
        let mut names = journal.names();
        // However the data is cut.
        names.dedup();
        ensure_eq!(names[..6], expected, "from a timer");

        // On its way out there is nothing to come.
        let journal = Journal::new();
        let (connection, _peer) = raw_peer(&lp, Probe::new(&journal)).await?;
        connection
            .call(|_, t| {
                t.pause_reading();
                t.close();
                t.resume_reading();
            })
            .await?;
        connection.closed().await;
        ensure_eq!(journal.names(), ["made", "lost"], "while it closed");
        Ok(())
    })
}
