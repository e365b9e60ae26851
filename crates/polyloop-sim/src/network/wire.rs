//! From host to host: what a segment meets on its way.

use std::time::Duration;

use super::datagrams::Flight;
use super::packet::{EndKey, Outbound, Packet, Side};
use super::queue::Due;
use super::{LONGEST, Link, Nanos, Network, nanos};
use crate::HostId;
use crate::trace::Event;

/// The way from one host to another.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Its own link, if it has one.
    pub(super) link: Option<Link>,
    /// Nothing gets through, because a test says so.
    pub(super) cut: bool,
    /// How many faults drawn from the seed say the same.
    pub(super) drawn_cuts: u32,
    pub(super) held: bool,
    pub(super) drawn_holds: u32,
    /// What waits until it is released.
    pub(super) waiting: Vec<Packet>,
    pub(super) waiting_datagrams: Vec<Flight>,
    /// The link has something to send until then.
    busy_until: Nanos,
}

impl Wire {
    fn is_cut(&self) -> bool {
        self.cut || self.drawn_cuts > 0
    }

    pub(super) fn is_held(&self) -> bool {
        self.held || self.drawn_holds > 0
    }

    /// Takes the link for so many bytes, behind what it has to send already: when they have
    /// left.
    pub(super) fn occupy(&mut self, now: Nanos, bytes: u64, bandwidth: u64) -> Nanos {
        occupy(&mut self.busy_until, now, bytes, bandwidth)
    }
}

fn occupy(busy_until: &mut Nanos, now: Nanos, bytes: u64, bandwidth: u64) -> Nanos {
    let takes = u128::from(bytes) * 1_000_000_000 / u128::from(bandwidth.max(1));
    let takes = u64::try_from(takes).map_or(LONGEST, |takes| takes.min(LONGEST));
    let leaves = now.max(*busy_until) + takes;
    *busy_until = leaves.min(LONGEST);
    leaves
}

/// How many segments and datagrams wait for a host that stands still; what comes then is lost, as it is
/// where a system has no time to look at them.
pub(super) const INPUT_QUEUE: usize = 1_000;

/// What becomes of a segment that leaves.
enum Fate {
    Arrives(Nanos),
    /// And something resets the connection on the way.
    Resets(Nanos),
    Waits,
    Lost,
}

impl Network {
    /// Sends what an end has made.
    pub(super) fn transmit_all(&mut self, now: Nanos, from: EndKey, out: &mut Vec<Outbound>) {
        for segment in out.drain(..) {
            self.transmit(now, from, segment);
        }
    }

    pub(super) fn transmit(&mut self, now: Nanos, from: EndKey, segment: Outbound) {
        let Some(connection) = self.connection_of(from.key) else {
            return;
        };
        let to = connection.towards(from);
        let (sender, receiver) = (
            connection.hosts[from.side as usize],
            connection.hosts[to.side as usize],
        );
        let Some(sender) = sender else {
            return;
        };
        let Some(receiver) = receiver else {
            // Nobody has that address.
            return self.doubt(now, from.key);
        };
        let last = connection.arrivals[to.side as usize];
        let fate = self.fate(now, sender, receiver, segment.size(), last);
        let arrives = match fate {
            Fate::Arrives(at) | Fate::Resets(at) => Some(at),
            Fate::Waits | Fate::Lost => None,
        };
        self.effects.record(now, || Event::Sent {
            connection: from.key.id,
            from: sender,
            to: receiver,
            segment: segment.traced(),
            arrives: arrives.map(Duration::from_nanos),
        });
        let packet = Packet {
            to,
            sent: now,
            segment,
            put_off: false,
        };
        match fate {
            Fate::Arrives(at) => self.schedule(at, packet),
            Fate::Resets(at) => {
                self.queue.push(at, Due::Reset(from.key));
            }
            Fate::Waits => self.hold(now, sender, receiver, packet),
            Fate::Lost => self.lose(now, sender, receiver, &packet),
        }
    }

    fn schedule(&mut self, at: Nanos, packet: Packet) {
        let to = packet.to;
        if let Some(connection) = self.connection_mut(to.key) {
            let last = &mut connection.arrivals[to.side as usize];
            *last = at.max(*last);
        }
        self.queue.push(at, Due::Packet(packet));
    }

    fn fate(&mut self, now: Nanos, from: HostId, to: HostId, size: u64, last: Nanos) -> Fate {
        if from == to {
            let loopback = &self.loopback;
            let jitter = self.rng.u64(0..=nanos(loopback.jitter));
            return Fate::Arrives((now + nanos(loopback.latency) + jitter).max(last));
        }
        if self.is_cut(from, to) {
            return Fate::Lost;
        }
        let wire = if self.link.bandwidth.is_some() {
            Some(self.wires.entry((from, to)).or_default())
        } else {
            self.wires.get_mut(&(from, to))
        };
        if wire.as_ref().is_some_and(|wire| wire.is_held()) {
            return Fate::Waits;
        }
        let mut unlimited = 0;
        let (link, busy_until) = match wire {
            Some(wire) => (
                wire.link.as_ref().unwrap_or(&self.link),
                &mut wire.busy_until,
            ),
            None => (&self.link, &mut unlimited),
        };
        let rng = &mut self.rng;
        if link.loss > 0.0 && rng.f64() < link.loss {
            return Fate::Lost;
        }
        let mut leaves = now;
        if let Some(bandwidth) = link.bandwidth {
            leaves = occupy(busy_until, now, size, bandwidth);
        }
        let mut at = leaves + nanos(link.latency) + rng.u64(0..=nanos(link.jitter));
        if link.reorder <= 0.0 || rng.f64() >= link.reorder {
            at = at.max(last);
        }
        if link.reset > 0.0 && rng.f64() < link.reset {
            return Fate::Resets(at);
        }
        Fate::Arrives(at)
    }

