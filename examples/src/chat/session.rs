//! One person's connection.

use std::sync::Arc;

use polyloop_core::{Bytes, CloseReason, Connection, Failure, Flow, Transport, WriteLimits};
use polyloop_framing::{FrameProtocol, Lines};

use super::ChatOptions;
use super::room::{Hears, Room};

/// Lines that one person says before the others have their turn.
const AT_ONCE: usize = 32;

/// The server's side of one person's connection.
#[derive(Debug)]
pub struct ChatSession {
    room: Arc<Room<Self>>,
    options: ChatOptions,
    lines: Lines,
    /// Lines since the others had their turn.
    in_a_row: usize,
    /// The key in the room, once they have a name.
    member: Option<u64>,
}

impl ChatSession {
    /// For somebody who may join `room`.
    pub fn new(room: Arc<Room<Self>>, options: ChatOptions) -> Self {
        Self {
            room,
            options,
            lines: Lines::lf_or_crlf().limit(options.line_limit),
            in_a_row: 0,
            member: None,
        }
    }

    fn line(&mut self, transport: &mut dyn Transport, line: &[u8]) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        let Some(key) = self.member else {
            return self.join(transport, text);
        };
        if !text.is_empty() {
            // Nobody's terminal obeys somebody else.
            let visible: String = text.chars().filter(|c| !c.is_control()).collect();
            self.room.say(key, &visible);
        }
        Ok(())
    }

    fn join(&mut self, transport: &mut dyn Transport, name: &str) -> Result<(), Failure> {
        match self.room.join(name, Connection::of(transport)) {
            Ok((key, others)) => {
                self.member = Some(key);
                let others = match others.len() {
                    0 => "nobody else".to_owned(),
                    _ => others.join(", "),
                };
                // What the room sends is done when this has returned, and so comes behind.
                transport.write(format!("* welcome, {name}; here: {others}\n").as_bytes())?;
            }
            Err(error) => {
                transport.write(format!("* error: {error}\n").as_bytes())?;
            }
        }
        Ok(())
    }
}

impl Hears for ChatSession {
    fn hear(&mut self, transport: &mut dyn Transport, line: &Bytes) -> Result<(), Failure> {
        // The high mark is the limit of what may wait for this person. Who ends already
        // hears nothing more.
        if transport.is_closing() || transport.write(line)? == Flow::Continue {
            return Ok(());
        }
        if let Some(key) = self.member.take() {
            self.room.leave(key, "was dropped: too slow");
        }
        // Closing would first send all that they do not read.
        transport.abort();
        Ok(())
    }
}

impl FrameProtocol for ChatSession {
    type Codec = Lines;

    fn codec(&mut self) -> &mut Lines {
        &mut self.lines
    }

    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        // Somebody slow is known by this mark; see `hear`.
        transport.set_write_limits(WriteLimits::with_high(self.options.queue_limit));
        transport.write(b"* what is your name?\n")?;
        Ok(())
    }

    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        self.line(transport, line)?;
        // One who talks without end must not fill the queues of the others before they
        // have had their turn to empty them. So the loop goes round in between: the session
        // wakes itself, and is woken in a turn of its own.
        self.in_a_row += 1;
        if self.in_a_row == AT_ONCE {
            transport.pause_reading();
            transport.handle().wake();
        }
        Ok(())
    }

    fn frame_refused(
        &mut self,
        transport: &mut dyn Transport,
        failure: Failure,
        _: &[u8],
    ) -> Result<(), Failure> {
        transport.write(format!("* error: {}\n", failure.text()).as_bytes())?;
        // Everybody may do so at any time: it is no news for a log.
        transport.fail(failure);
        Ok(())
    }

    /// The last line needs no end.
    fn frame_unfinished(
        &mut self,
        transport: &mut dyn Transport,
        line: &[u8],
    ) -> Result<(), Failure> {
        self.line(transport, line)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.in_a_row = 0;
        transport.resume_reading();
        Ok(())
    }

    fn connection_lost(&mut self, _reason: CloseReason) {
        if let Some(key) = self.member.take() {
            self.room.leave(key, "has left");
        }
    }
}
