//! TRAN and PROTO: how a protocol is reached, in what order things are done, its timers,
//! and an end with a reason.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    Buffered, BufferedProtocol, CloseReason, Connection, ConnectionLost, Failure, Flow, MainLoop,
    Protocol, ProtocolReplaced, Switchable, TimerKey, Transport, WriteError, WriteLimits,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Journal, MUCH, Once, Probe, RawListener, Reports, dial, listen, pattern, quiet, raw_peer,
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

        // Through the server's list, nobody having asked before.
        let server = listen(&lp, Probe::new(&journal)).await?;
        let _peer = dial(&lp, server.local_addr()).await?;
        until(&lp, "the accepted end", || journal.count("made") == 2).await?;
        let listed = server.connections();
        ensure_eq!(
            listed.first().and_then(Connection::local_addr),
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

/// A protocol that gives its address away.
struct Actor {
    journal: Journal,
    address: Arc<Mutex<Option<Connection<Self>>>>,
}

impl Actor {
    fn tell(&mut self, transport: &mut dyn Transport) {
        *self.address.lock().unwrap() = Some(Connection::of(transport));
    }
}

impl Protocol for Actor {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.tell(transport);
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }

    fn woken(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.note("woken");
        Ok(())
    }
}

impl BufferedProtocol for Actor {
    fn get_buffer(&mut self, _: usize) -> Result<&mut [u8], Failure> {
        Ok(Box::leak(Box::new([0])))
    }

    fn buffer_updated(&mut self, _: &mut dyn Transport, _: usize) -> Result<(), Failure> {
        Ok(())
    }

    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.tell(transport);
        Ok(())
    }

    fn woken(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.journal.note("woken");
        Ok(())
    }
}

/// By its own address, itself and inside of each wrapper; woken once for many wakes, behind
/// what was posted before; and neither when it is closing nor when it is replaced or lost.
pub fn proto_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    async fn is_reached<L: MainLoop, P: Protocol>(
        lp: &L,
        wrap: impl FnOnce(Actor) -> P + Send + 'static,
    ) -> Verdict {
        let journal = Journal::new();
        let address = Arc::new(Mutex::new(None));
        let actor = Actor {
            journal: journal.clone(),
            address: address.clone(),
        };
        let mut listener = RawListener::open(lp)?;
        let outer = lp.connect(listener.address, Once::new(wrap(actor))).await?;
        let _peer = listener.accept().await?;
        let own: Connection<Actor> = address
            .lock()
            .unwrap()
            .take()
            .ok_or_else(|| Fault::new("no address"))?;
        // On the connection's task, so that nothing is read in between.
        let (poster, waker) = (own.clone(), outer.handle());
        outer
            .call(move |_, _| {
                for _ in 0..100 {
                    poster.wake();
                }
                poster.post(|actor, _| {
                    actor.journal.note("posted");
                    Ok(())
                });
                waker.wake();
            })
            .await?;
        until(lp, "the wake", || journal.has("woken")).await?;
        quiet(lp).await;
        ensure_eq!(journal.names(), ["posted", "woken"], "what was told");
        own.wake();
        until(lp, "the next wake", || journal.count("woken") == 2).await?;

        let stranger = outer.call(|_, t| Connection::<String>::of(t)).await?;
        let failed = stranger.call(|_, _| ()).await.err();
        ensure!(
            failed.is_some_and(|failure| failure.downcast_ref::<ProtocolReplaced>().is_some()),
            "a call for a protocol that is not there"
        );
        own.close();
        own.closed().await;
        own.wake();
        quiet(lp).await;
        ensure_eq!(journal.count("woken"), 2, "wakes");
        Ok(())
    }
    run(make, async |lp| {
        is_reached(&lp, |actor| actor).await?;
        is_reached(&lp, |actor| -> Box<dyn Protocol> { Box::new(actor) }).await?;
        is_reached(&lp, Buffered).await?;
        is_reached(&lp, |actor| Switchable::new(|_| actor)).await?;
        is_reached(&lp, |actor| Switchable::new(|_| Box::new(Buffered(actor)))).await?;

        // Not while it is closing, when it could say nothing.
        let journal = Journal::new();
        let (connection, mut peer) = crate::probe::narrow_peer(&lp, Probe::new(&journal)).await?;
        connection.write(pattern(MUCH))?;
        connection.close();
        connection.wake();
        quiet(&lp).await;
        ensure!(!journal.has("woken"), "woken while closing");
        read_all(&mut peer).await;
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
    use polyloop_core::{OnEof, Stream as _};
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

/// From a callback, a handle and a connection; nothing is reported, and the first reason
/// stays.
pub fn proto_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let reports = Reports::of(&lp);
        for way in 0..3 {
            let journal = Journal::new();
            let refused = Arc::new(Mutex::new(None));
            let slot = refused.clone();
            let probe = Probe::new(&journal).data(move |t, _| {
                t.write(b"* bad packet\n")?;
                if way == 0 {
                    t.fail("a bad packet".into());
                    t.fail("too late".into());
                    *slot.lock().unwrap() = Some((t.is_closing(), t.write(b"never")));
                }
                Ok(())
            });
            let (connection, mut peer) = raw_peer(&lp, probe).await?;
            peer.write_all(b"x").await?;
            until(&lp, "the data", || journal.has("data")).await?;
            match way {
                0 => {}
                1 => connection.fail("a bad packet"),
                _ => connection.handle().fail("a bad packet"),
            }
            let (data, end) = read_all(&mut peer).await;
            ensure_eq!(
                (data, end),
                (b"* bad packet\n".to_vec(), End::Eof),
                "what the peer saw"
            );
            drop(peer);
            let reason = connection.closed().await;
            ensure!(
                matches!(&reason, CloseReason::Error(failure) if failure.text() == "a bad packet"),
                "lost as {reason}"
            );
            if way == 0 {
                let refused = refused.lock().unwrap().take();
                let expected = (true, Err(WriteError::Closing));
                ensure_eq!(refused, Some(expected), "behind the failure");
            }
            journal.is_one_whole_life()?;
        }
        ensure!(reports.all().is_empty(), "reported: {:?}", reports.all());
        Ok(())
    })
}