    /// The link from one host to another.
    pub(super) fn link(&self, from: HostId, to: HostId) -> &Link {
        if from == to {
            return &self.loopback;
        }
        self.wires
            .get(&(from, to))
            .and_then(|wire| wire.link.as_ref())
            .unwrap_or(&self.link)
    }

    /// How long a segment takes at most from this host to another and back, if nothing
    /// holds it up.
    pub(crate) fn round_trip(&self, host: HostId) -> Nanos {
        let reach = |link: &Link| 2 * (nanos(link.latency) + nanos(link.jitter));
        let ways = (host, HostId(0))..=(host, HostId(u32::MAX));
        let own = self
            .wires
            .range(ways)
            .filter_map(|(_, wire)| wire.link.as_ref());
        own.map(reach).max().unwrap_or_else(|| reach(&self.link))
    }

    pub(super) fn is_cut(&self, from: HostId, to: HostId) -> bool {
        from != to
            && (self.machine(from).isolated
                || self.machine(to).isolated
                || self.wires.get(&(from, to)).is_some_and(Wire::is_cut))
    }

    pub(super) fn is_held(&self, from: HostId, to: HostId) -> bool {
        self.wires.get(&(from, to)).is_some_and(Wire::is_held)
    }

    fn hold(&mut self, now: Nanos, from: HostId, to: HostId, packet: Packet) {
        let key = packet.to.key;
        self.wires
            .entry((from, to))
            .or_default()
            .waiting
            .push(packet);
        self.doubt(now, key);
    }

    /// Lets go what has waited.
    pub(super) fn release(&mut self, now: Nanos, from: HostId, to: HostId) {
        let Some(wire) = self.wires.get_mut(&(from, to)) else {
            return;
        };
        for packet in std::mem::take(&mut wire.waiting) {
            let last = self
                .connection_of(packet.to.key)
                .map_or(0, |connection| connection.arrivals[packet.to.side as usize]);
            match self.fate(now, from, to, packet.segment.size(), last) {
                Fate::Arrives(at) | Fate::Resets(at) => self.schedule(at, packet),
                Fate::Waits => self.hold(now, from, to, packet),
                Fate::Lost => self.lose(now, from, to, &packet),
            }
        }
        self.release_datagrams(now, from, to);
    }

    pub(super) fn lose(&mut self, now: Nanos, from: HostId, to: HostId, packet: &Packet) {
        self.effects.record(now, || Event::Lost {
            connection: packet.to.key.id,
            from,
            to,
            segment: packet.segment.traced(),
        });
        self.doubt(now, packet.to.key);
    }

    /// Something of this connection was lost, or is stuck.
    pub(super) fn doubt(&mut self, now: Nanos, key: super::packet::Key) {
        for side in [Side::Client, Side::Server] {
            let end = EndKey { key, side };
            if let Some(found) = self.end_mut(end) {
                found.doubt(now);
                self.arm(end);
            }
        }
    }

    /// A packet has come to the end of its way.
    pub(super) fn arrive(&mut self, now: Nanos, packet: Packet) {
        let to = packet.to;
        let Some((from_host, to_host)) = self.way_of(&packet) else {
            return;
        };
        // What happened to the way or to the host meanwhile counts too.
        if self.machine(to_host).down || self.is_cut(from_host, to_host) {
            return self.lose(now, from_host, to_host, &packet);
        }
        if from_host != to_host && self.is_held(from_host, to_host) {
            return self.hold(now, from_host, to_host, packet);
        }
        let machine = self.machine_mut(to_host);
        if machine.paused {
            if machine.frozen_packets.len() + machine.frozen_datagrams.len() >= INPUT_QUEUE {
                return self.lose(now, from_host, to_host, &packet);
            }
            machine.frozen_packets.push(packet);
            return self.doubt(now, to.key);
        }
        if !packet.put_off {
            self.effects.record(now, || Event::Arrived {
                connection: to.key.id,
                from: from_host,
                to: to_host,
                segment: packet.segment.traced(),
            });
        }
        self.receive(now, packet);
    }

    /// The hosts that a packet leads from and to.
    pub(super) fn way_of(&self, packet: &Packet) -> Option<(HostId, HostId)> {
        let to = packet.to;
        let hosts = self.connection_of(to.key)?.hosts;
        let [from, to] = [to.side.other(), to.side].map(|side| hosts[side as usize]);
        from.zip(to)
    }
}
