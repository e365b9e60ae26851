//! A datagram on its way from one host to another.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::Interface;
use crate::HostId;
use crate::network::link::Oversized;
use crate::network::queue::Due;
use crate::network::wire::INPUT_QUEUE;
use crate::network::{LONGEST, Nanos, Network, nanos};
use crate::trace::{Datagram, DatagramEvent, DatagramId, Loss};

/// A datagram on its way to one host.
#[derive(Clone, Debug)]
pub(in crate::network) struct Flight {
    pub(super) id: DatagramId,
    pub(in crate::network) from: HostId,
    pub(in crate::network) to: HostId,
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    /// By which it left, and comes in.
    pub(super) interface: Interface,
    pub(super) carries: Carries,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum Carries {
    Data(Bytes),
    /// Nobody was there to take that one.
    Refusal(DatagramId),
}

impl Flight {
    /// How the trace calls it.
    pub(super) fn traced(&self) -> Datagram {
        let (source, destination) = (self.source, self.destination);
        match &self.carries {
            Carries::Data(data) => Datagram::Data {
                source,
                destination,
                length: data.len(),
            },
            Carries::Refusal(of) => Datagram::Refusal { of: *of },
        }
    }

    fn length(&self) -> usize {
        match &self.carries {
            Carries::Data(data) => data.len(),
            // The beginning of what is refused.
            Carries::Refusal(_) => 28,
        }
    }
}

/// The header of UDP.
const HEADER: usize = 8;

/// What IP puts before each piece, and what a piece carries at most beside it.
fn room(is_v4: bool, mtu: usize) -> (usize, usize) {
    // With IPv6 a header more says which piece it is.
    let headers = if is_v4 { 20 } else { 48 };
    // Pieces are counted in eights.
    (headers, (mtu.saturating_sub(headers) / 8).max(1) * 8)
}

/// In how many pieces a datagram of that length travels.
pub(super) fn pieces(length: usize, is_v4: bool, mtu: usize) -> usize {
    let whole = HEADER + length;
    let alone = if is_v4 { 20 } else { 40 };
    if whole + alone <= mtu {
        return 1;
    }
    let (_, room) = room(is_v4, mtu);
    whole.div_ceil(room)
}

/// How a datagram leaves.
struct Way {
    pieces: usize,
    /// When it has left its host.
    leaves: Nanos,
    fate: Fate,
}

enum Fate {
    Arrives(Nanos),
    Waits,
    Lost(Loss),
}

impl Network {
    /// Sends it on its way, and perhaps a copy. When it has left is given back.
    pub(super) fn launch(&mut self, now: Nanos, flight: Flight) -> Nanos {
        let (from, to) = (flight.from, flight.to);
        let duplicate = if from == to {
            0.0
        } else {
            self.link(from, to).duplicate
        };
        if !self.datagrams.happens(duplicate) {
            return self.fly(now, flight, None);
        }
        let copy = Flight {
            id: self.datagrams.next_id(),
            ..flight.clone()
        };
        let original = flight.id;
        let leaves = self.fly(now, flight, None);
        // A network has made it, whose links are not those of the sender.
        self.fly(now, copy, Some(original));
        leaves
    }

    pub(super) fn fly(&mut self, now: Nanos, flight: Flight, copy_of: Option<DatagramId>) -> Nanos {
        let way = self.way_out(now, &flight);
        let arrives = match way.fate {
            Fate::Arrives(at) => Some(Duration::from_nanos(at)),
            Fate::Waits | Fate::Lost(_) => None,
        };
        self.effects.record(now, || DatagramEvent::Sent {
            datagram: flight.id,
            from: flight.from,
            to: flight.to,
            what: flight.traced(),
            pieces: way.pieces,
            copy_of,
            arrives,
        });
        self.go(now, flight, way.fate);
        way.leaves
    }

    fn go(&mut self, now: Nanos, flight: Flight, fate: Fate) {
        match fate {
            Fate::Arrives(at) => {
                if flight.from == flight.to {
                    self.machine_mut(flight.to).last_inside = at;
                }
                self.queue.push(at, Due::Flight(Box::new(flight)));
            }
            Fate::Waits => {
                let way = (flight.from, flight.to);
                let wire = self.wires.entry(way).or_default();
                wire.waiting_datagrams.push(flight);
            }
            Fate::Lost(why) => self.lose_datagram(now, &flight, why),
        }
    }

