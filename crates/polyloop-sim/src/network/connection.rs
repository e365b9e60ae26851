//! Connections: both ends of each, from the first segment until nobody has either.

use std::net::SocketAddr;

use super::Nanos;
use super::Network;
use super::end::{End, Owner, Phase};
use super::errno::Errno;
use super::outgoing::Fin;
use super::packet::{EndKey, Key, Kind, Outbound, Packet, Side};
use super::resending::Outcome;
use crate::HostId;
use crate::trace::{ConnectionId, Event};

/// A connection, as nobody in it sees it: from both sides.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// Where the client is, and where the server would be.
    pub(super) hosts: [Option<HostId>; 2],
    pub(super) addresses: [SocketAddr; 2],
    pub(super) ends: [Option<End>; 2],
    /// When the last segment to each end arrives.
    pub(super) arrivals: [Nanos; 2],
}

impl Connection {
    /// Where what leaves `from` is to arrive: at the other end, unless a program has
    /// connected a socket to its own address, which then is both.
    pub(super) fn towards(&self, from: EndKey) -> EndKey {
        if self.addresses[0] == self.addresses[1] && self.hosts[0] == self.hosts[1] {
            from
        } else {
            from.other()
        }
    }
}

impl Network {
    pub(super) fn connection_of(&self, key: Key) -> Option<&Connection> {
        self.connections
            .get(key.index as usize)
            .filter(|connection| connection.id == key.id)
    }

    pub(super) fn connection_mut(&mut self, key: Key) -> Option<&mut Connection> {
        self.connections
            .get_mut(key.index as usize)
            .filter(|connection| connection.id == key.id)
    }

    pub(super) fn end(&self, end: EndKey) -> Option<&End> {
        self.connection_of(end.key)?.ends[end.side as usize].as_ref()
    }

    pub(super) fn end_mut(&mut self, end: EndKey) -> Option<&mut End> {
        self.connection_mut(end.key)?.ends[end.side as usize].as_mut()
    }

    /// Makes sure that the end gets its turn when it wants it.
    pub(super) fn arm(&mut self, end: EndKey) {
        let Some(found) = self.end_mut(end) else {
            return;
        };
        let at = found.alarms.next();
        if at < found.alarms.queued {
            found.alarms.queued = at;
            self.queue.push(at, super::queue::Due::Timer(end));
        }
    }

    /// Lets an end do something, and sends what it makes of it.
    pub(super) fn with_end<R>(
        &mut self,
        now: Nanos,
        end: EndKey,
        act: impl FnOnce(&mut End, &mut Vec<Outbound>) -> R,
    ) -> Option<R> {
        let mut out = std::mem::take(&mut self.out);
        let outcome = self.end_mut(end).map(|found| act(found, &mut out));
        self.transmit_all(now, end, &mut out);
        self.out = out;
        self.arm(end);
        outcome
    }

    /// A segment is here.
    pub(super) fn receive(&mut self, now: Nanos, packet: Packet) {
        let to = packet.to;
        let Some(end) = self.end_mut(to) else {
            return match packet.segment.kind {
                Kind::Syn => self.answer(now, packet),
                Kind::Rst => {}
                _ => self.transmit(now, to, Outbound::reset()),
            };
        };
        let Packet {
            sent,
            segment,
            put_off,
            ..
        } = packet;
        match (end.phase, &segment.kind) {
            (Phase::Dead, Kind::Rst) => {}
            (Phase::Dead, _) => self.transmit(now, to, Outbound::reset()),
            (_, Kind::Rst) => self.be_reset(now, to),
            // Both ends begin at once, as on a connection to oneself.
            (Phase::Connecting, Kind::Syn) => {
                self.with_end(now, to, |end, out| end.emit(out, Kind::SynAck));
            }
            (Phase::Connecting, Kind::SynAck) => {
                end.establish(now);
                end.outgoing.open_window(segment.edge);
                self.effects
                    .wake(&mut end_of(&mut self.connections, to).writer);
                self.established(now, to);
                // Before the program can do anything: what it resets has been a
                // connection for its peer, too.
                self.with_end(now, to, End::acknowledge);
            }
            (Phase::Answering, Kind::Syn) => {
                self.with_end(now, to, |end, out| end.greet(now, out));
            }
            (Phase::Open | Phase::Ended, Kind::Syn | Kind::SynAck | Kind::Probe)
            | (Phase::Ended, Kind::Data { .. } | Kind::Fin { .. }) => {
                end.alarms.ack = now;
                self.arm(to);
            }
            (Phase::Connecting | Phase::Ended, _) | (Phase::Answering, Kind::SynAck) => {}
            (Phase::Answering, _) => {
                if let Some(packet) = self.enqueue(
                    now,
                    Packet {
                        to,
                        sent,
                        segment,
                        put_off,
                    },
                ) {
                    self.established(now, to);
                    self.receive_open(now, to, packet.sent, packet.segment);
                }
            }
            (Phase::Open, _) => self.receive_open(now, to, sent, segment),
        }
    }

