//! PROD: producers and consumers, on top of the watermarks.

use futures_util::AsyncReadExt;
use polyloop_core::{
    CloseReason, ConnectOptions, Connection, ConnectionLost, Consumer, Failure, ListenOptions,
    Loop, MainLoop, Produced, Protocol, PullProducer, PushProducer, RegisterError, Registration,
    TcpOptions, Transport,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{
    End, Event, Journal, MUCH, Once, RawListener, pattern, quiet, read_all, run, until,
};

/// A protocol that passes its events on to a consumer.
struct Feeder {
    consumer: Consumer,
    journal: Journal,
}

impl Protocol for Feeder {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.journal.push(Event::Data(data.to_vec()));
        Ok(())
    }

    fn pause_writing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.consumer.pause_writing()
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if self.consumer.has_producer() {
            self.journal
                .note(format!("room {}", transport.write_buffer_size()));
        }
        self.consumer.resume_writing(transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.consumer.connection_lost();
        self.journal.push(Event::Lost(reason));
    }
}

/// Notes what it is told; fails if its journal has a note that says so.
struct Pushing(Journal);

impl Pushing {
    fn told(&self, what: &str) -> Result<(), Failure> {
        self.0.note(what);
        if self.0.has(&format!("break {what}")) {
            return Err(Failure::message(format!("a broken {what} valve")));
        }
        Ok(())
    }
}

impl PushProducer for Pushing {
    fn pause_producing(&mut self) -> Result<(), Failure> {
        self.told("pause")
    }

    fn resume_producing(&mut self, _: &mut dyn Transport) -> Result<(), Failure> {
        self.told("resume")
    }

    fn stop_producing(&mut self) {
        self.0.note("stop");
    }
}

/// Gives a text piece by piece.
struct Pulling {
    journal: Journal,
    rest: Vec<u8>,
    piece: usize,
}

impl PullProducer for Pulling {
    fn produce(&mut self, out: &mut Vec<u8>) -> Result<Produced, Failure> {
        self.journal.note("asked");
        if self.journal.has("break") {
            return Err(Failure::message("a broken pump"));
        }
        if self.rest.is_empty() {
            return Ok(Produced::Done);
        }
        let left = self.rest.split_off(self.piece.min(self.rest.len()));
        out.extend(std::mem::replace(&mut self.rest, left));
        Ok(Produced::More)
    }

    fn stop_producing(&mut self) {
        self.journal.note("stop");
    }
}

/// A feeder over a narrow connection, and the bare stream at its other end.
async fn feeder<L: Loop>(lp: &L, journal: &Journal) -> Verdict<(Connection<Feeder>, L::TcpStream)> {
    let narrow = TcpOptions::new()
        .recv_buffer_size(Some(16 * 1024))
        .send_buffer_size(Some(16 * 1024));
    let mut listener = RawListener::open_with(lp, &ListenOptions::new().tcp(narrow.clone()))?;
    let feeder = Feeder {
        consumer: Consumer::new(),
        journal: journal.clone(),
    };
    let options = ConnectOptions::new().tcp(narrow);
    let connection = lp
        .connect_with(listener.address, options, Once::new(feeder))
        .await?;
    Ok((connection, listener.accept().await?))
}

/// Registers and says what came of it.
async fn register(
    connection: &Connection<Feeder>,
    registration: Registration,
) -> Verdict<Result<(), Failure>> {
    Ok(connection
        .call(move |feeder, transport| feeder.consumer.register(transport, registration))
        .await?)
}

fn refused(outcome: &Result<(), Failure>) -> Option<RegisterError> {
    outcome.as_ref().err()?.downcast_ref().copied()
}

/// The second is refused and told to stop; the first is told what follows.
pub fn prod_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (first, second) = (Journal::new(), Journal::new());
        let (connection, _peer) = feeder(&lp, &Journal::new()).await?;
        register(&connection, Registration::push(Pushing(first.clone()))).await??;
        let outcome = register(&connection, Registration::push(Pushing(second.clone()))).await?;
        ensure_eq!(
            refused(&outcome),
            Some(RegisterError::Occupied),
            "the answer"
        );
        ensure_eq!(second.names(), ["stop"], "what the second was told");
        connection.write(vec![0; MUCH])?;
        until(&lp, "a pause", || first.has("pause")).await?;
        ensure_eq!(first.names(), ["pause"], "what the first was told");
        ensure_eq!(second.names(), ["stop"], "what the second was told later");
        Ok(())
    })
}

