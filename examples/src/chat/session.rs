//! One person's connection.

use std::sync::Arc;

use polyloop_core::{
    Bytes, CloseReason, Connection, Failure, Flow, OnEof, Protocol, Transport, WriteLimits,
};

use super::ChatOptions;
use super::lines::Lines;
use super::room::{Hears, Room};

/// The server's side of one person's connection.
#[derive(Debug)]
pub struct ChatSession {
    room: Arc<Room<Self>>,
    options: ChatOptions,
    lines: Lines,
    /// The key in the room, once they have a name.
    member: Option<u64>,
}

impl ChatSession {
    /// For somebody who may join `room`.
    pub fn new(room: Arc<Room<Self>>, options: ChatOptions) -> Self {
        Self {
            room,
            options,
            lines: Lines::new(options.line_limit),
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

impl Protocol for ChatSession {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        // Somebody slow is known by this mark; see `hear`.
        transport.set_write_limits(WriteLimits::with_high(self.options.queue_limit));
        transport.write(b"* what is your name?\n")?;
        Ok(())
    }

    fn data_received(
        &mut self,
        transport: &mut dyn Transport,
        mut data: &[u8],
    ) -> Result<(), Failure> {
        loop {
            match self.lines.next(&mut data) {
                Ok(Some(line)) => self.line(transport, &line)?,
                Ok(None) => break,
                Err(error) => {
                    transport.write(format!("* error: {error}\n").as_bytes())?;
                    // Everybody may do so at any time: it is no news for a log.
                    transport.fail(Failure::new(error));
                    return Ok(());
                }
            }
        }
        // One who talks without end must not fill the queues of the others before they
        // have had their turn to empty them. So after each read the loop goes round
        // once: it wakes itself, and is woken in a turn of its own.
        transport.pause_reading();
        transport.handle().wake();
        Ok(())
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.resume_reading();
        Ok(())
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        if let Some(line) = self.lines.finish() {
            self.line(transport, &line)?;
        }
        Ok(OnEof::Close)
    }

    fn connection_lost(&mut self, _reason: CloseReason) {
        if let Some(key) = self.member.take() {
            self.room.leave(key, "has left");
        }
    }
}
