//! The trace: what happened in a run, in order, with the virtual time of each event.
//!
//! It holds nothing that differs between two runs of the same seed: no address of
//! memory, no clock of the machine, no order of a hash map. So two traces can be
//! compared byte for byte. `text` writes one as lines, `diagram` as a picture;
//! `words` (and `datagram` for datagrams) say what an event is for both, and `clock` how a time is written.

mod clock;
mod datagram;
mod diagram;
mod event;
mod recorder;
#[cfg(test)]
mod sample;
mod text;
mod words;

pub(crate) use recorder::Recorder;

pub use datagram::{Datagram, DatagramEvent, DatagramId, Loss};
pub use diagram::Diagram;
pub use event::{ConnectionId, Event, Phase, Record, Segment, Stalled, TaskId};

use std::path::Path;
use std::{fs, io};

use crate::{HostId, Pace, Scheduler};

/// A run, as it was recorded.
///
/// Its `Display` is one line per record. [`Trace::diagram`] draws it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// The seed that gives this run again.
    pub seed: u64,
    /// How it was chosen whose turn it was.
    pub scheduler: Scheduler,
    /// How fast the hosts were.
    pub pace: Pace,
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

impl Trace {
    /// The last `count` records, as a trace of their own.
    pub fn last(&self, count: usize) -> Self {
        let left_out = self.records.len().saturating_sub(count);
        Self {
            seed: self.seed,
            scheduler: self.scheduler,
            pace: self.pace,
            hosts: self.hosts.clone(),
            records: self.records[left_out..].to_vec(),
            dropped: self.dropped + left_out as u64,
            digest: self.digest,
        }
    }

    /// The run as a sequence diagram, in a file that needs nothing beside it.
    pub fn diagram(&self) -> Diagram<'_> {
        Diagram::new(self)
    }

    /// Writes the lines into a file, and makes the directories above it if there are none.
    pub fn write_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        write_file(path.as_ref(), &format!("{self}\n"))
    }

    /// What seeds take turns with, in words.
    pub(crate) fn conditions(&self) -> String {
        format!("scheduler: {}; pace: {}", self.scheduler, self.pace)
    }

    /// What the host is called.
    fn host_name(&self, host: HostId) -> String {
        self.hosts
            .get(host.index())
            .cloned()
            .unwrap_or_else(|| host.to_string())
    }
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, text)
}
