//! What waits to be sent, and the number that makes a small write cheap. It is lent per
//! thread, so that an idle connection holds none.

use std::cell::Cell;

use crate::sync::primitive::thread_local;

/// A larger one is freed instead of kept.
const KEEP: usize = 128 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<WriteBuffer>>> = const { Cell::new(None) };
}

/// Bytes on their way to the system. A connection has one only while there are some.
#[derive(Default)]
pub(super) struct WriteBuffer {
    /// With room behind what waits, which a write only has to copy into.
    bytes: Vec<u8>,
    /// What waits is from here …
    start: usize,
    /// … to here.
    end: usize,
    /// A write that ends before this place just goes to the buffer: it leads over no
    /// mark, and nothing forbids it. May be too small, never too large.
    free_to: usize,
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
        buffer.append(data);
        buffer
    }

    /// Gives it back to the thread once everything is sent.
    pub(super) fn keep(mut self: Box<Self>) {
        self.start = 0;
        self.end = 0;
        self.free_to = 0;
        if self.bytes.capacity() <= KEEP {
            // On a thread that is ending it is freed.
            let _ = SPARE.try_with(|slot| slot.set(Some(self)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The system has taken `n` more bytes. True if those were all.
    pub(super) fn advance(&mut self, n: usize) -> bool {
        self.start += n;
        self.start >= self.end
    }

    /// Appends `data` if that takes no care: the ordinary case of a small write after
    /// another, for which a protocol should pay next to nothing.
    #[inline]
    pub(super) fn append_at_once(&mut self, data: &[u8]) -> bool {
        let end = self.end + data.len();
        if end < self.free_to
            && let Some(room) = self.bytes.get_mut(self.end..end)
        {
            self.end = end;
            room.copy_from_slice(data);
            return true;
        }
        false
    }

    /// The same for several parts: all of them or, if together they take care, none.
    #[inline]
    pub(super) fn append_all_at_once(&mut self, parts: &[&[u8]]) -> bool {
        // One pass: what was copied behind the end counts for nothing until the end moves.
        let mut end = self.end;
        for part in parts {
            let next = end + part.len();
            match self.bytes.get_mut(end..next) {
                Some(room) if next < self.free_to => room.copy_from_slice(part),
                _ => return false,
            }
            end = next;
        }
        self.end = end;
        true
    }

    /// Appends `data`; every write has to be looked at until the buffer is opened again.
    pub(super) fn append(&mut self, data: &[u8]) {
        self.shut();
        // Rather than grow, it takes back what was sent, if no more than that is moved.
        if self.bytes.len() - self.end < data.len() && self.start >= self.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let end = self.end + data.len();
        if let Some(room) = self.bytes.get_mut(self.end..end) {
            room.copy_from_slice(data);
        } else {
            self.bytes.truncate(self.end);
            self.bytes.extend_from_slice(data);
        }
        self.end = end;
    }

    /// Lets small writes in again until `high` bytes wait.
    pub(super) fn open_up_to(&mut self, high: usize) {
        self.bytes.resize(self.bytes.capacity(), 0);
        self.free_to = self.start.saturating_add(high);
    }

    /// Every write has to be looked at.
    pub(super) fn shut(&mut self) {
        self.free_to = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::WriteBuffer;

    #[test]
    fn only_what_leads_to_no_mark_goes_in_at_once() {
        let mut buffer = WriteBuffer::default();
        buffer.bytes.reserve(1000);
        assert!(!buffer.append_at_once(b""), "it was never opened");
        buffer.append(&[b'x'; 104]);
        buffer.open_up_to(110);
        assert!(buffer.append_at_once(b"12345"));
        // One byte is left below the mark, and the write that reaches it is looked at.
        assert!(!buffer.append_at_once(b"6"));
        assert_eq!(buffer.len(), 109);
        assert!(buffer.unsent().ends_with(b"x12345"));
        buffer.shut();
        assert!(!buffer.append_at_once(b""));
    }

    #[test]
    fn parts_go_in_together_or_not_at_all() {
        let mut buffer = WriteBuffer::default();
        buffer.bytes.reserve(1000);
        buffer.append(b"begun ");
        buffer.open_up_to(20);
        assert!(buffer.append_all_at_once(&[b"one ", b"", b"two "]));
        assert!(!buffer.append_all_at_once(&[b"more", b"than", b"fits"]));
        assert_eq!(buffer.unsent(), b"begun one two ");
        buffer.shut();
        assert!(!buffer.append_all_at_once(&[b"x"]));
    }

    #[test]
    fn what_does_not_fit_goes_in_with_care() {
        let mut buffer = WriteBuffer::default();
        buffer.append(&[1; 10]);
        buffer.open_up_to(usize::MAX);
        let room = buffer.bytes.capacity() - 10;
        assert!(!buffer.append_at_once(&vec![2; room + 1]));
        buffer.append(&vec![2; room + 1]);
        assert_eq!(buffer.unsent(), [vec![1; 10], vec![2; room + 1]].concat());
    }

    #[test]
    fn what_was_sent_makes_room_before_the_buffer_grows() {
        let mut buffer = WriteBuffer::default();
        buffer.bytes.reserve_exact(64);
        buffer.append(&[1; 60]);
        buffer.open_up_to(1000);
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
