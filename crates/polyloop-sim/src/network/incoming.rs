//! The receiving half of an end: what has arrived, until it is read.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};

/// Segments smaller than this are put together, so that a queue of them takes no more
/// room than their bytes.
const SMALL: usize = 1024;

/// An empty queue of more places than this is given back.
const KEPT: usize = 8;

/// What has arrived, until it is read.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Everything before this offset has arrived; the end of the stream counts as a
    /// byte.
    nxt: u64,
    /// What the peer was told: how far there is room.
    edge: u64,
    capacity: usize,
    segment: usize,
    /// In order: the whole ones first, then the small ones.
    whole: VecDeque<Bytes>,
    small: BytesMut,
    unread: usize,
    /// What came too early, by its offset.
    early: BTreeMap<u64, Bytes>,
    fin: Option<u64>,
    ended: bool,
}

/// What a segment brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Something to read, or the end.
    New,
    /// Something that came too early, or again.
    Repeat,
}

impl Incoming {
    pub(super) fn new(capacity: usize, segment: usize) -> Self {
        let capacity = capacity.max(1);
        Self {
            nxt: 0,
            edge: capacity as u64,
            capacity,
            segment,
            whole: VecDeque::new(),
            small: BytesMut::new(),
            unread: 0,
            early: BTreeMap::new(),
            fin: None,
            ended: false,
        }
    }

    /// Everything before has arrived.
    pub(super) fn expected(&self) -> u64 {
        self.nxt
    }

    /// How many bytes can be read.
    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    /// Whether the end of the stream has arrived, behind all data.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether something is missing before what has arrived.
    pub(super) fn has_gap(&self) -> bool {
        !self.early.is_empty()
    }

    /// How far the peer may send. Small steps are not worth telling.
    pub(super) fn offer(&mut self) -> u64 {
        let room = self.capacity.saturating_sub(self.unread);
        if room >= self.segment.min(self.capacity.div_ceil(2)) {
            self.edge = self.edge.max(self.nxt + room as u64);
        }
        self.edge
    }

    /// Whether the peer should be told that there is room again.
    pub(super) fn has_news(&self) -> bool {
        if self.ended {
            return false;
        }
        let told = self.edge.saturating_sub(self.nxt);
        let room = self.capacity.saturating_sub(self.unread) as u64;
        let worth = self.segment.min(self.capacity.div_ceil(2)) as u64;
        told * 2 <= self.capacity as u64 && room >= worth && room >= told * 2 && room > told
    }

    /// Takes a segment of data.
    pub(super) fn data(&mut self, offset: u64, mut payload: Bytes) -> Arrival {
        // What is beyond the window was sent against the rules, and what was there
        // before is known.
        let beyond = (offset + payload.len() as u64).saturating_sub(self.edge);
        payload.truncate(payload.len().saturating_sub(whole_number(beyond)));
        let known = self.nxt.saturating_sub(offset);
        if self.ended || known >= payload.len() as u64 {
            return Arrival::Repeat;
        }
        if offset > self.nxt {
            let longer = self
                .early
                .get(&offset)
                .is_none_or(|other| other.len() < payload.len());
            if longer {
                self.early.insert(offset, payload);
            }
            return Arrival::Repeat;
        }
        payload.advance(whole_number(known));
        self.append(payload);
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() > self.nxt {
                break;
            }
            let (offset, mut payload) = entry.remove_entry();
            let known = whole_number(self.nxt - offset);
            if known < payload.len() {
                payload.advance(known);
                self.append(payload);
            }
        }
        self.look_for_end();
        Arrival::New
    }

    /// Takes the end of the stream.
    pub(super) fn fin(&mut self, offset: u64) -> Arrival {
        if self.ended {
            return Arrival::Repeat;
        }
        self.fin = Some(offset);
        self.look_for_end();
        if self.ended {
            Arrival::New
        } else {
            Arrival::Repeat
        }
    }

    fn look_for_end(&mut self) {
        if self.fin == Some(self.nxt) && !self.ended {
            self.ended = true;
            self.nxt += 1;
            self.early.clear();
        }
    }

    fn append(&mut self, payload: Bytes) {
        self.nxt += payload.len() as u64;
        self.unread += payload.len();
        let queued = !self.whole.is_empty() || !self.small.is_empty();
        if queued && payload.len() < SMALL {
            self.small.extend_from_slice(&payload);
            return;
        }
        if !self.small.is_empty() {
            self.whole
                .push_back(std::mem::take(&mut self.small).freeze());
        }
        self.whole.push_back(payload);
    }

    /// Moves what fits to `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            if let Some(first) = self.whole.front_mut() {
                let len = first.len().min(rest.len());
                first.copy_to_slice(&mut rest[..len]);
                filled += len;
                if first.is_empty() {
                    self.whole.pop_front();
                }
            } else {
                let len = self.small.len().min(rest.len());
                self.small.copy_to_slice(&mut rest[..len]);
                filled += len;
                break;
            }
        }
        self.unread -= filled;
        if self.unread == 0 {
            // An idle connection holds no buffer.
            if self.whole.capacity() > KEPT {
                self.whole = VecDeque::new();
            }
            self.small = BytesMut::new();
        }
        filled
    }

    /// The room of its buffers, used or not.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let segments = self.whole.iter().chain(self.early.values()).map(Bytes::len);
        self.small.capacity() + segments.sum::<usize>()
    }

    /// Nobody will read any more.
    pub(super) fn clear(&mut self) {
        self.whole = VecDeque::new();
        self.small = BytesMut::new();
        self.unread = 0;
        self.early.clear();
    }
}

fn whole_number(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
