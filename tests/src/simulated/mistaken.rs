//! Servers with one mistake each, such as people make: the scenarios have to find them.

use polyloop_core::{
    Bytes, CloseReason, Connection, Failure, Loop, OnEof, Protocol, TimerKey, Transport,
};
use std::sync::Arc;

use polyloop_examples::chat::{Hears, Room};
use polyloop_framing::{FrameProtocol, Lines};

/// Answers `resume_writing` in a way of its own, and leaves all else to the protocol
/// inside.
pub struct Resumes<P> {
    inner: P,
    resume: fn(&mut P, &mut dyn Transport) -> Result<(), Failure>,
}

impl<P: Protocol> Resumes<P> {
    /// **A missed resume.** It waits until *all* has been sent before it says that there
    /// is room. But the transport says so once, at the low mark: if some bytes are left
    /// then, nobody ever asks again. Over a loopback that takes everything at once it
    /// always works.
    pub fn only_when_empty(inner: P) -> Self {
        Self {
            inner,
            resume: |inner, transport| {
                if transport.write_buffer_size() > 0 {
                    return Ok(());
                }
                inner.resume_writing(transport)
            },
        }
    }

    /// **A lost wake-up.** It reads on, but forgets what it has read already: requests
    /// that were kept while the replies were too many wait for ever, unless the client
    /// happens to send another one.
    pub fn only_reads_on(inner: P) -> Self {
        Self {
            inner,
            resume: |_, transport| {
                transport.resume_reading();
                Ok(())
            },
        }
    }
}

impl<P: Protocol> Protocol for Resumes<P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.inner.connection_made(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.inner.data_received(transport, data)
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.inner.eof_received(transport)
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.inner.pause_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (self.resume)(&mut self.inner, transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        self.inner.timer_fired(transport, key)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.inner.woken(transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.inner.connection_lost(reason);
    }
}

/// **An unordered broadcast.** A chat that doesn't want to hold up the connection, and so
/// says each line in a task of its own. Nobody promises that tasks run in the order they
/// were spawned in; on the runtimes they mostly do.
pub struct BackgroundChat<L: Loop> {
    lp: L,
    room: Arc<Room<Self>>,
    lines: Lines,
    member: Option<u64>,
}

impl<L: Loop> BackgroundChat<L> {
    /// For somebody who may join `room`.
    pub fn new(lp: L, room: Arc<Room<Self>>) -> Self {
        Self {
            lp,
            room,
            lines: Lines::lf_or_crlf().limit(1024),
            member: None,
        }
    }

    fn line(&mut self, transport: &mut dyn Transport, line: &[u8]) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(line).into_owned();
        let Some(key) = self.member else {
            let address = Connection::of(transport);
            let (key, _) = self.room.join(text.trim(), address).map_err(Failure::new)?;
            self.member = Some(key);
            transport.write(format!("* welcome, {text}\n").as_bytes())?;
            return Ok(());
        };
        let room = self.room.clone();
        // Nobody waits for it.
        drop(self.lp.spawn(async move { room.say(key, &text) }));
        Ok(())
    }
}

impl<L: Loop> Hears for BackgroundChat<L> {
    fn hear(&mut self, transport: &mut dyn Transport, line: &Bytes) -> Result<(), Failure> {
        if !transport.is_closing() {
            transport.write(line)?;
        }
        Ok(())
    }
}

impl<L: Loop> FrameProtocol for BackgroundChat<L> {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        self.line(transport, line)
    }
}
