//! BUF: what wraps a protocol passes each event on.

use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use polyloop_core::{
    Buffered, BufferedProtocol, CloseReason, ConnectOptions, Failure, ListenOptions, Loop,
    MainLoop, OnEof, Protocol, Switchable, TcpOptions, TimerKey, Transport, Upgrade, WriteLimits,
};

use crate::fault::{Verdict, ensure, ensure_eq};
use crate::probe::{Journal, MUCH, Once, Probe, RawListener, pattern, run, until};

const KEY: TimerKey = TimerKey::new("key");

/// A [`Probe`] that owns its buffer.
struct Owning {
    probe: Probe,
    buffer: [u8; 16],
}

impl Owning {
    fn new(probe: Probe) -> Self {
        Self {
            probe,
            buffer: [0; 16],
        }
    }
}

impl BufferedProtocol for Owning {
    fn get_buffer(&mut self, _hint: usize) -> Result<&mut [u8], Failure> {
        Ok(&mut self.buffer)
    }

    fn buffer_updated(&mut self, t: &mut dyn Transport, count: usize) -> Result<(), Failure> {
        self.probe.journal.note("updated");
        self.probe.data_received(t, &self.buffer[..count])
    }

    fn connection_made(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        self.probe.connection_made(t)
    }

    fn eof_received(&mut self, t: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.probe.eof_received(t)
    }

    fn pause_writing(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        self.probe.pause_writing(t)
    }

    fn resume_writing(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        self.probe.resume_writing(t)
    }

    fn reading_resumed(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        self.probe.reading_resumed(t)
    }

    fn timer_fired(&mut self, t: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        self.probe.timer_fired(t, key)
    }

    fn went_idle(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        self.probe.went_idle(t)
    }

    fn woken(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        Protocol::woken(&mut self.probe, t)
    }

    fn upgraded(&mut self, t: &mut dyn Transport) -> Result<(), Failure> {
        Protocol::upgraded(&mut self.probe, t)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.probe.connection_lost(reason);
    }
}

/// A whole life, and an error out of each callback that may fail.
async fn passes<L, P>(lp: &L, what: &str, owns: bool, wrap: impl Fn(Probe) -> P) -> Verdict
where
    L: Loop,
    P: Protocol,
{
    let journal = Journal::new();
    let protocol = wrap(
        Probe::new(&journal)
            .eof(|_| Ok(OnEof::KeepOpen))
            .idle(|_| Ok(())),
    );
    let (connection, mut peer) = connected(lp, protocol).await?;
    peer.write_all(b"hello").await?;
    connection
        .call(|_, t| {
            t.set_write_limits(WriteLimits::with_high(1));
            t.set_timer(KEY, Duration::ZERO);
            t.set_idle_limit(Some(Duration::ZERO));
            t.pause_reading();
            t.resume_reading();
            t.write(&pattern(MUCH)).map(drop)
        })
        .await??;
    connection.wake();
    let upgrade = Upgrade::new(lp, ());
    connection
        .call(move |_, t| t.upgrade(&upgrade, b""))
        .await??;
    until(lp, "the pause", || journal.has("pause")).await?;
    peer.read_exact(&mut vec![0; MUCH]).await?;
    let rest = [
        "made", "data", "resume", "resumed", "timer", "idle", "woken", "upgraded",
    ];
    until(lp, "each event of a life", || {
        rest.iter().all(|name| journal.has(name))
    })
    .await?;
    ensure_eq!(journal.data(), b"hello", "what {what} passed on");
    ensure_eq!(journal.timers(), [KEY], "the timer that {what} passed on");
    ensure_eq!(journal.has("updated"), owns, "whether {what} has a buffer");
    peer.close().await?;
    until(lp, "the end of the stream", || journal.has("eof")).await?;
    ensure!(!journal.has("lost"), "{what} did not pass the answer on");
    connection.close();
    until(lp, "the loss", || journal.has("lost")).await?;

    let wrong = |_: &mut dyn Transport| Err::<(), _>(Failure::message("on purpose"));
    let failing: [(&str, Fail); 7] = [
        ("pause", |probe, wrong| probe.pause(wrong)),
        ("resume", |probe, wrong| probe.resume(wrong)),
        ("resumed", |probe, wrong| probe.resumed(wrong)),
        ("timer", |probe, wrong| probe.timer(move |t, _| wrong(t))),
        ("idle", |probe, wrong| probe.idle(wrong)),
        ("woken", |probe, wrong| probe.woken(wrong)),
        ("upgraded", |probe, wrong| probe.upgraded(wrong)),
    ];
    for (name, fail) in failing {
        let journal = Journal::new();
        let protocol = wrap(fail(Probe::new(&journal), wrong));
        let (connection, mut peer) = connected(lp, protocol).await?;
        let upgrade = Upgrade::new(lp, ());
        let told = connection
            .call(move |_, t| match name {
                "timer" => t.set_timer(KEY, Duration::ZERO),
                "resumed" => {
                    t.pause_reading();
                    t.resume_reading();
                }
                "idle" => drop(t.set_idle_limit(Some(Duration::ZERO))),
                "woken" => t.handle().wake(),
                "upgraded" => drop(t.upgrade(&upgrade, b"")),
                _ => {
                    t.set_write_limits(WriteLimits::with_high(1));
                    let _ = t.write(&pattern(MUCH));
                }
            })
            .await;
        // The connection may be over before it answers.
        drop(told);
        if name == "resume" {
            let _ = peer.read_exact(&mut vec![0; MUCH]).await;
        }
        until(lp, "the loss", || journal.has("lost")).await?;
        let reason = journal.lost();
        ensure!(
            reason
                .as_ref()
                .and_then(CloseReason::error)
                .is_some_and(|failure| failure.text() == "on purpose"),
            "{what}, whose {name} failed, ended with {reason:?}"
        );
    }
    Ok(())
}

type Wrong = fn(&mut dyn Transport) -> Result<(), Failure>;
/// Gives a probe's callback something wrong to do.
type Fail = fn(Probe, Wrong) -> Probe;

/// The protocol's connection, with small buffers in the system, and its peer.
async fn connected<L: Loop, P: Protocol>(
    lp: &L,
    protocol: P,
) -> Verdict<(polyloop_core::Connection<P>, L::TcpStream)> {
    let narrow = TcpOptions::new()
        .recv_buffer_size(Some(128 * 1024))
        .send_buffer_size(Some(128 * 1024));
    let mut listener = RawListener::open_with(lp, &ListenOptions::new().tcp(narrow.clone()))?;
    let options = ConnectOptions::new().tcp(narrow);
    let connection = lp
        .connect_with(listener.address, options, Once::new(protocol))
        .await?;
    Ok((connection, listener.accept().await?))
}

/// Boxed, replaceable, with a buffer of its own, and two of these at once.
pub fn buf_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        passes(&lp, "nothing around it", false, |probe| probe).await?;
        passes(&lp, "a box", false, Box::new).await?;
        passes(&lp, "a switchable", false, |probe| {
            Switchable::new(|_| probe)
        })
        .await?;
        passes(&lp, "a buffered one", true, |probe| {
            Buffered(Owning::new(probe))
        })
        .await?;
        passes(&lp, "a boxed buffered one", true, |probe| {
            Box::new(Buffered(Owning::new(probe)))
        })
        .await?;
        passes(&lp, "a switchable buffered one", true, |probe| {
            Switchable::new(|_| Buffered(Owning::new(probe)))
        })
        .await
    })
}
