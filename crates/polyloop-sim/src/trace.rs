//! The trace: what happened in a run, in order, with the virtual time of each event.
//!
//! It holds nothing that differs between two runs of the same seed: no address of
//! memory, no clock of the machine, no order of a hash map. So two traces can be
//! compared byte for byte.

mod event;
mod recorder;

pub(crate) use recorder::Recorder;

pub use event::{ConnectionId, Event, Phase, Record, Segment, TaskId};

/// A run, as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// The seed that gives this run again.
    pub seed: u64,
    /// The hosts' names, by their number.
    pub hosts: Vec<String>,
    /// What happened, in order.
    pub records: Vec<Record>,
    /// How many earlier records were let go, because only the last ones are kept.
    pub dropped: u64,
    /// A hash of all records, the dropped ones too: two runs with the same one went the
    /// same way.
    pub digest: u64,
}
