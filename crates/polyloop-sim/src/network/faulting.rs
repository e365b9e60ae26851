//! How faults are made, mended, planned and drawn.

use std::time::Duration;

use super::end::{Owner, Phase};
use super::fault::{Crash, Fault, FaultKind, FaultRate};
use super::packet::{EndKey, Outbound, Side};
use super::queue::Due;
use super::{Link, Nanos, Network, nanos};
use crate::HostId;
use crate::trace::{Event, Phase as FaultPhase};

/// What is going to break or to be mended.
#[derive(Clone, Debug)]
pub(super) enum Planned {
    Asked(Fault),
    /// A drawn fault is over.
    Ends(FaultKind, HostId, HostId),
}

impl Network {
    /// Breaks or mends something now.
    pub(crate) fn apply(&mut self, now: Nanos, fault: Fault) {
        self.make(now, fault);
    }

    /// Breaks or mends something then.
    pub(crate) fn at(&mut self, time: Nanos, fault: Fault) {
        let place = self.planned.insert(Planned::Asked(fault));
        self.queue.push(time, Due::Fault(place));
    }

    /// Faults at a rate, from now on.
    pub(crate) fn draw_faults(&mut self, now: Nanos, rate: FaultRate) {
        self.rates.push(rate);
        self.next_draw(now, self.rates.len() - 1);
    }

    /// The links between two hosts that have none of their own.
    pub(crate) fn set_default_link(&mut self, now: Nanos, link: Link) {
        self.link = link;
        let text = "new link between hosts without one of their own".to_owned();
        self.tell(now, FaultPhase::Passes, None, None, text);
        for key in self.keys(|connection| connection.hosts[0] != connection.hosts[1]) {
            self.doubt(now, key);
        }
    }

    pub(super) fn on_planned(&mut self, now: Nanos, place: usize) {
        match self.planned.try_remove(place) {
            Some(Planned::Asked(fault)) => self.make(now, fault),
            Some(Planned::Ends(kind, a, b)) => self.end_drawn(now, kind, a, b),
            None => {}
        }
    }

    fn make(&mut self, now: Nanos, fault: Fault) {
        match fault {
            Fault::Cut { from, to } => {
                self.wires.entry((from, to)).or_default().cut = true;
                self.tell_way(now, FaultPhase::Begins, "cut", from, to);
                self.suspect(now, from, Some(to));
            }
            Fault::Partition { a, b } => {
                for way in [(a, b), (b, a)] {
                    self.wires.entry(way).or_default().cut = true;
                }
                self.tell_pair(now, FaultPhase::Begins, "partition", a, b);
                self.suspect(now, a, Some(b));
            }
            Fault::Isolate { host } => {
                self.machine_mut(host).isolated = true;
                self.tell_host(now, FaultPhase::Begins, "isolated", host);
                self.suspect(now, host, None);
            }
            Fault::Heal { a, b } => {
                for way in [(a, b), (b, a)] {
                    if let Some(wire) = self.wires.get_mut(&way) {
                        wire.cut = false;
                        wire.drawn_cuts = 0;
                    }
                }
                self.tell_pair(now, FaultPhase::Ends, "healed", a, b);
            }
            Fault::Rejoin { host } => {
                self.machine_mut(host).isolated = false;
                self.tell_host(now, FaultPhase::Ends, "rejoined", host);
            }
            Fault::HealAll => self.heal_all(now),
            Fault::Hold { from, to } => {
                self.wires.entry((from, to)).or_default().held = true;
                self.tell_way(now, FaultPhase::Begins, "hold", from, to);
                self.suspect(now, from, Some(to));
            }
            Fault::Release { from, to } => {
                if let Some(wire) = self.wires.get_mut(&(from, to)) {
                    wire.held = false;
                    wire.drawn_holds = 0;
                }
                self.tell_way(now, FaultPhase::Ends, "released", from, to);
                self.release(now, from, to);
            }
            Fault::Link { from, to, link } => {
                self.wires.entry((from, to)).or_default().link = Some(link);
                self.tell_way(now, FaultPhase::Passes, "new link", from, to);
                self.suspect(now, from, Some(to));
            }
            Fault::Reset { connection } => {
                for key in self.keys(|found| found.id == connection) {
                    self.effects.record(now, || Event::Fault {
                        host: None,
                        peer: None,
                        phase: FaultPhase::Passes,
                        text: format!("reset of connection {}", connection.0),
                    });
                    self.reset_both(now, key);
                }
            }
            Fault::Descriptors { host, limit } => {
                self.machine_mut(host).descriptor_limit = limit;
                let text = match limit {
                    Some(limit) => format!("{limit} descriptors"),
                    None => "descriptors without limit".to_owned(),
                };
                self.tell_host(now, FaultPhase::Passes, &text, host);
            }
        }
    }

