//! Lines: the client sends many short lines, one write each; the server sends each
//! back; the client checks that they return unchanged and in order.

use polyloop_core::{CloseReason, Failure, Flow, Protocol, Transport};

use crate::witness::Witness;

/// The lines that a seed determines.
struct Lines {
    content: fastrand::Rng,
    next: u64,
    count: u64,
}

impl Lines {
    fn new(count: u64, seed: u64) -> Self {
        Self {
            content: fastrand::Rng::with_seed(seed),
            next: 0,
            count,
        }
    }
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.next == self.count {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let word = self.content.u64(..) >> self.content.u32(0..64);
        Some(format!("{number} {word:x}\n"))
    }
}

/// Puts together the lines of a stream, however it is cut.
#[derive(Default)]
struct LineReader {
    partial: Vec<u8>,
}

impl LineReader {
    /// Calls `f` with each line that is complete, its end included.
    fn read<E>(&mut self, data: &[u8], mut f: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            if !piece.ends_with(b"\n") {
                self.partial.extend_from_slice(piece);
            } else if self.partial.is_empty() {
                f(piece)?;
            } else {
                self.partial.extend_from_slice(piece);
                f(&self.partial)?;
                self.partial.clear();
            }
        }
        Ok(())
    }
}

/// Sends every line back, and reads no more than it can send.
pub(crate) struct LineEcho {
    witness: Witness,
    reader: LineReader,
}

impl LineEcho {
    pub(crate) fn new(witness: Witness) -> Self {
        Self {
            witness,
            reader: LineReader::default(),
        }
    }
}

impl Protocol for LineEcho {
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        self.reader
            .read(data, |line| self.witness.write(transport, line).map(drop))
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.pause_reading();
        Ok(())
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        transport.resume_reading();
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}

/// Sends the lines, checks what comes back, and closes after the last.
pub(crate) struct LineClient {
    witness: Witness,
    to_send: Lines,
    expected: Lines,
    reader: LineReader,
}

impl LineClient {
    pub(crate) fn new(witness: Witness, count: u64, seed: u64) -> Self {
        Self {
            witness,
            to_send: Lines::new(count, seed),
            expected: Lines::new(count, seed),
            reader: LineReader::default(),
        }
    }
}

impl Protocol for LineClient {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.resume_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        for line in self.to_send.by_ref() {
            if self.witness.write(transport, line.as_bytes())? == Flow::Pause {
                break;
            }
        }
        Ok(())
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.witness.received(data);
        self.reader.read(data, |line| match self.expected.next() {
            Some(expected) if expected.as_bytes() == line => Ok(()),
            expected => Err(Failure::message(format!(
                "the line {:?} came back where {expected:?} was expected",
                String::from_utf8_lossy(line)
            ))),
        })?;
        if self.expected.next == self.expected.count {
            transport.close();
        }
        Ok(())
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.witness.lost(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::{LineReader, Lines};

    #[test]
    fn lines_are_put_together() {
        let mut reader = LineReader::default();
        let mut lines = Vec::new();
        for piece in ["a", "b\nc", "\n\n", "d\ne"] {
            reader
                .read(piece.as_bytes(), |line| {
                    lines.push(String::from_utf8(line.to_vec())?);
                    Ok::<(), std::string::FromUtf8Error>(())
                })
                .unwrap();
        }
        assert_eq!(lines, ["ab\n", "c\n", "\n", "d\n"]);
    }

    #[test]
    fn the_seed_determines_the_lines() {
        let lines = |seed| Lines::new(50, seed).collect::<Vec<_>>();
        assert_eq!(lines(3), lines(3));
        assert_ne!(lines(3), lines(4));
        assert_eq!(lines(3).len(), 50);
    }
}