    fn lose_datagram(&mut self, now: Nanos, flight: &Flight, why: Loss) {
        self.effects.record(now, || DatagramEvent::Lost {
            datagram: flight.id,
            from: flight.from,
            to: Some(flight.to),
            what: flight.traced(),
            why,
        });
    }

    /// Lets go what has waited.
    pub(in crate::network) fn release_datagrams(&mut self, now: Nanos, from: HostId, to: HostId) {
        let Some(wire) = self.wires.get_mut(&(from, to)) else {
            return;
        };
        for flight in std::mem::take(&mut wire.waiting_datagrams) {
            let way = self.way_out(now, &flight);
            self.go(now, flight, way.fate);
        }
    }

    /// What it meets: on a link each piece has its own luck and takes its own time.
    fn way_out(&mut self, now: Nanos, flight: &Flight) -> Way {
        let (from, to) = (flight.from, flight.to);
        let is_v4 = flight.destination.is_ipv4();
        let length = flight.length();
        let way = |pieces, leaves, fate| Way {
            pieces,
            leaves,
            fate,
        };
        if from == to {
            // Inside a host nothing is lost, and nothing overtaken.
            let count = pieces(length, is_v4, self.loopback.mtu);
            let jitter = self.datagrams.up_to(nanos(self.loopback.jitter));
            let at = now + nanos(self.loopback.latency) + jitter;
            let at = at.max(self.machine(to).last_inside);
            return way(count, now, Fate::Arrives(at));
        }
        let count = pieces(length, is_v4, self.link(from, to).mtu);
        if self.is_cut(from, to) {
            return way(count, now, Fate::Lost(Loss::Cut));
        }
        if self.is_held(from, to) {
            return way(count, now, Fate::Waits);
        }
        let link = self.link(from, to).clone();
        if count > 1 && link.oversized != Oversized::Cut {
            return way(count, now, Fate::Lost(Loss::TooLong));
        }
        let (headers, room) = room(is_v4, link.mtu);
        let (mut leaves, mut arrives, mut lost) = (now, now, false);
        let mut left = HEADER + length;
        for _ in 0..count {
            let carried = if count == 1 { left } else { left.min(room) };
            left -= carried;
            if let Some(bandwidth) = link.bandwidth {
                let wire = self.wires.entry((from, to)).or_default();
                leaves = wire.occupy(now, (headers + carried) as u64, bandwidth);
            }
            lost |= self.datagrams.happens(link.loss);
            let jitter = self.datagrams.up_to(nanos(link.jitter));
            arrives = arrives.max(leaves + nanos(link.latency) + jitter);
        }
        let fate = if lost {
            Fate::Lost(Loss::Link)
        } else {
            Fate::Arrives(arrives.min(LONGEST))
        };
        way(count, leaves, fate)
    }

    /// It has come to the end of its way.
    pub(in crate::network) fn land(&mut self, now: Nanos, flight: Flight) {
        let (from, to) = (flight.from, flight.to);
        // What happened to the way or to the host meanwhile counts too.
        if self.machine(to).down {
            return self.lose_datagram(now, &flight, Loss::Down);
        }
        if self.is_cut(from, to) {
            return self.lose_datagram(now, &flight, Loss::Cut);
        }
        if from != to && self.is_held(from, to) {
            return self.go(now, flight, Fate::Waits);
        }
        let machine = self.machine_mut(to);
        if machine.paused {
            let waiting = machine.frozen_packets.len() + machine.frozen_datagrams.len();
            if waiting >= INPUT_QUEUE {
                return self.lose_datagram(now, &flight, Loss::Busy);
            }
            machine.frozen_datagrams.push(flight);
            return;
        }
        self.effects.record(now, || DatagramEvent::Arrived {
            datagram: flight.id,
            from,
            to,
            what: flight.traced(),
        });
        self.deliver(now, flight);
    }
}
