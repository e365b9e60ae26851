//! What waits to be sent, and the number that makes a small write cheap. It is lent per
//! thread, so that an idle connection holds none.
//!
//! Small writes are collected in one piece of memory. A large one stands before it as a
//! piece of its own, behind what was collected until then: so it is neither moved when the
//! buffer grows nor, if it came as `Bytes`, copied at all.

use std::cell::Cell;
use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::promise::discard::Guarded;
use crate::sync::primitive::thread_local;

/// A larger one is freed instead of kept.
const KEEP: usize = 128 * 1024;

/// Pieces of an emptied buffer that it keeps room for.
const KEEP_PIECES: usize = 16;

/// `Bytes` of at least this size are kept as they are. For less, a copy costs no more than
/// the system call which a piece of its own takes.
pub(super) const WORTH_KEEPING: usize = 64 * 1024;

/// What is copied makes a piece of its own from this size on, which is more than one system
/// call may send anyway.
const WORTH_A_PIECE: usize = 1024 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<WriteBuffer>>> = const { Cell::new(None) };
}

/// Bytes on their way to the system. A connection has one only while there are some.
#[derive(Default)]
pub(super) struct WriteBuffer {
    /// Large pieces, which go first. They may be of an owner with a destructor.
    pieces: VecDeque<Guarded<Bytes>>,
    /// Bytes in them.
    in_pieces: usize,
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
    /// The thread's spare one.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "the box is what is lent, and goes back"
    )]
    pub(super) fn lend() -> Box<Self> {
        let lent = SPARE.try_with(Cell::take).ok().flatten();
        lent.unwrap_or_default()
    }

    /// Gives it back to the thread once everything is sent.
    pub(super) fn keep(mut self: Box<Self>) {
        self.start = 0;
        self.end = 0;
        self.free_to = 0;
        if self.bytes.capacity() <= KEEP && self.pieces.capacity() <= KEEP_PIECES {
            // On a thread that is ending it is freed.
            let _ = SPARE.try_with(|slot| slot.set(Some(self)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_pieces + self.collected()
    }

    fn collected(&self) -> usize {
        self.end - self.start
    }

    /// What goes next, and in one piece.
    pub(super) fn unsent(&self) -> &[u8] {
        match self.pieces.front() {
            Some(piece) => piece,
            None => &self.bytes[self.start..self.end],
        }
    }

    /// The system has taken `n` bytes of that. True if nothing is left.
    pub(super) fn advance(&mut self, n: usize) -> bool {
        if let Some(piece) = self.pieces.front_mut() {
            self.in_pieces -= n;
            piece.advance(n);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        } else {
            self.start += n;
        }
        self.start >= self.end && self.pieces.is_empty()
    }

    /// Appends a large piece as it is.
    pub(super) fn append_piece(&mut self, piece: Bytes) {
        self.shut();
        let collected = self.start..self.end;
        if collected.len() >= WORTH_KEEPING {
            let before = Bytes::from(std::mem::take(&mut self.bytes)).slice(collected);
            self.push(before);
        } else if !collected.is_empty() {
            self.push(Bytes::copy_from_slice(&self.bytes[collected]));
        }
        (self.start, self.end) = (0, 0);
        self.push(piece);
    }

    fn push(&mut self, piece: Bytes) {
        self.in_pieces += piece.len();
        self.pieces.push_back(Guarded::new(piece));
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
        let mut end = self.end;
        for part in parts {
            let start = end;
            end += part.len();
            if end >= self.free_to {
                return false;
            }
            let Some(room) = self.bytes.get_mut(start..end) else {
                return false;
            };
            room.copy_from_slice(part);
        }
        // Only now does any of it count.
        self.end = end;
        true
    }

    /// Appends `data`; every write has to be looked at until the buffer is opened again.
    pub(super) fn append(&mut self, data: &[u8]) {
        if data.len() >= WORTH_A_PIECE {
            return self.append_piece(Bytes::copy_from_slice(data));
        }
        self.shut();
        // Rather than grow, it takes back what was sent, if no more than that is moved.
        if self.bytes.len() - self.end < data.len() && self.start >= self.collected() {
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
        let high = high.saturating_sub(self.in_pieces);
        self.free_to = self.start.saturating_add(high);
        let usable = self.bytes.capacity().min(self.free_to);
        if self.bytes.len() < usable {
            self.bytes.resize(usable, 0);
        }
    }

    /// Every write has to be looked at.
    pub(super) fn shut(&mut self) {
        self.free_to = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{WORTH_A_PIECE, WORTH_KEEPING, WriteBuffer};
    use bytes::Bytes;

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
    fn a_large_piece_stands_in_its_place_and_is_not_copied() {
        let large = Bytes::from(vec![2; WORTH_KEEPING]);
        let mut buffer = WriteBuffer::default();
        buffer.append(b"before");
        buffer.append_piece(large.clone());
        buffer.append(b"after");
        buffer.open_up_to(WORTH_KEEPING);
        assert!(!buffer.append_at_once(b"!"), "the piece counts, too");
        buffer.open_up_to(2 * WORTH_KEEPING);
        assert!(buffer.append_at_once(b"!"));
        assert_eq!(buffer.len(), WORTH_KEEPING + 12);

        assert_eq!(buffer.unsent(), b"before");
        assert!(!buffer.advance(6));
        assert_eq!(buffer.unsent().as_ptr(), large.as_ptr());
        assert!(!buffer.advance(10));
        assert_eq!(buffer.unsent().as_ptr(), large[10..].as_ptr());
        assert!(!buffer.advance(WORTH_KEEPING - 10));
        assert!(large.is_unique(), "it was kept longer than needed");
        assert_eq!(buffer.unsent(), b"after!");
        assert!(buffer.advance(6));
        assert_eq!(buffer.len(), 0);
    }

    #[test]
    fn a_large_copy_moves_nothing_that_was_collected() {
        let mut buffer = WriteBuffer::default();
        buffer.append(&vec![1; WORTH_KEEPING]);
        let begun = buffer.unsent().as_ptr();
        buffer.append(&vec![2; WORTH_A_PIECE]);
        buffer.append(&[3; 10]);
        assert_eq!(buffer.unsent().as_ptr(), begun);
        for expected in [(1, WORTH_KEEPING), (2, WORTH_A_PIECE), (3, 10)] {
            let (byte, len) = expected;
            assert_eq!(buffer.unsent(), vec![byte; len]);
            assert_eq!(buffer.advance(len), byte == 3);
        }
    }

    #[test]
    fn a_kept_buffer_comes_back_empty_and_shut() {
        let mut buffer = WriteBuffer::lend();
        buffer.append(&[1; 100]);
        buffer.open_up_to(1000);
        let capacity = buffer.bytes.capacity();
        buffer.advance(100);
        buffer.keep();
        let mut again = WriteBuffer::lend();
        assert_eq!((again.len(), again.bytes.capacity()), (0, capacity));
        assert!(!again.append_at_once(b""));
    }
}