/// Set, moved and cancelled; and what cancelling answers.
pub fn proto_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const FIRST: TimerKey = TimerKey::new("first");
    const LAST: TimerKey = TimerKey::new("last");
    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }
    fn number(n: u64) -> TimerKey {
        TimerKey::numbered("number", n)
    }
    run(make, async |lp| {
        let journal = Journal::new();
        let answers = Arc::new(Mutex::new(Vec::new()));
        let slot = answers.clone();
        let probe = Probe::new(&journal).timer(move |t, key| {
            // What has fired is not there to be cancelled.
            slot.lock().unwrap().push(t.cancel_timer(key));
            Ok(())
        });
        let (connection, _peer) = raw_peer(&lp, probe).await?;
        let before = lp.now();
        let (begun, cancelled) = connection
            .call(|_, t| {
                t.set_timer(LAST, ms(1));
                t.set_timer(number(3), ms(30));
                t.set_timer(number(1), ms(10));
                t.set_timer(number(2), ms(20));
                t.set_timer(number(4), ms(5));
                t.set_timer(FIRST, Duration::ZERO);
                t.set_timer(LAST, ms(40));
                let cancelled = [
                    t.cancel_timer(number(4)),
                    t.cancel_timer(number(4)),
                    t.cancel_timer(number(5)),
                ];
                (t.now(), cancelled)
            })
            .await?;
        ensure!(
            before <= begun && begun <= lp.now(),
            "the transport's clock is not the loop's"
        );
        ensure_eq!(cancelled, [true, false, false], "what cancelling answered");
        until(&lp, "the last timer", || journal.timers().contains(&LAST)).await?;
        ensure!(lp.now() - begun >= ms(40), "a timer was early");
        let expected = [FIRST, number(1), number(2), number(3), LAST];
        ensure_eq!(journal.timers(), expected, "the order");
        ensure_eq!(*answers.lock().unwrap(), [false; 5], "in the callbacks");
        quiet(&lp).await;
        ensure_eq!(journal.count("timer"), 5, "timers");
        Ok(())
    })
}

/// Thirty connections whose protocol fails in one place, and one that fails in another.
pub fn proto_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const PEERS: usize = 30;
    let lp = make();
    let reports = Reports::of(&lp);
    let inner = lp.clone();
    let seen = reports.clone();
    let told = lp.run(async move {
        let lp = inner;
        for _ in 0..PEERS {
            let journal = Journal::new();
            let probe = Probe::new(&journal).made(|_| Err("in one place".into()));
            let server = listen(&lp, probe).await?;
            // The reset may be quicker than the end of the connecting.
            let peer = dial(&lp, server.local_addr()).await;
            until(&lp, "the loss", || journal.has("lost")).await?;
            drop(peer);
            server.close();
        }
        let told = seen.mentioning("in one place");
        let journal = Journal::new();
        let probe = Probe::new(&journal).made(|_| Err("in another".into()));
        let server = listen(&lp, probe).await?;
        let peer = dial(&lp, server.local_addr()).await;
        until(&lp, "the loss", || journal.has("lost")).await?;
        drop(peer);
        server.close();
        ensure_eq!(seen.mentioning("in another"), 1, "reports of another place");
        Ok(told)
    })??;
    ensure!(
        (1..PEERS).contains(&told),
        "{told} of {PEERS} were reported"
    );
    let all = reports.all();
    let left_out = format!("{} times more", PEERS - told);
    ensure!(
        all.iter()
            .any(|report| report.to_string().contains(&left_out)),
        "nobody said that it was {left_out}: {all:?}"
    );
    Ok(())
}

/// A connection that is not read from, so that it learns by writing: each further write is
/// refused, and a large one ends.
pub(crate) async fn writes_to_a_reset_peer_are_refused<L: MainLoop>(lp: &L) -> Verdict {
    use polyloop_core::Stream as _;
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