    fn receive_open(&mut self, now: Nanos, to: EndKey, sent: Nanos, segment: Outbound) {
        let Some(end) = self.end(to) else {
            return;
        };
        if let Kind::Data { offset, payload } = &segment.kind
            && end.owner == Owner::Nobody
            && offset + payload.len() as u64 > end.incoming.expected()
        {
            // Nobody will ever read that.
            self.transmit(now, to, Outbound::reset());
            return self.die(now, to, None, true);
        }
        let wakes = self.with_end(now, to, |end, out| end.receive(now, sent, segment, out));
        let (Some(wakes), Some(end)) = (wakes, self.end_mut(to)) else {
            return;
        };
        let (ended, host) = (end.phase == Phase::Ended, end.host);
        let reader = wakes.reader.then(|| end.reader.take()).flatten();
        let writer = wakes.writer.then(|| end.writer.take()).flatten();
        self.effects.wake.extend(reader);
        self.effects.wake.extend(writer);
        if ended {
            self.effects.record(now, || Event::Closed {
                connection: to.key.id,
                host,
                reset: false,
            });
        }
        self.let_go(now, to);
    }

    fn established(&mut self, now: Nanos, end: EndKey) {
        let Some(host) = self.end(end).map(|end| end.host) else {
            return;
        };
        self.effects.record(now, || Event::Established {
            connection: end.key.id,
            host,
        });
    }

    /// A reset has arrived, or was made up.
    pub(super) fn be_reset(&mut self, now: Nanos, at: EndKey) {
        let Some(end) = self.end(at) else {
            return;
        };
        let error = match end.phase {
            Phase::Dead | Phase::Ended => return,
            Phase::Connecting => Errno::Refused,
            // As on Linux: who has read the end learns by writing.
            _ if end.incoming.has_ended() => Errno::BrokenPipe,
            _ => Errno::Reset,
        };
        self.die(now, at, Some(error), true);
    }

    /// Ends an end at once, without a word to its peer.
    pub(super) fn die(&mut self, now: Nanos, at: EndKey, error: Option<Errno>, reset: bool) {
        let Some(end) = self.end_mut(at) else {
            return;
        };
        if end.phase == Phase::Dead {
            return;
        }
        let (phase, owner, host) = (end.phase, end.owner, end.host);
        end.phase = Phase::Dead;
        end.alarms.stop();
        end.outgoing.clear();
        end.error = error;
        let (reader, writer) = (end.reader.take(), end.writer.take());
        if let (Phase::Answering, Owner::Backlog(listener)) = (phase, owner) {
            end.owner = Owner::Nobody;
            self.forget_half_open(listener, at);
        }
        self.effects.wake.extend(reader);
        self.effects.wake.extend(writer);
        self.effects.record(now, || match (phase, error) {
            (Phase::Connecting, reason) => Event::ConnectFailed {
                connection: at.key.id,
                host,
                reason: reason.map_or("given up", Errno::text).to_owned(),
            },
            _ => Event::Closed {
                connection: at.key.id,
                host,
                reset,
            },
        });
        self.let_go(now, at);
    }

