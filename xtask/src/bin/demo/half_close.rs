//! Half close: the client sends, ends its side, and still gets the answer, which the
//! server can only know after the end of the stream.

use std::time::Duration;

use polyloop_core::{CloseReason, Failure, Flow, OnEof, Protocol, TimerKey, Transport};

use crate::checksum::Checksum;
use crate::witness::Witness;

/// How much the client sends.
pub(crate) const BYTES: usize = 1024 * 1024 + 1;

/// How long after the end of the stream the answer comes: long enough that a loop
/// that closes a half-closed connection is found out.
const ANSWER_AFTER: Duration = Duration::from_millis(20);

fn summary(received: Checksum) -> String {
    format!("you sent {received}\n")
}

/// Reads to the end of the stream, then says what it got.
pub(crate) struct Summarizer {
    witness: Witness,
}

impl Summarizer {
    pub(crate) fn new(witness: Witness) -> Self {
        Self { witness }
    }
}

impl Protocol for Summarizer {
    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        Ok(())
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        transport.set_timer(TimerKey::new("answer"), ANSWER_AFTER);
        Ok(OnEof::KeepOpen)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, _: TimerKey) -> Result<(), Failure> {
        let answer = summary(self.witness.received_so_far());
        self.witness.write(transport, answer.as_bytes())?;
        transport.close();
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}

/// Sends, ends its side, and checks the answer.
pub(crate) struct Sender {
    witness: Witness,
    content: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
}

impl Sender {
    pub(crate) fn new(witness: Witness, seed: u64) -> Self {
        let mut content = vec![0; BYTES];
        fastrand::Rng::with_seed(seed).fill(&mut content);
        Self {
            witness,
            content,
            sent: 0,
            answer: Vec::new(),
        }
    }
}

impl Protocol for Sender {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.resume_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        while let Some(piece) = self.content[self.sent..].chunks(10_000).next() {
            self.sent += piece.len();
            if self.witness.write(transport, piece)? == Flow::Pause {
                return Ok(());
            }
        }
        transport.write_eof()?;
        Ok(())
    }

    fn data_received(&mut self, _: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        self.answer.extend_from_slice(data);
        Ok(())
    }

    fn eof_received(&mut self, _: &mut dyn Transport) -> Result<OnEof, Failure> {
        let expected = summary(Checksum::of(&self.content));
        if self.answer == expected.as_bytes() {
            return Ok(OnEof::Close);
        }
        Err(Failure::message(format!(
            "the server's answer was {:?}, expected {expected:?}",
            String::from_utf8_lossy(&self.answer)
        )))
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}
