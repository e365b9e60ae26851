//! The network: hosts, the links between them, and TCP, as a state machine.
//!
//! It has no clock, no lock, no thread and no socket of its own. Whoever drives it says
//! what time it is, asks when something happens [next](Network::next_event), and lets it
//! [happen](Network::advance); what then has to be woken or recorded comes out as
//! [`Effects`]. So the same calls at the same times give the same network.
//!
//! | module | what |
//! | --- | --- |
//! | `machine`, `ports`, `binding`, `address`, `errno` | hosts: names, addresses, ports, descriptors, errors |
//! | `link`, `wire`, `packet`, `queue` | from host to host: what segments meet on their way |
//! | `connection`, `end`, `outgoing`, `incoming`, `alarm`, `resending` | TCP |
//! | `listener`, `socket`, `paths` | what programs call |
//! | `datagrams` | UDP, from one socket to another |
//! | `fault`, `faulting` | what breaks |

mod address;
mod alarm;
mod binding;
mod connection;
mod datagrams;
mod effects;
mod end;
mod errno;
mod fault;
mod faulting;
mod incoming;
mod link;
mod listener;
mod machine;
mod outgoing;
mod packet;
mod paths;
mod ports;
mod queue;
mod resending;
mod socket;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use polyloop_core::UnixAddress;
use slab::Slab;

pub(crate) use effects::Effects;
pub use fault::{Crash, Fault, FaultKind, FaultRate};
pub(crate) use link::is_share;
pub use link::{Link, Oversized};

use crate::HostId;
use crate::clock::{LONGEST, Nanos, nanos};
use crate::trace::ConnectionId;
use connection::Connection;
use datagrams::Datagrams;
pub(crate) use datagrams::UdpId;
use faulting::Planned;
use listener::{ListenerKey, Listening};
use machine::Machine;
use packet::{EndKey, Outbound};
use paths::Bound;
use queue::{Due, Queue};
use wire::Wire;

/// Names one end of a connection, as a descriptor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SocketId(EndKey);

impl SocketId {
    /// The connection that it is an end of.
    pub(crate) fn connection(self) -> ConnectionId {
        self.0.key.id
    }
}

/// Names a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId(ListenerKey);

/// Why a connect could not even begin.
#[derive(Debug)]
pub(crate) enum ConnectFailure {
    /// The local address that was asked for can't be had.
    LocalAddress(SocketAddr, io::Error),
    /// Anything else.
    Other(io::Error),
}

/// All hosts, what is open on them, and what is under way between them.
#[derive(Debug)]
pub(crate) struct Network {
    rng: fastrand::Rng,
    machines: Vec<Machine>,
    names: BTreeMap<String, HostId>,
    connections: Slab<Connection>,
    next_connection: u64,
    listeners: Slab<Listening>,
    next_listener: u64,
    listening: BTreeMap<(HostId, u16), Vec<usize>>,
    names_of_sockets: BTreeMap<(HostId, UnixAddress), Bound>,
    next_name: u64,
    datagrams: Datagrams,
    link: Link,
    loopback: Link,
    wires: BTreeMap<(HostId, HostId), Wire>,
    planned: Slab<Planned>,
    rates: Vec<FaultRate>,
    queue: Queue,
    /// Ends of which something was read at this instant: unless their programs answer,
    /// the peers are told of it before time moves on.
    settling: Vec<EndKey>,
    /// That instant.
    settles: Nanos,
    effects: Effects,
    /// Kept for their room.
    out: Vec<Outbound>,
    due: Vec<Due>,
}

impl Network {
    /// No hosts yet. Whatever is drawn is drawn from `rng`; hosts without a link of
    /// their own between them have `link`.
    pub(crate) fn new(mut rng: fastrand::Rng, link: Link) -> Self {
        let salt = rng.u64(..);
        Self {
            queue: Queue::new(salt),
            datagrams: Datagrams::new(queue::mix(salt)),
            rng,
            machines: Vec::new(),
            names: BTreeMap::new(),
            connections: Slab::new(),
            next_connection: 0,
            listeners: Slab::new(),
            next_listener: 0,
            listening: BTreeMap::new(),
            names_of_sockets: BTreeMap::new(),
            next_name: 0,
            link,
            loopback: Link::loopback(),
            wires: BTreeMap::new(),
            planned: Slab::new(),
            rates: Vec::new(),
            settling: Vec::new(),
            settles: 0,
            effects: Effects::recording(),
            out: Vec::new(),
            due: Vec::new(),
        }
    }

    /// Whether [`Effects::records`] is filled. It is, unless told otherwise.
    pub(crate) fn set_recording(&mut self, on: bool) {
        self.effects.set_recording(on);
    }

    /// Whether what programs write is recorded, too. It is not, unless told otherwise.
    pub(crate) fn set_payload(&mut self, on: bool) {
        self.effects.set_payload(on);
    }

    /// What there is to do, to be taken out. To be looked at after each call that takes
    /// the time, and to be done when the lock around the network was let go of.
    pub(crate) fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }

    /// Draws one place of so many; the same on machines of 32 and of 64 bits.
    fn pick(&mut self, places: usize) -> usize {
        let drawn = self.rng.u64(..places.max(1) as u64);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// When something happens next. It may be now, also right after `advance`.
    pub(crate) fn next_event(&mut self) -> Option<Nanos> {
        let settles = self.settles_at();
        settles.or_else(|| self.queue.next())
    }

    /// Whether there is nothing to [do](Self::effects).
    pub(crate) fn is_quiet(&self) -> bool {
        self.effects.is_empty()
    }

    /// Whether nothing will happen any more by itself, apart from faults that are drawn
    /// for ever: then a task that waits for the network waits in vain.
    pub(crate) fn is_idle(&mut self) -> bool {
        !self.queue.has_an_end() && self.settles_at().is_none()
    }

    /// Something was read at this end: what that means for the peer is settled at the end
    /// of the instant.
    fn settle(&mut self, now: Nanos, at: EndKey) {
        self.settles = self.settles.max(now);
        if let Some(end) = self.end_mut(at)
            && !std::mem::replace(&mut end.alarms.settling, true)
        {
            self.settling.push(at);
        }
    }

    /// When the first of those has something to say, if any still has.
    fn settles_at(&mut self) -> Option<Nanos> {
        while let Some(at) = self.settling.first().copied() {
            let settles = self.settles;
            match self.end_mut(at).map(|end| &mut end.alarms) {
                Some(alarms) if alarms.ack <= settles => return Some(alarms.ack),
                Some(alarms) => alarms.settling = false,
                None => {}
            }
            self.settling.swap_remove(0);
        }
        None
    }

    /// Does all that is due. What comes of it at the same time is left for the next
    /// call, so that those who were woken get their turn before.
    pub(crate) fn advance(&mut self, now: Nanos) {
        let mut due = std::mem::take(&mut self.due);
        self.queue.pop_due(now, &mut due);
        let mut settling = std::mem::take(&mut self.settling);
        for at in settling.drain(..) {
            if let Some(end) = self.end_mut(at) {
                end.alarms.settling = false;
                self.on_timer(now, at);
            }
        }
        self.settling = settling;
        for next in due.drain(..) {
            self.happen(now, next);
        }
        self.due = due;
    }
}