    fn heal_all(&mut self, now: Nanos) {
        for machine in &mut self.machines {
            machine.isolated = false;
        }
        let ways: Vec<_> = self.wires.keys().copied().collect();
        for wire in self.wires.values_mut() {
            wire.cut = false;
            wire.drawn_cuts = 0;
            wire.held = false;
            wire.drawn_holds = 0;
        }
        self.tell(now, FaultPhase::Ends, None, None, "all healed".to_owned());
        for (from, to) in ways {
            self.release(now, from, to);
        }
    }

    fn next_draw(&mut self, now: Nanos, place: usize) {
        let wait = self.around(self.rates[place].every).max(1);
        self.queue.push(now + wait, Due::Draw(place));
    }

    /// Some time, this long on average.
    fn around(&mut self, mean: Duration) -> Nanos {
        self.rng.u64(0..=nanos(mean).saturating_mul(2))
    }

    /// A fault of some rate happens, somewhere.
    pub(super) fn on_draw(&mut self, now: Nanos, place: usize) {
        let FaultRate { kind, lasting, .. } = self.rates[place];
        self.next_draw(now, place);
        if kind == FaultKind::Reset {
            let keys = self.keys(|_| true);
            if !keys.is_empty() {
                let key = keys[self.pick(keys.len())];
                self.make(now, Fault::Reset { connection: key.id });
            }
            return;
        }
        let Some((a, b)) = self.some_pair() else {
            return;
        };
        match kind {
            FaultKind::Partition => {
                self.wires.entry((a, b)).or_default().drawn_cuts += 1;
                self.wires.entry((b, a)).or_default().drawn_cuts += 1;
                self.tell_pair(now, FaultPhase::Begins, "partition", a, b);
            }
            FaultKind::Cut => {
                self.wires.entry((a, b)).or_default().drawn_cuts += 1;
                self.tell_way(now, FaultPhase::Begins, "cut", a, b);
            }
            FaultKind::Hold | FaultKind::Reset => {
                self.wires.entry((a, b)).or_default().drawn_holds += 1;
                self.tell_way(now, FaultPhase::Begins, "hold", a, b);
            }
        }
        self.suspect(now, a, Some(b));
        let end = now + self.around(lasting);
        let place = self.planned.insert(Planned::Ends(kind, a, b));
        self.queue.push(end, Due::Fault(place));
    }

    /// Two hosts; more likely such that have to do with each other.
    fn some_pair(&mut self) -> Option<(HostId, HostId)> {
        let count = u32::try_from(self.machines.len()).unwrap_or(u32::MAX);
        if count < 2 {
            return None;
        }
        if self.rng.bool() {
            let apart = self.keys(|connection| {
                let [from, to] = connection.hosts;
                to.is_some() && from != to
            });
            if !apart.is_empty() {
                let key = apart[self.pick(apart.len())];
                let [from, to] = self.connection_of(key)?.hosts;
                let pair = (from?, to?);
                return Some(if self.rng.bool() {
                    pair
                } else {
                    (pair.1, pair.0)
                });
            }
        }
        let a = self.rng.u32(..count);
        let b = (a + self.rng.u32(1..count)) % count;
        Some((HostId(a), HostId(b)))
    }

    fn end_drawn(&mut self, now: Nanos, kind: FaultKind, a: HostId, b: HostId) {
        let mut less = |way, hold: bool| {
            if let Some(wire) = self.wires.get_mut(&way) {
                let count = if hold {
                    &mut wire.drawn_holds
                } else {
                    &mut wire.drawn_cuts
                };
                *count = count.saturating_sub(1);
            }
        };
        match kind {
            FaultKind::Partition => {
                less((a, b), false);
                less((b, a), false);
                self.tell_pair(now, FaultPhase::Ends, "healed", a, b);
            }
            FaultKind::Cut => {
                less((a, b), false);
                self.tell_way(now, FaultPhase::Ends, "healed", a, b);
            }
            FaultKind::Hold | FaultKind::Reset => {
                less((a, b), true);
                self.tell_way(now, FaultPhase::Ends, "released", a, b);
                self.release(now, a, b);
            }
        }
    }

