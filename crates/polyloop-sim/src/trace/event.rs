//! What can happen in a simulation.

use std::net::SocketAddr;
use std::time::Duration;

use super::datagram::DatagramEvent;
use crate::HostId;

/// One event, when it happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Record {
    /// Virtual time since the simulation began.
    pub at: Duration,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// An event at `at`.
    pub fn new(at: Duration, event: Event) -> Self {
        Self { at, event }
    }
}

/// Names a task, in the order tasks were spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Names a connection, in the order connects were begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What a segment of TCP carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Segment {
    /// The first of the handshake.
    Syn,
    /// Its answer.
    SynAck,
    /// Data: the offset of its first byte in the stream, and how many bytes.
    Data {
        /// Where in the stream.
        offset: u64,
        /// How many bytes.
        len: usize,
    },
    /// Receipt up to an offset, and room for more.
    Ack {
        /// Everything before was received.
        offset: u64,
        /// How many bytes more may be sent.
        window: usize,
    },
    /// The end of one side.
    Fin,
    /// A reset.
    Rst,
}

/// How an event stands to a fault that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// It begins: a partition, a crash, a pause.
    Begins,
    /// It ends: the partition heals, the host restarts or runs on. With neither a host
    /// nor a peer, every fault of a link ends.
    Ends,
    /// It is over at once: a connection cut, a clock set, a rate changed.
    Passes,
}

/// What is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stalled {
    /// One task.
    Task(TaskId),
    /// The future that is being run.
    Main,
    /// All of the host's programs.
    Host,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A task was spawned.
    TaskSpawned {
        /// Where.
        host: HostId,
        /// Which.
        task: TaskId,
    },
    /// A task had its turn.
    TaskPolled {
        /// Where.
        host: HostId,
        /// Which.
        task: TaskId,
    },
    /// A task ended.
    TaskEnded {
        /// Where.
        host: HostId,
        /// Which.
        task: TaskId,
    },
    /// Something is ready for a turn, and is late: see [`Pace`](crate::Pace).
    Stalled {
        /// Where.
        host: HostId,
        /// What.
        what: Stalled,
        /// Until when.
        until: Duration,
    },
    /// A timer was due.
    TimerFired {
        /// Where.
        host: HostId,
    },
    /// Blocking work was handed to a thread, or came back.
    Thread {
        /// Where.
        host: HostId,
        /// Whether it came back.
        done: bool,
    },
    /// A port was opened.
    Listening {
        /// Where.
        host: HostId,
        /// The address.
        address: SocketAddr,
    },
    /// A port was closed.
    ListenerClosed {
        /// Where.
        host: HostId,
        /// The address.
        address: SocketAddr,
    },
    /// A connect began: which connection, from where to where.
    Connecting {
        /// Which.
        connection: ConnectionId,
        /// The host that connects.
        host: HostId,
        /// Its address.
        from: SocketAddr,
        /// Where it connects to.
        to: SocketAddr,
    },
    /// An end of a connection is established.
    Established {
        /// Which.
        connection: ConnectionId,
        /// Whose end.
        host: HostId,
    },
    /// A connect failed.
    ConnectFailed {
        /// Which.
        connection: ConnectionId,
        /// Whose.
        host: HostId,
        /// Why.
        reason: String,
    },
    /// A program wrote to a connection; only where [payload](crate::Builder::payload) is
    /// asked for.
    Written {
        /// Which.
        connection: ConnectionId,
        /// Whose end.
        host: HostId,
        /// What the system took.
        bytes: Vec<u8>,
    },
    /// A segment left a host.
    Sent {
        /// Of which connection.
        connection: ConnectionId,
        /// From.
        from: HostId,
        /// To.
        to: HostId,
        /// What it carries.
        segment: Segment,
        /// When it arrives, if nothing comes between; `None` if it is held or lost.
        arrives: Option<Duration>,
    },
    /// A segment arrived.
    Arrived {
        /// Of which connection.
        connection: ConnectionId,
        /// From.
        from: HostId,
        /// To.
        to: HostId,
        /// What it carries.
        segment: Segment,
    },
    /// A segment was lost on the way.
    Lost {
        /// Of which connection.
        connection: ConnectionId,
        /// From.
        from: HostId,
        /// To.
        to: HostId,
        /// What it carried.
        segment: Segment,
    },
    /// An end of a connection is closed and gone.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Whose end.
        host: HostId,
        /// Whether by a reset.
        reset: bool,
    },
    /// Something about datagrams.
    Datagram(DatagramEvent),
    /// A fault was made, or mended: a partition, a crash, a pause, …
    Fault {
        /// The host it is about, if it is about one.
        host: Option<HostId>,
        /// The host at the other end, if it is about a link.
        peer: Option<HostId>,
        /// Whether it lasts: until when, is told by the event that mends it, which
        /// is about the same host and the same peer, in either order.
        phase: Phase,
        /// In words.
        text: String,
    },
    /// A test or a program said something.
    Note {
        /// Where.
        host: HostId,
        /// In words.
        text: String,
    },
}
