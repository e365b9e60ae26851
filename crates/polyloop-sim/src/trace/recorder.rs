//! What writes the trace: it keeps the last records, and a running hash of them all.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::{Event, Record, TaskId};
use crate::HostId;
use crate::clock::Nanos;

pub(crate) struct Recorder {
    /// In a ring, once there are as many as are kept.
    last: Vec<Kept>,
    oldest: usize,
    /// What is not kept in brief, in the same order.
    events: VecDeque<Event>,
    keep: usize,
    on: bool,
    dropped: u64,
    digest: Digest,
}

/// An event, when it happened.
struct Kept {
    at: Nanos,
    what: Brief,
}

/// An event in brief: most are turns and timers, and what is small is quickly put down.
enum Brief {
    TaskPolled(HostId, TaskId),
    TimerFired(HostId),
    /// The next of those beside.
    Other,
}

impl Recorder {
    /// Keeps so many; or does nothing at all, unless it is `on`.
    pub(crate) fn new(keep: usize, on: bool) -> Self {
        Self {
            last: Vec::new(),
            oldest: 0,
            events: VecDeque::new(),
            keep,
            on,
            dropped: 0,
            digest: Digest::default(),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    #[inline]
    pub(crate) fn task_polled(&mut self, at: Nanos, host: HostId, task: TaskId) {
        if self.on {
            self.digest.add(at);
            self.digest.add(u64::from(host.0) << 2 | 1);
            self.digest.add(task.0);
            self.put(at, Brief::TaskPolled(host, task));
        }
    }

    #[inline]
    pub(crate) fn timer_fired(&mut self, at: Nanos, host: HostId) {
        if self.on {
            self.digest.add(at);
            self.digest.add(u64::from(host.0) << 2 | 2);
            self.put(at, Brief::TimerFired(host));
        }
    }

    /// Any event. Turns and timers have methods of their own.
    pub(crate) fn note(&mut self, at: Nanos, event: Event) {
        if self.on {
            self.digest.add(at);
            event.hash(&mut self.digest);
            if self.keep > 0 {
                self.events.push_back(event);
            }
            self.put(at, Brief::Other);
        }
    }

    #[inline]
    fn put(&mut self, at: Nanos, what: Brief) {
        let kept = Kept { at, what };
        if self.last.len() < self.keep {
            return self.put_behind(kept);
        }
        self.dropped += 1;
        if let Some(oldest) = self.last.get_mut(self.oldest) {
            if let Brief::Other = std::mem::replace(oldest, kept).what {
                self.events.pop_front();
            }
            self.oldest += 1;
            if self.oldest == self.last.len() {
                self.oldest = 0;
            }
        }
    }

    /// The ring is not full yet.
    #[inline(never)]
    fn put_behind(&mut self, kept: Kept) {
        if self.last.len() == self.last.capacity() {
            self.grow();
        }
        self.last.push(kept);
    }

    #[cold]
    fn grow(&mut self) {
        /// What a short run has, and how many of them are not kept in brief.
        const SOME: (usize, usize) = (256, 64);

        let more = self.last.len().max(SOME.0);
        self.last.reserve(more.min(self.keep - self.last.len()));
        self.events.reserve(SOME.1.min(self.keep));
    }

    pub(crate) fn keep(&mut self, keep: usize) {
        self.keep = keep;
        self.last.rotate_left(self.oldest);
        self.oldest = 0;
        let too_many = self.last.len().saturating_sub(keep);
        let left_out = self.last.drain(..too_many);
        let others = left_out.filter(|kept| matches!(kept.what, Brief::Other));
        let others = others.count();
        self.events.drain(..others);
        self.dropped += too_many as u64;
    }

    /// How many are kept now.
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        let (later, earlier) = self.last.split_at(self.oldest);
        let mut events = self.events.iter();
        earlier.iter().chain(later).filter_map(move |kept| {
            let event = match kept.what {
                Brief::TaskPolled(host, task) => Event::TaskPolled { host, task },
                Brief::TimerFired(host) => Event::TimerFired { host },
                Brief::Other => events.next()?.clone(),
            };
            Some(Record::new(Duration::from_nanos(kept.at), event))
        })
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
            few.note(0, note(text));
            all.note(0, note(text));
        }
        assert_eq!((few.len(), few.dropped()), (2, 1));
        assert_eq!((all.len(), all.dropped()), (3, 0));
        assert_eq!(few.digest(), all.digest());
        all.note(0, note("d"));
        few.note(0, note("e"));
        assert_ne!(few.digest(), all.digest());
        let texts = |recorder: &Recorder| {
            let mut texts = String::new();
            for record in recorder.records() {
                if let Event::Note { text, .. } = &record.event {
                    texts += text;
                }
            }
            texts
        };
        assert_eq!(
            (texts(&few), texts(&all)),
            ("ce".to_owned(), "abcd".to_owned())
        );
        few.keep(3);
        few.note(0, note("f"));
        few.note(0, note("g"));
        assert_eq!((texts(&few).as_str(), few.dropped()), ("efg", 3));
        few.keep(1);
        few.note(0, note("h"));
        assert_eq!((texts(&few).as_str(), few.dropped()), ("h", 6));
        let mut none = Recorder::new(0, true);
        none.note(0, note("a"));
        assert_eq!((none.len(), none.dropped()), (0, 1));
    }
}
