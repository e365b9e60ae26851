//! The kinds of marks.

use super::super::Segment;

/// What a mark is about; each can be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Handshake,
    Data,
    Datagrams,
    Acks,
    Ends,
    States,
    Faults,
    Notes,
    Stalls,
    Tasks,
    Timers,
}

impl Kind {
    pub(super) const ALL: [Self; 11] = [
        Self::Handshake,
        Self::Data,
        Self::Datagrams,
        Self::Acks,
        Self::Ends,
        Self::States,
        Self::Faults,
        Self::Notes,
        Self::Stalls,
        Self::Tasks,
        Self::Timers,
    ];

    /// The class of its marks.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Data => "data",
            Self::Datagrams => "datagrams",
            Self::Acks => "acks",
            Self::Ends => "ends",
            Self::States => "states",
            Self::Faults => "faults",
            Self::Notes => "notes",
            Self::Stalls => "stalls",
            Self::Tasks => "tasks",
            Self::Timers => "timers",
        }
    }

    /// What stands beside its box.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Data => "data",
            Self::Datagrams => "datagrams",
            Self::Acks => "acks",
            Self::Ends => "FIN, RST",
            Self::States => "states",
            Self::Faults => "faults",
            Self::Notes => "notes",
            Self::Stalls => "stalls",
            Self::Tasks => "tasks",
            Self::Timers => "timers, threads",
        }
    }

    /// Whether it is shown at first: what is many and says little is not.
    pub(super) fn shown(self) -> bool {
        !matches!(self, Self::Acks | Self::Tasks | Self::Timers)
    }

    /// What an arrow with this segment is about.
    pub(super) fn of(segment: &Segment) -> Self {
        match segment {
            Segment::Syn | Segment::SynAck => Self::Handshake,
            Segment::Data { .. } => Self::Data,
            Segment::Ack { .. } => Self::Acks,
            Segment::Fin | Segment::Rst => Self::Ends,
        }
    }
}
