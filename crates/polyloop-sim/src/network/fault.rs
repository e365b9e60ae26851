//! Faults: what a test can break, and how it mends it.

use std::time::Duration;

use super::Link;
use crate::HostId;
use crate::trace::ConnectionId;

/// Something that breaks in the network, or is mended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing gets from one host to another any more; the way back is left alone. What
    /// is under way is lost.
    Cut {
        /// The sending host.
        from: HostId,
        /// The host that hears nothing.
        to: HostId,
    },
    /// Nothing gets from either host to the other.
    Partition {
        /// One host.
        a: HostId,
        /// The other.
        b: HostId,
    },
    /// Nothing gets from the host to any other, or from any other to it.
    Isolate {
        /// The host.
        host: HostId,
    },
    /// Mends what [`Cut`](Self::Cut) and [`Partition`](Self::Partition) have done
    /// between two hosts.
    Heal {
        /// One host.
        a: HostId,
        /// The other.
        b: HostId,
    },
    /// Mends what [`Isolate`](Self::Isolate) has done.
    Rejoin {
        /// The host.
        host: HostId,
    },
    /// Mends every cut, partition and isolation, and releases what is held.
    HealAll,
    /// What is sent from one host to another waits on the way, until it is released.
    Hold {
        /// The sending host.
        from: HostId,
        /// The host that has to wait.
        to: HostId,
    },
    /// Lets go what [`Hold`](Self::Hold) has held.
    Release {
        /// The sending host.
        from: HostId,
        /// The host that has waited.
        to: HostId,
    },
    /// Replaces the link from one host to another.
    Link {
        /// The sending host.
        from: HostId,
        /// The receiving host.
        to: HostId,
        /// What leads there from now on.
        link: Link,
    },
    /// Resets a connection at both ends.
    Reset {
        /// Which.
        connection: ConnectionId,
    },
    /// Sets how many descriptors a host has for its sockets; `None` is no limit. Those
    /// that are open stay open.
    Descriptors {
        /// The host.
        host: HostId,
        /// How many.
        limit: Option<usize>,
    },
}

/// How a host crashes, for its peers. On the host itself nobody is told either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Crash {
    /// The programs die and the machine lives on: each peer gets a reset, and who
    /// connects, or sends datagrams there, is refused.
    Reset,
    /// The machine is gone: nobody is told, and whatever is sent to it vanishes, until
    /// it is restarted. Then it resets connections it does not know any more.
    Silent,
}

/// What a [`FaultRate`] draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A partition between two hosts.
    Partition,
    /// A cut from one host to another.
    Cut,
    /// A hold from one host to another.
    Hold,
    /// A reset of one connection.
    Reset,
}

/// Faults that happen again and again, at times and places drawn from the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultRate {
    /// What happens.
    pub kind: FaultKind,
    /// The time from one to the next, on average.
    pub every: Duration,
    /// How long one lasts, on average; a reset has no duration.
    pub lasting: Duration,
}

impl FaultRate {
    /// Faults of one kind, so often and so long.
    pub fn new(kind: FaultKind, every: Duration, lasting: Duration) -> Self {
        Self {
            kind,
            every,
            lasting,
        }
    }
}
