//! What can happen to datagrams, and how it is told.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::words::{Described, written};
use super::{Event, Trace, clock};
use crate::HostId;

/// Names a datagram on its way to one host, in the order they left; a copy that the network
/// made has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatagramId(pub u64);

/// What travels without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Datagram {
    /// A datagram of a program's.
    Data {
        /// The address that it is from.
        source: SocketAddr,
        /// The address that it is for.
        destination: SocketAddr,
        /// How many bytes.
        length: usize,
    },
    /// What tells a sender's system that nobody was there.
    Refusal {
        /// For which datagram.
        of: DatagramId,
    },
}

/// Why a datagram did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// Its [link](crate::Link) has lost it, or a piece of it.
    Link,
    /// It was too long for its link, which has let it fall.
    TooLong,
    /// Nothing gets through between the two hosts.
    Cut,
    /// The host is without power.
    Down,
    /// The host stands still, and too much waits for it already.
    Busy,
    /// No host has the address.
    Nobody,
}

/// What can happen to datagrams and their sockets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatagramEvent {
    /// A socket for datagrams was bound.
    Bound {
        /// Where.
        host: HostId,
        /// The address.
        address: SocketAddr,
    },
    /// A socket for datagrams was closed.
    Closed {
        /// Where.
        host: HostId,
        /// The address.
        address: SocketAddr,
    },
    /// A program sent a datagram; only where [payload](crate::Builder::payload) is asked for.
    Written {
        /// Whose.
        host: HostId,
        /// Where to.
        to: SocketAddr,
        /// What it sent.
        bytes: Vec<u8>,
    },
    /// A datagram left a host, towards one that gets it.
    Sent {
        /// Which.
        datagram: DatagramId,
        /// From.
        from: HostId,
        /// To.
        to: HostId,
        /// What it carries.
        what: Datagram,
        /// Into how many pieces it was cut, 1 being none.
        pieces: usize,
        /// Of which one the network made it, if it is a copy.
        copy_of: Option<DatagramId>,
        /// When it arrives, if nothing comes between; `None` if it is held or lost.
        arrives: Option<Duration>,
    },
    /// A datagram arrived.
    Arrived {
        /// Which.
        datagram: DatagramId,
        /// From.
        from: HostId,
        /// To.
        to: HostId,
        /// What it carries.
        what: Datagram,
    },
    /// A datagram was lost on the way.
    Lost {
        /// Which.
        datagram: DatagramId,
        /// From.
        from: HostId,
        /// To; `None` if it is a host's that there is not.
        to: Option<HostId>,
        /// What it carried.
        what: Datagram,
        /// Why.
        why: Loss,
    },
    /// A datagram that had arrived found no room in the buffer of its socket, and is lost.
    Dropped {
        /// Which.
        datagram: DatagramId,
        /// Where.
        host: HostId,
        /// The address of the socket.
        address: SocketAddr,
    },
}

impl From<DatagramEvent> for Event {
    fn from(event: DatagramEvent) -> Self {
        Self::Datagram(event)
    }
}

impl fmt::Display for DatagramId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

impl fmt::Display for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data {
                source,
                destination,
                length,
            } => write!(f, "{length} bytes from {source} for {destination}"),
            Self::Refusal { of } => write!(f, "nobody was there to take {of}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "lost by the link",
            Self::TooLong => "too long for the link",
            Self::Cut => "nothing gets through",
            Self::Down => "the host is down",
            Self::Busy => "too much waits for the host",
            Self::Nobody => "no host has that address",
        })
    }
}

impl DatagramEvent {
    pub(super) fn describe(&self, trace: &Trace) -> Described {
        let name = |host: &HostId| trace.host_name(*host);
        let at = |host: &HostId, words: String| Described {
            host: Some(*host),
            connection: None,
            words,
        };
        match self {
            Self::Bound { host, address } => at(host, format!("datagrams on {address}")),
            Self::Closed { host, address } => at(host, format!("no longer datagrams on {address}")),
            Self::Written { host, to, bytes } => at(host, format!("{}, to {to}", written(bytes))),
            Self::Sent {
                datagram,
                from,
                to,
                what,
                pieces,
                copy_of,
                arrives,
            } => {
                let arrival = match arrives {
                    Some(at) => format!("arrives at {}", clock::exact(*at)),
                    None => "held or lost".to_owned(),
                };
                let cut = match pieces {
                    0 | 1 => String::new(),
                    many => format!(", cut into {many} pieces"),
                };
                let copy = copy_of.map_or_else(String::new, |of| format!(", a copy of {of}"));
                let words = format!("{datagram} to {}: {what}{cut}{copy}, {arrival}", name(to));
                at(from, words)
            }
            Self::Arrived {
                datagram,
                from,
                to,
                what,
            } => at(to, format!("{datagram} from {}: {what}", name(from))),
            Self::Lost {
                datagram,
                from,
                to,
                what,
                why,
            } => {
                let towards = to.map_or_else(String::new, |to| format!(" to {}", name(&to)));
                at(from, format!("{datagram}{towards} is LOST, {why}: {what}"))
            }
            Self::Dropped {
                datagram,
                host,
                address,
            } => at(
                host,
                format!("{datagram} is LOST: the buffer of {address} is full"),
            ),
        }
    }
}
