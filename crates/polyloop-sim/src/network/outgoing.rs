//! The sending half of an end: what was written, until the peer has it.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// An empty queue of more places than this is given back.
const KEPT: usize = 8;

/// How the end of the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fin {
    /// More may be written.
    Open,
    /// It follows what was written.
    Queued,
    Sent,
    Acknowledged,
}

/// What was written, until the peer has it.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Segments on their way, the first at offset `una`.
    unacknowledged: VecDeque<Bytes>,
    una: u64,
    /// The offset behind the last byte that was sent.
    nxt: u64,
    unsent: BytesMut,
    /// How far the peer has room.
    edge: u64,
    capacity: usize,
    pub(super) fin: Fin,
    /// Segments before this offset are sent again as soon as it is clear that they are
    /// missing.
    recover: Option<u64>,
    repeats: u32,
}

impl Outgoing {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            unacknowledged: VecDeque::new(),
            una: 0,
            nxt: 0,
            unsent: BytesMut::new(),
            edge: 0,
            capacity: capacity.max(1),
            fin: Fin::Open,
            recover: None,
            repeats: 0,
        }
    }

    fn held(&self) -> usize {
        usize::try_from(self.nxt - self.una).unwrap_or(usize::MAX) + self.unsent.len()
    }

    /// What the peer has not confirmed, the end counted as a byte.
    pub(super) fn unconfirmed(&self) -> u64 {
        self.held() as u64 + u64::from(matches!(self.fin, Fin::Queued | Fin::Sent))
    }

    /// How many bytes there is room for.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.held())
    }

    /// Whether a writer that had to wait is woken: not for a few bytes.
    pub(super) fn wakes_writer(&self) -> bool {
        self.room() >= self.capacity.div_ceil(3)
    }

    /// Takes what there is room for.
    pub(super) fn write(&mut self, data: &[u8]) -> usize {
        let taken = data.len().min(self.room());
        self.unsent.extend_from_slice(&data[..taken]);
        taken
    }

    /// Whether anything was sent that the peer has not acknowledged.
    pub(super) fn in_flight(&self) -> bool {
        self.nxt > self.una || self.fin == Fin::Sent
    }

    /// Whether the peer's window is all that keeps data here.
    pub(super) fn waits_for_window(&self) -> bool {
        !self.unsent.is_empty() && !self.in_flight() && self.edge <= self.nxt
    }

    pub(super) fn open_window(&mut self, edge: u64) -> bool {
        let grown = edge > self.edge;
        self.edge = self.edge.max(edge);
        grown
    }

    /// The next segment that may leave. Without `nodelay` a small one waits until the
    /// peer has everything before it.
    pub(super) fn next_segment(&mut self, most: usize, nodelay: bool) -> Option<(u64, Bytes)> {
        let window = usize::try_from(self.edge.saturating_sub(self.nxt)).unwrap_or(usize::MAX);
        let len = self.unsent.len().min(most).min(window);
        if len == 0 {
            return None;
        }
        let is_small = len < most && self.fin == Fin::Open;
        if is_small && !nodelay && self.in_flight() {
            return None;
        }
        let payload = if len == self.unsent.len() {
            // An idle connection holds no buffer.
            std::mem::take(&mut self.unsent).freeze()
        } else {
            self.unsent.split_to(len).freeze()
        };
        let offset = self.nxt;
        self.nxt += len as u64;
        self.unacknowledged.push_back(payload.clone());
        Some((offset, payload))
    }

    /// Whether it is time to send the end of the stream, which then counts as sent.
    pub(super) fn next_fin(&mut self) -> Option<u64> {
        if self.fin != Fin::Queued || !self.unsent.is_empty() {
            return None;
        }
        self.fin = Fin::Sent;
        Some(self.nxt)
    }

    /// The first thing that is missing at the peer, to be sent again.
    pub(super) fn first_missing(&self) -> Option<Missing> {
        match self.unacknowledged.front() {
            Some(payload) => Some(Missing::Data(self.una, payload.clone())),
            None if self.fin == Fin::Sent => Some(Missing::Fin(self.nxt)),
            None => None,
        }
    }

    /// Offset behind all that was sent.
    pub(super) fn sent_to(&self) -> u64 {
        self.nxt
    }

    /// From now on what turns out to be missing is sent again at once.
    pub(super) fn recover(&mut self) {
        self.recover = Some(self.nxt);
        self.repeats = 0;
    }

    /// The peer has everything before `offset`.
    pub(super) fn acknowledge(&mut self, offset: u64) -> Progress {
        let end = self.nxt + u64::from(self.fin == Fin::Sent);
        if offset <= self.una || offset > end {
            return Progress::None;
        }
        if offset > self.nxt {
            self.fin = Fin::Acknowledged;
        }
        let mut acknowledged = offset.min(self.nxt) - self.una;
        self.una += acknowledged;
        while acknowledged > 0 {
            let Some(first) = self.unacknowledged.front_mut() else {
                break;
            };
            if first.len() as u64 > acknowledged {
                first.advance(usize::try_from(acknowledged).unwrap_or(usize::MAX));
                break;
            }
            acknowledged -= first.len() as u64;
            self.unacknowledged.pop_front();
        }
        if self.unacknowledged.is_empty() && self.unacknowledged.capacity() > KEPT {
            self.unacknowledged = VecDeque::new();
        }
        self.repeats = 0;
        match self.recover {
            Some(until) if self.una < until => Progress::Partial,
            _ => {
                self.recover = None;
                Progress::Full
            }
        }
    }

    /// The peer has got segments behind a missing one. Whether that one should be sent
    /// again now.
    pub(super) fn repeated(&mut self, ack: u64, repeats: u32) -> bool {
        const ENOUGH: u32 = 3;
        if repeats == 0 || ack != self.una || !self.in_flight() || self.recover.is_some() {
            return false;
        }
        self.repeats += repeats;
        self.repeats >= ENOUGH
    }

    /// The room of its buffers, used or not.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let segments = self.unacknowledged.iter().map(Bytes::len);
        self.unsent.capacity() + segments.sum::<usize>()
    }

    /// Nothing will be sent any more.
    pub(super) fn clear(&mut self) {
        self.unacknowledged = VecDeque::new();
        self.unsent = BytesMut::new();
        self.una = self.nxt;
    }
}

/// What the peer lacks.
pub(super) enum Missing {
    Data(u64, Bytes),
    Fin(u64),
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing new.
    None,
    /// Something got there, and something behind it is still missing.
    Partial,
    /// What was known to be missing got there.
    Full,
}
