//! [`RecordBuffer`]: room for ciphertext, which a connection has only while it holds some.
//!
//! A connection that is idle stands between two records and has nothing to keep. So the
//! room that it reads into and encrypts into is taken from a small store that each thread
//! has, and goes back when it is empty. What waits for longer, such as the first half of a
//! record, is moved to where it takes no more room than it needs.

use std::cell::RefCell;

/// What is read at once, and what a batch of records that are written takes: four of the
/// largest, and what surrounds them.
pub(crate) const ROOM: usize = 65 * 1024;

/// How many a thread keeps: one to read into and one to write into, of both ends where a
/// thread has both.
const KEPT: usize = 4;

thread_local! {
    static STORE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

fn take() -> Box<[u8]> {
    // Where the thread is ending there is no store any more.
    let kept = STORE.try_with(|store| store.borrow_mut().pop());
    kept.ok()
        .flatten()
        .unwrap_or_else(|| vec![0; ROOM].into_boxed_slice())
}

fn give_back(room: Box<[u8]>) {
    if room.len() != ROOM {
        return;
    }
    let _ = STORE.try_with(|store| {
        let mut store = store.borrow_mut();
        if store.len() < KEPT {
            store.push(room);
        }
    });
}

/// Bytes in the order they came, taken from the front and added behind.
#[derive(Default)]
pub(crate) struct RecordBuffer {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

impl RecordBuffer {
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn filled(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.end]
    }

    /// The free room behind what is there: all of a thread's buffer but for that, and at
    /// least `least` bytes.
    pub(crate) fn free(&mut self, least: usize) -> &mut [u8] {
        if self.room.len() < ROOM || self.room.len() - self.end < least {
            self.make_room(least);
        }
        &mut self.room[self.end..]
    }

    fn make_room(&mut self, least: usize) {
        let held = self.len();
        if self.room.len() >= held + least && self.room.len() >= ROOM {
            self.room.copy_within(self.start..self.end, 0);
        } else {
            let mut larger = if held + least <= ROOM {
                take()
            } else {
                vec![0; held + least].into_boxed_slice()
            };
            larger[..held].copy_from_slice(self.filled());
            give_back(std::mem::replace(&mut self.room, larger));
        }
        (self.start, self.end) = (0, held);
    }

    /// That many bytes of what [`free`](Self::free) gave are filled now.
    pub(crate) fn fill(&mut self, count: usize) {
        self.end += count;
        debug_assert!(self.end <= self.room.len());
        self.release_if_empty();
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.free(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.fill(bytes.len());
    }

    /// That many bytes at the front are done with.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
        self.release_if_empty();
    }

    /// Gives the room back if nothing is in it.
    pub(crate) fn release_if_empty(&mut self) {
        if self.is_empty() && !self.room.is_empty() {
            give_back(std::mem::take(&mut self.room));
            (self.start, self.end) = (0, 0);
        }
    }

    /// Moves what is left to where it takes no more than it needs: nothing more is expected
    /// soon.
    pub(crate) fn settle(&mut self) {
        self.release_if_empty();
        if self.room.len() >= ROOM && self.len() < ROOM / 2 {
            let own = self.filled().into();
            give_back(std::mem::replace(&mut self.room, own));
            (self.start, self.end) = (0, self.room.len());
        }
    }

    /// How much memory it holds.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.room.len()
    }
}

impl Drop for RecordBuffer {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_whatever_the_sizes() {
        let mut buffer = RecordBuffer::default();
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for size in [1, 7, 1000, ROOM - 1, ROOM, 2 * ROOM, 3] {
            let bytes: Vec<u8> = (0..size)
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            buffer.append(&bytes);
            buffer.settle();
            let part = buffer.len() / 2 + 1;
            for byte in &buffer.filled()[..part] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
            buffer.consume(part);
        }
        for byte in buffer.filled() {
            next_out = next_out.wrapping_add(1);
            assert_eq!(*byte, next_out);
        }
        assert_eq!(next_in, next_out);
        buffer.consume(buffer.len());
        assert_eq!(buffer.held(), 0);
    }

    #[test]
    fn half_a_record_takes_no_more_room_than_it_needs() {
        let mut buffer = RecordBuffer::default();
        buffer.append(&[1; 3000]);
        assert_eq!(buffer.held(), ROOM);
        buffer.consume(2990);
        buffer.settle();
        assert_eq!((buffer.held(), buffer.filled()), (10, &[1; 10][..]));
        buffer.append(&[2; 5]);
        assert_eq!(
            buffer.filled(),
            [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
        );
    }

    #[test]
    fn room_that_is_asked_for_and_not_filled_goes_back() {
        let mut buffer = RecordBuffer::default();
        assert_eq!(buffer.free(1).len(), ROOM);
        buffer.fill(0);
        assert_eq!(buffer.held(), 0);
    }
}