/// On a closing transport, and on its way to a connection that is lost.
pub fn prod_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (closing, late) = (Journal::new(), Journal::new());
        let (connection, _peer) = feeder(&lp, &Journal::new()).await?;
        let registration = Registration::pull(Pulling {
            journal: closing.clone(),
            rest: vec![1; 10],
            piece: 10,
        });
        let outcome = connection
            .call(move |feeder, transport| {
                transport.close();
                feeder.consumer.register(transport, registration)
            })
            .await?;
        ensure_eq!(refused(&outcome), Some(RegisterError::Closed), "the answer");
        ensure_eq!(closing.names(), ["stop"], "what the producer was told");
        connection.closed().await;
        let registration = Registration::push(Pushing(late.clone()));
        let lost = connection
            .call(move |feeder, transport| feeder.consumer.register(transport, registration))
            .await;
        ensure!(
            lost.is_err_and(|f| f.downcast_ref::<ConnectionLost>().is_some()),
            "the call reached a lost connection"
        );
        ensure_eq!(late.names(), ["stop"], "what the late producer was told");
        Ok(())
    })
}

/// Small pieces, each asked for alone and into an empty buffer; then large ones to a peer
/// that reads late.
pub fn prod_03<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for (length, piece) in [(30_000, 100), (MUCH, 64 * 1024)] {
            let (asked, room) = (Journal::new(), Journal::new());
            let (connection, mut peer) = feeder(&lp, &room).await?;
            let data = pattern(length);
            let registration = Registration::pull(Pulling {
                journal: asked.clone(),
                rest: data.clone(),
                piece,
            });
            let its = asked.clone();
            let at_once = connection
                .call(move |feeder, transport| {
                    feeder.consumer.register(transport, registration)?;
                    let at_once = its.count("asked");
                    feeder.consumer.close(transport);
                    Ok::<_, Failure>(at_once)
                })
                .await??;
            ensure_eq!(at_once, 1, "questions in the registration");
            if length == MUCH {
                // It stops by itself, as nobody reads.
                quiet(&lp).await;
                let before = asked.count("asked");
                quiet(&lp).await;
                ensure!(
                    before < length / piece,
                    "it was asked for all, and nobody reads"
                );
            }
            let (got, end) = read_all(&mut peer).await;
            ensure_eq!(end, End::Eof, "the end");
            ensure!(
                got == data,
                "{} of {length} bytes came, or they differ",
                got.len()
            );
            ensure_eq!(
                asked.count("asked"),
                length.div_ceil(piece) + 1,
                "questions"
            );
            ensure!(
                !asked.has("stop"),
                "it was told to stop, though it was done"
            );
            let rooms = room.names();
            let full = rooms
                .iter()
                .find(|n| n.starts_with("room") && *n != "room 0");
            ensure!(full.is_none(), "it was asked with {full:?} in the buffer");
        }
        Ok(())
    })
}

/// A protocol that is its own producer; then one that is registered: filled and drained three
/// times, and registered while it is full.
pub fn prod_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    super::flow::prod_04(make)?;
    run(make, async |lp| {
        let (told, late) = (Journal::new(), Journal::new());
        let (connection, mut peer) = feeder(&lp, &Journal::new()).await?;
        register(&connection, Registration::push(Pushing(told.clone()))).await??;
        quiet(&lp).await;
        ensure!(told.names().is_empty(), "it began with {:?}", told.names());
        let mut sink = vec![0; MUCH];
        for round in 1..=3 {
            connection.write(vec![0; MUCH])?;
            until(&lp, "a pause", || told.count("pause") == round).await?;
            ensure_eq!(told.count("resume"), round - 1, "resumes while it is full");
            peer.read_exact(&mut sink).await?;
            until(&lp, "a resume", || told.count("resume") == round).await?;
        }
        told.flow_is_paired()?;
        connection.write(vec![0; MUCH])?;
        until(&lp, "a pause", || told.count("pause") == 4).await?;
        let registration = Registration::push(Pushing(late.clone()));
        connection
            .call(move |feeder, transport| {
                feeder.consumer.unregister(transport);
                feeder.consumer.register(transport, registration)
            })
            .await??;
        ensure_eq!(
            late.names(),
            ["pause"],
            "what one is told that comes when it is full"
        );
        peer.read_exact(&mut sink).await?;
        until(&lp, "a resume", || late.has("resume")).await?;
        late.flow_is_paired()?;
        ensure!(
            !told.has("stop"),
            "the one that unregistered was told to stop"
        );
        Ok(())
    })
}

