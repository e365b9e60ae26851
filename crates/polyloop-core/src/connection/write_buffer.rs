//! What waits to be sent, and the number that makes a small write cheap.

use std::cell::Cell;

/// A larger one is freed instead of kept.
const KEEP: usize = 128 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<WriteBuffer>>> = const { Cell::new(None) };
}

/// Bytes on their way to the system. A connection has one only while there are some.
#[derive(Default)]
pub(super) struct WriteBuffer {
    bytes: Vec<u8>,
    /// How many at the front the system has taken.
    sent: usize,
    /// A write of fewer bytes just goes to the buffer: it fits, leads over no mark, and
    /// nothing forbids it. May be too small, never too large.
    room: usize,
}

impl WriteBuffer {
    /// The thread's spare one, with `data` in it.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "the box is what is lent, and goes back"
    )]
    pub(super) fn with(data: &[u8]) -> Box<Self> {
        let mut buffer = SPARE
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_default();
        buffer.bytes.extend_from_slice(data);
        buffer
    }

    /// Gives it back to the thread once everything is sent.
    pub(super) fn keep(mut self: Box<Self>) {
        self.bytes.clear();
        self.sent = 0;
        self.room = 0;
        if self.bytes.capacity() <= KEEP {
            // On a thread that is ending it is freed.
            let _ = SPARE.try_with(|slot| slot.set(Some(self)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// The system has taken `n` more bytes. True if those were all.
    pub(super) fn advance(&mut self, n: usize) -> bool {
        self.sent += n;
        self.sent >= self.bytes.len()
    }

    /// Appends `data` if that takes no care: the ordinary case of a small write after
    /// another, for which a protocol should pay next to nothing.
    pub(super) fn append_at_once(&mut self, data: &[u8]) -> bool {
        let ordinary = data.len() < self.room;
        if ordinary {
            self.room -= data.len();
            self.bytes.extend_from_slice(data);
        }
        ordinary
    }

    pub(super) fn append(&mut self, data: &[u8]) {
        // Rather than grow, it takes back what was sent, if no more than that is moved.
        if self.bytes.capacity() - self.bytes.len() < data.len() && self.sent >= self.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Lets small writes in again until `high` bytes wait.
    pub(super) fn open_up_to(&mut self, high: usize) {
        let spare = self.bytes.capacity() - self.bytes.len();
        self.room = spare.min(high.saturating_sub(self.len()));
    }

    /// Every write has to be looked at.
    pub(super) fn shut(&mut self) {
        self.room = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::WriteBuffer;

    #[test]
    fn only_what_fits_goes_in_at_once() {
        let mut buffer = WriteBuffer::with(b"0123");
        assert!(!buffer.append_at_once(b""), "it was never opened");
        buffer.bytes.reserve(1000);
        buffer.append(&[b'x'; 100]);
        buffer.open_up_to(110);
        assert!(buffer.append_at_once(b"12345"));
        // One byte is left below the mark, and a write that reaches it may be the last.
        assert!(!buffer.append_at_once(b"6"));
        assert_eq!(buffer.len(), 109);
        buffer.shut();
        assert!(!buffer.append_at_once(b""));
    }

    #[test]
    fn what_was_sent_makes_room_before_the_buffer_grows() {
        let mut buffer = WriteBuffer::default();
        buffer.bytes.reserve_exact(64);
        buffer.append(&[1; 60]);
        assert!(!buffer.advance(50));
        let capacity = buffer.bytes.capacity();
        buffer.append(&[2; 40]);
        assert_eq!(buffer.bytes.capacity(), capacity);
        assert_eq!(buffer.unsent(), [[1; 10].as_slice(), &[2; 40]].concat());
        assert!(buffer.advance(50));
    }

    #[test]
    fn a_kept_buffer_comes_back_empty_and_shut() {
        let mut buffer = WriteBuffer::with(&[1; 100]);
        buffer.open_up_to(1000);
        let capacity = buffer.bytes.capacity();
        buffer.advance(100);
        buffer.keep();
        let mut again = WriteBuffer::with(b"");
        assert_eq!((again.len(), again.bytes.capacity()), (0, capacity));
        assert!(!again.append_at_once(b""));
    }
}
