//! PROTO: how a protocol is reached, its timers, an end with a reason, and reports.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::AsyncWriteExt;
use polyloop_core::{
    Buffered, BufferedProtocol, CloseReason, Connection, Failure, MainLoop, Protocol,
    ProtocolReplaced, Switchable, TimerKey, Transport, WriteError,
};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Journal, MUCH, Once, Probe, RawListener, Reports, dial, listen, pattern, quiet, raw_peer,
    read_all, run, until,
};

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
    let texts = [
        FIRST.to_string(),
        number(1).to_string(),
        number(2).to_string(),
    ];
    ensure_eq!(
        texts,
        ["first", "number 1", "number 2"],
        "how keys are shown"
    );
    ensure_eq!(
        (FIRST.name(), FIRST.number()),
        ("first", 0),
        "a key's parts"
    );
    ensure_eq!(
        (number(2).name(), number(2).number()),
        ("number", 2),
        "and another's"
    );
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
                t.set_timer(number(6), ms(20));
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
        let expected = [FIRST, number(1), number(2), number(6), number(3), LAST];
        ensure_eq!(journal.timers(), expected, "the order");
        ensure_eq!(*answers.lock().unwrap(), [false; 6], "in the callbacks");
        quiet(&lp).await;
        ensure_eq!(journal.count("timer"), 6, "timers");
        Ok(())
    })
}

/// Where the protocols of the next check fail.
fn in_one_place() -> Failure {
    "in one place".into()
}

/// Fails where others do, too.
struct Another;

impl Protocol for Another {
    fn connection_made(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        Err(in_one_place())
    }

    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// Thirty connections whose protocol fails in one place, one that fails in another, and one
/// of another protocol, in the same.
pub fn proto_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    const PEERS: usize = 30;
    let lp = make();
    let reports = Reports::of(&lp);
    let inner = lp.clone();
    let seen = reports.clone();
    let told = lp.run(async move {
        let lp = inner;
        let failing = async |failure: fn() -> Failure| {
            let journal = Journal::new();
            let probe = Probe::new(&journal).made(move |_| Err(failure()));
            let server = listen(&lp, probe).await?;
            // The reset may be quicker than the end of the connecting.
            let peer = dial(&lp, server.local_addr()).await;
            until(&lp, "the loss", || journal.has("lost")).await?;
            drop(peer);
            server.close();
            Ok::<_, Fault>(())
        };
        for _ in 0..PEERS {
            failing(in_one_place).await?;
        }
        let told = seen.mentioning("in one place");
        failing(|| "in another".into()).await?;
        ensure_eq!(seen.mentioning("in another"), 1, "reports of another place");
        let server = lp.serve("127.0.0.1:0", || Another).await?;
        let peer = dial(&lp, server.local_addr()).await;
        let both = || seen.mentioning("in one place") == told + 1;
        until(&lp, "the report of another protocol", both).await?;
        drop(peer);
        server.close();
        Ok::<_, Fault>(told)
    })??;
    ensure!(
        (2..=PEERS / 2).contains(&told),
        "{told} of {PEERS} were reported"
    );
    let all = reports.all();
    let left_out = format!("{} times more", PEERS - told);
    let counts = all
        .iter()
        .map(ToString::to_string)
        .filter(|report| report.contains("times more"));
    let counts: Vec<_> = counts.collect();
    ensure!(
        counts.len() == 1 && counts[0].contains(&left_out),
        "it was {left_out}, and told is {counts:?}"
    );
    Ok(())
}