/// Closed by the peer, closed here, aborted, and failed.
pub fn prod_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        for how in ["peer", "close", "abort", "fail"] {
            let journal = Journal::new();
            let (connection, peer) = feeder(&lp, &journal).await?;
            register(&connection, Registration::push(Pushing(journal.clone()))).await??;
            let mut peer = Some(peer);
            match how {
                "peer" => drop(peer.take()),
                "close" => connection.close(),
                "abort" => connection.abort(),
                _ => drop(connection.call(|_, _| panic!("on purpose")).await),
            }
            until(&lp, "the loss", || journal.has("lost")).await?;
            ensure_eq!(
                journal.names(),
                ["stop", "lost"],
                "what happened after {how}"
            );
        }
        Ok(())
    })
}

/// A push producer that was never paused, and a pull producer in the middle.
pub fn prod_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let journal = Journal::new();
        let (connection, mut peer) = feeder(&lp, &journal).await?;
        register(&connection, Registration::push(Pushing(journal.clone()))).await??;
        connection
            .call(|feeder, transport| feeder.consumer.close(transport))
            .await?;
        quiet(&lp).await;
        ensure!(
            !connection.is_lost(),
            "it closed though the producer is registered"
        );
        let data = pattern(MUCH);
        connection.write(data.clone())?;
        connection
            .call(|feeder, transport| feeder.consumer.unregister(transport))
            .await?;
        let (got, end) = read_all(&mut peer).await;
        ensure_eq!(end, End::Eof, "the end");
        ensure!(
            got == data,
            "{} of {MUCH} bytes came, or they differ",
            got.len()
        );
        drop(peer);
        until(&lp, "the loss", || journal.has("lost")).await?;
        ensure!(
            journal.lost().is_some_and(|r| r.is_clean()),
            "it ended as {:?}",
            journal.lost()
        );
        ensure!(
            !journal.has("stop"),
            "one that had unregistered was told to stop"
        );

        let (connection, mut peer) = feeder(&lp, &Journal::new()).await?;
        let pulling = Pulling {
            journal: Journal::new(),
            rest: data.clone(),
            piece: 10_000,
        };
        register(&connection, Registration::pull(pulling)).await??;
        connection
            .call(|feeder, transport| feeder.consumer.close(transport))
            .await?;
        let (got, end) = read_all(&mut peer).await;
        ensure_eq!(end, End::Eof, "the end with a pull producer");
        ensure!(
            got == data,
            "{} of {MUCH} bytes were pulled, or they differ",
            got.len()
        );
        Ok(())
    })
}

/// The protocol's own pair of callbacks, and those of producers.
pub fn prod_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    fn ended_with(journal: &Journal, text: &str) -> Verdict {
        let reason = journal.lost();
        let failure = reason.as_ref().and_then(CloseReason::error);
        ensure!(
            failure.is_some_and(|failure| failure.text() == text),
            "instead of {text:?} it ended as {reason:?}"
        );
        Ok(())
    }
    super::flow::prod_07(make)?;
    run(make, async |lp| {
        for what in ["pause", "resume"] {
            let (journal, told) = (Journal::new(), Journal::new());
            told.note(format!("break {what}"));
            let (connection, mut peer) = feeder(&lp, &journal).await?;
            register(&connection, Registration::push(Pushing(told))).await??;
            connection.write(vec![0; MUCH])?;
            // What the peer sees of it is not at issue.
            let _ = peer.read_exact(&mut vec![0; MUCH]).await;
            until(&lp, "the loss", || journal.has("lost")).await?;
            ended_with(&journal, &format!("a broken {what} valve"))?;
        }
        let (journal, asked) = (Journal::new(), Journal::new());
        let (connection, mut peer) = feeder(&lp, &journal).await?;
        let rest = vec![0; 1 << 20];
        let pulling = Pulling {
            journal: asked.clone(),
            rest,
            piece: 100,
        };
        register(&connection, Registration::pull(pulling)).await??;
        until(&lp, "some questions", || asked.count("asked") > 3).await?;
        asked.note("break");
        let _ = read_all(&mut peer).await;
        until(&lp, "the loss", || journal.has("lost")).await?;
        ended_with(&journal, "a broken pump")
    })
}