    /// Gives back what an end does not need any more, and forgets the connection when
    /// nobody has either end.
    pub(super) fn let_go(&mut self, now: Nanos, at: EndKey) {
        let Some(connection) = self
            .connections
            .get_mut(at.key.index as usize)
            .filter(|connection| connection.id == at.key.id)
        else {
            return;
        };
        if let Some(end) = &mut connection.ends[at.side as usize] {
            let sent_all = end.owner == Owner::Nobody && end.outgoing.fin == Fin::Acknowledged;
            if (end.phase == Phase::Dead || sent_all)
                && let Some(binding) = end.binding.take()
            {
                let ports = &mut self.machines[end.host.index()].ports;
                ports.leave(end.local.port(), &binding);
                let lingers = end.ended_first && end.phase != Phase::Dead;
                if lingers {
                    ports.linger(now, end.local.port(), binding);
                }
                if end.paired {
                    ports.unpair(now, end.local, end.peer, lingers);
                }
            }
        }
        let over = connection
            .ends
            .iter()
            .all(|end| end.as_ref().is_none_or(End::is_over));
        if over {
            self.connections.remove(at.key.index as usize);
        }
    }

    /// An alarm of an end may have gone off.
    pub(super) fn on_timer(&mut self, now: Nanos, at: EndKey) {
        let Some(end) = self.end_mut(at) else {
            return;
        };
        let host = end.host;
        if end.alarms.queued <= now {
            end.alarms.queued = super::alarm::NEVER;
        }
        if self.machine(host).paused {
            self.machine_mut(host).frozen_timers.push(at);
            if let Some(end) = self.end_mut(at) {
                // Until it goes on, it needs no other entry.
                end.alarms.queued = 0;
            }
            return;
        }
        let keepalive_due = self.end(at).is_some_and(|end| end.alarms.keepalive <= now);
        let in_order = keepalive_due && self.is_in_order(at);
        let outcome = self.with_end(now, at, |end, out| {
            if end.alarms.ack <= now {
                end.alarms.ack = super::alarm::NEVER;
                if matches!(end.phase, Phase::Open | Phase::Ended) {
                    end.acknowledge(out);
                }
            }
            if end.alarms.resend <= now && end.on_resend(now, out) == Outcome::TimedOut {
                return Outcome::TimedOut;
            }
            if end.alarms.keepalive <= now {
                return end.on_keepalive(now, in_order, out);
            }
            Outcome::Alive
        });
        if outcome == Some(Outcome::TimedOut) {
            self.die(now, at, Some(Errno::TimedOut), false);
        }
    }

    /// Whether nothing stands between the two ends of a connection.
    fn is_in_order(&self, at: EndKey) -> bool {
        let Some(connection) = self.connection_of(at.key) else {
            return false;
        };
        let [Some(here), Some(there)] =
            [at.side, at.side.other()].map(|side| connection.hosts[side as usize])
        else {
            return false;
        };
        let peer_knows = self
            .end(at.other())
            .is_some_and(|peer| matches!(peer.phase, Phase::Open | Phase::Ended));
        let open = |from, to| {
            !self.is_cut(from, to)
                && !self.is_held(from, to)
                && (from == to || self.link(from, to).loss < 1.0)
        };
        peer_knows && self.is_up(there) && open(here, there) && open(there, here)
    }

    /// Every connection of which this is so, in order.
    pub(super) fn keys(&self, which: impl Fn(&Connection) -> bool) -> Vec<Key> {
        self.connections
            .iter()
            .filter(|(_, connection)| which(connection))
            .map(|(index, connection)| Key {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                id: connection.id,
            })
            .collect()
    }

    /// Takes part of the queue.
    pub(super) fn happen(&mut self, now: Nanos, due: super::queue::Due) {
        use super::queue::Due;
        match due {
            Due::Packet(packet) => self.arrive(now, packet),
            Due::Timer(end) => self.on_timer(now, end),
            Due::Reset(key) => self.reset_both(now, key),
            Due::Flight(flight) => self.land(now, *flight),
            Due::Room(socket) => self.on_room(socket),
            Due::Fault(place) => self.on_planned(now, place),
            Due::Draw(place) => self.on_draw(now, place),
        }
    }

    /// Resets a connection at both ends.
    pub(super) fn reset_both(&mut self, now: Nanos, key: Key) {
        for side in [Side::Client, Side::Server] {
            self.be_reset(now, EndKey { key, side });
        }
    }
}

/// The end that is known to be there.
fn end_of(connections: &mut slab::Slab<Connection>, at: EndKey) -> &mut End {
    connections[at.key.index as usize].ends[at.side as usize]
        .as_mut()
        .expect("the end was just looked at")
}
