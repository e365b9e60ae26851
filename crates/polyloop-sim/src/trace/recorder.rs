//! What writes the trace: it keeps the last records, and a running hash of them all.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use super::{Event, Record};
use std::time::Duration;

pub(crate) struct Recorder {
    last: VecDeque<Record>,
    keep: usize,
    on: bool,
    dropped: u64,
    digest: Digest,
}

impl Recorder {
    /// Keeps so many; or does nothing at all, unless it is `on`.
    pub(crate) fn new(keep: usize, on: bool) -> Self {
        Self {
            last: VecDeque::new(),
            keep,
            on,
            dropped: 0,
            digest: Digest::default(),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    pub(crate) fn note(&mut self, at: Duration, event: Event) {
        if self.on {
            self.push(Record::new(at, event));
        }
    }

    pub(crate) fn push(&mut self, record: Record) {
        record.hash(&mut self.digest);
        if self.last.len() >= self.keep {
            self.dropped += 1;
            if self.last.pop_front().is_none() {
                return;
            }
        }
        self.last.push_back(record);
    }

    pub(crate) fn keep(&mut self, keep: usize) {
        self.keep = keep;
        while self.last.len() > keep {
            self.last.pop_front();
            self.dropped += 1;
        }
    }

    pub(crate) fn records(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator {
        self.last.iter()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

/// A hash that is the same on every machine: the standard library's has a seed of its
/// own in each process, and hashes numbers in the order of their bytes in memory.
#[derive(Default)]
struct Digest(u64);

impl Digest {
    fn add(&mut self, word: u64) {
        // The multiplier is the one of splitmix64.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 31)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.add(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.add(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.add(value.cast_unsigned() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostId;

    fn note(text: &str) -> Event {
        Event::Note {
            host: HostId(0),
            text: text.to_owned(),
        }
    }

    #[test]
    fn it_keeps_the_last_and_hashes_all() {
        let (mut few, mut all) = (Recorder::new(2, true), Recorder::new(usize::MAX, true));
        for text in ["a", "b", "c"] {
            few.note(Duration::ZERO, note(text));
            all.note(Duration::ZERO, note(text));
        }
        assert_eq!((few.records().len(), few.dropped()), (2, 1));
        assert_eq!((all.records().len(), all.dropped()), (3, 0));
        assert_eq!(few.digest(), all.digest());
        all.note(Duration::ZERO, note("d"));
        few.note(Duration::ZERO, note("e"));
        assert_ne!(few.digest(), all.digest());
        let mut none = Recorder::new(0, true);
        none.note(Duration::ZERO, note("a"));
        assert_eq!((none.records().len(), none.dropped()), (0, 1));
    }
}
