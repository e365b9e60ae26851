//! The queue of what is going to happen.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use slab::Slab;

use super::Nanos;
use super::datagrams::{Flight, UdpId};
use super::packet::{EndKey, Key, Packet};
use crate::HostId;

/// What is going to happen.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A packet arrives.
    Packet(Packet),
    /// An end of a connection may have something to do.
    Timer(EndKey),
    /// Something resets a connection.
    Reset(Key),
    /// A datagram arrives.
    Flight(Box<Flight>),
    /// A datagram has left its socket.
    Room(UdpId),
    /// A fault that was asked for, by its place.
    Fault(usize),
    /// A fault of some rate, by its place. These go on for ever.
    Draw(usize),
}

#[derive(Debug)]
struct Entry {
    at: Nanos,
    /// What happens at the same time happens in an order drawn from the seed, except
    /// within a lane: that keeps its own.
    lane: u64,
    sequence: u64,
    /// Where it is: entries are moved about, so they are kept small.
    place: usize,
}

impl Entry {
    fn order(&self) -> (Nanos, u64, u64) {
        (self.at, self.lane, self.sequence)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// What is going to happen, by time.
#[derive(Debug)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    dues: Slab<Due>,
    sequence: u64,
    salt: u64,
    /// What was due before has happened. What a host that stood still has missed is
    /// not put before that.
    clock: Nanos,
    /// How many entries are of those that never end.
    endless: usize,
}

impl Queue {
    pub(super) fn new(salt: u64) -> Self {
        Self {
            heap: BinaryHeap::new(),
            dues: Slab::new(),
            sequence: 0,
            salt,
            clock: 0,
            endless: 0,
        }
    }

    pub(super) fn push(&mut self, at: Nanos, due: Due) {
        let at = at.max(self.clock);
        let lane = match &due {
            Due::Packet(packet) => lane(packet.to),
            Due::Timer(end) => lane(*end),
            Due::Reset(key) => key.id.0 << 1,
            Due::Flight(flight) => lane_between(flight.from, flight.to),
            Due::Room(socket) => 1 << 62 | socket.serial(),
            Due::Fault(_) => u64::MAX,
            Due::Draw(_) => {
                self.endless += 1;
                u64::MAX - 1
            }
        };
        self.sequence += 1;
        self.heap.push(Reverse(Entry {
            at,
            lane: mix(self.salt ^ mix(lane ^ mix(at))),
            sequence: self.sequence,
            place: self.dues.insert(due),
        }));
    }

    pub(super) fn next(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn has_an_end(&self) -> bool {
        self.heap.len() > self.endless
    }

    /// Nothing is put before `now` any more.
    pub(super) fn catch_up(&mut self, now: Nanos) {
        self.clock = self.clock.max(now);
    }

    /// Moves all that is due to `into`, in order.
    pub(super) fn pop_due(&mut self, now: Nanos, into: &mut Vec<Due>) {
        self.catch_up(now);
        while self.next().is_some_and(|at| at <= now) {
            let Some(Reverse(entry)) = self.heap.pop() else {
                return;
            };
            let due = self.dues.remove(entry.place);
            if matches!(due, Due::Draw(_)) {
                self.endless -= 1;
            }
            into.push(due);
        }
    }
}

fn lane(end: EndKey) -> u64 {
    end.key.id.0 << 1 | end.side as u64
}

/// Of datagrams from one host to another.
fn lane_between(from: HostId, to: HostId) -> u64 {
    // Numbers of connections do not get there.
    1 << 63 | u64::from(from.0 & 0x3fff_ffff) << 32 | u64::from(to.0)
}

/// Scatters the bits of a number (the finalizer of `SplitMix64`).
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