    /// All the host's sockets are gone. Its tasks are the caller's affair.
    pub(crate) fn crash(&mut self, now: Nanos, host: HostId, how: Crash) {
        let text = match how {
            Crash::Reset => "crashed: its peers are reset",
            Crash::Silent => "crashed: its peers are not told",
        };
        self.tell_host(now, FaultPhase::Begins, text, host);
        for key in self.listeners_of(host) {
            self.remove_listener(now, key);
        }
        for key in self.keys(|connection| connection.hosts.contains(&Some(host))) {
            for side in [Side::Client, Side::Server] {
                let at = EndKey { key, side };
                let Some(end) = self.end_mut(at).filter(|end| end.host == host) else {
                    continue;
                };
                end.owner = Owner::Nobody;
                end.incoming.clear();
                let wakers = [end.reader.take(), end.writer.take()];
                let tells =
                    how == Crash::Reset && matches!(end.phase, Phase::Open | Phase::Answering);
                self.effects.discard.extend(wakers.into_iter().flatten());
                if tells {
                    self.transmit(now, at, Outbound::reset());
                }
                self.die(now, at, None, tells);
                self.let_go(now, at);
            }
        }
        self.forget_datagrams(now, host);
        let machine = self.machine_mut(host);
        machine.forget();
        machine.down = how == Crash::Silent;
        self.suspect(now, host, None);
    }

    /// The host is back, with nothing open.
    pub(crate) fn restart(&mut self, now: Nanos, host: HostId) {
        self.machine_mut(host).down = false;
        self.tell_host(now, FaultPhase::Ends, "restarted", host);
    }

    /// The host stands still: what arrives waits.
    pub(crate) fn pause(&mut self, now: Nanos, host: HostId) {
        self.machine_mut(host).paused = true;
        self.tell_host(now, FaultPhase::Begins, "paused", host);
        self.suspect(now, host, None);
    }

    /// The host goes on.
    pub(crate) fn resume(&mut self, now: Nanos, host: HostId) {
        // What it has missed is due now, and not in the past.
        self.queue.catch_up(now);
        let machine = self.machine_mut(host);
        machine.paused = false;
        let packets = std::mem::take(&mut machine.frozen_packets);
        let datagrams = std::mem::take(&mut machine.frozen_datagrams);
        let timers = std::mem::take(&mut machine.frozen_timers);
        for packet in packets {
            self.queue.push(now, Due::Packet(packet));
        }
        for flight in datagrams {
            self.queue.push(now, Due::Flight(Box::new(flight)));
        }
        for at in timers {
            if let Some(end) = self.end_mut(at) {
                end.alarms.queued = now;
            }
            self.queue.push(now, Due::Timer(at));
        }
        self.tell_host(now, FaultPhase::Ends, "resumed", host);
    }

    /// Whatever has to do with `host`, or with these two hosts, can't rely on being told
    /// any more.
    fn suspect(&mut self, now: Nanos, host: HostId, other: Option<HostId>) {
        let keys = self.keys(|connection| {
            let [from, to] = connection.hosts;
            from != to
                && (from == Some(host) || to == Some(host))
                && (other.is_none() || from == other || to == other)
        });
        for key in keys {
            self.doubt(now, key);
        }
    }

    fn tell_host(&mut self, now: Nanos, phase: FaultPhase, text: &str, host: HostId) {
        let text = format!("{}: {text}", self.host_name(host));
        self.tell(now, phase, Some(host), None, text);
    }

    fn tell_way(&mut self, now: Nanos, phase: FaultPhase, text: &str, from: HostId, to: HostId) {
        let (a, b) = (self.host_name(from), self.host_name(to));
        let text = format!("{text} from {a} to {b}");
        self.tell(now, phase, Some(from), Some(to), text);
    }

    fn tell_pair(&mut self, now: Nanos, phase: FaultPhase, text: &str, a: HostId, b: HostId) {
        let text = format!(
            "{text} between {} and {}",
            self.host_name(a),
            self.host_name(b)
        );
        self.tell(now, phase, Some(a), Some(b), text);
    }

    fn tell(
        &mut self,
        now: Nanos,
        phase: FaultPhase,
        host: Option<HostId>,
        peer: Option<HostId>,
        text: String,
    ) {
        self.effects.record(now, || Event::Fault {
            host,
            peer,
            phase,
            text,
        });
    }
}
