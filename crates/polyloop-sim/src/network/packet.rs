//! What travels between two ends of a connection.

use bytes::Bytes;

use super::Nanos;
use crate::trace::{ConnectionId, Segment};

/// The two ends: who connected, and who accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Names a connection: its place, and its number, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) index: u32,
    pub(super) id: ConnectionId,
}

/// Names one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndKey {
    pub(super) key: Key,
    pub(super) side: Side,
}

impl EndKey {
    pub(super) fn other(self) -> Self {
        Self {
            key: self.key,
            side: self.side.other(),
        }
    }
}

/// What a segment is for.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Syn,
    SynAck,
    Data {
        offset: u64,
        payload: Bytes,
    },
    /// `repeats` segments have come that were not the expected one.
    Ack {
        repeats: u32,
    },
    /// Asks for an acknowledgement.
    Probe,
    Fin {
        offset: u64,
    },
    Rst,
}

/// A segment as an end makes it. Offsets count the bytes of one direction, and its end
/// is one byte more.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    pub(super) kind: Kind,
    /// The sender has everything before.
    pub(super) ack: u64,
    /// And room up to here.
    pub(super) edge: u64,
}

impl Outbound {
    pub(super) fn reset() -> Self {
        Self {
            kind: Kind::Rst,
            ack: 0,
            edge: 0,
        }
    }

    /// How the trace calls it.
    pub(super) fn traced(&self) -> Segment {
        match &self.kind {
            Kind::Syn => Segment::Syn,
            Kind::SynAck => Segment::SynAck,
            Kind::Data { offset, payload } => Segment::Data {
                offset: *offset,
                len: payload.len(),
            },
            Kind::Ack { .. } | Kind::Probe => Segment::Ack {
                offset: self.ack,
                window: usize::try_from(self.edge.saturating_sub(self.ack)).unwrap_or(usize::MAX),
            },
            Kind::Fin { .. } => Segment::Fin,
            Kind::Rst => Segment::Rst,
        }
    }

    /// How much of the link it takes, headers included.
    pub(super) fn size(&self) -> u64 {
        const HEADERS: u64 = 40;
        match &self.kind {
            Kind::Data { payload, .. } => HEADERS + payload.len() as u64,
            _ => HEADERS,
        }
    }
}

/// A segment on its way.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) to: EndKey,
    /// When it left.
    pub(super) sent: Nanos,
    pub(super) segment: Outbound,
    /// It has arrived, and found no room at its listener.
    pub(super) put_off: bool,
}
