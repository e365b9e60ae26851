//! Listening sockets: which of them a connection belongs to, and the queue in which it
//! waits to be accepted.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::task::{Poll, Waker};

use polyloop_core::{ListenOptions, TcpOptions};

use super::address::mapped;
use super::binding::{Kind, Wanted};
use super::end::{End, Owner};
use super::errno::Errno;
use super::packet::{EndKey, Outbound, Packet};
use super::ports::Binding;
use super::queue::Due;
use super::{ListenerId, Nanos, Network, SocketId};
use crate::HostId;
use crate::trace::Event;

/// Names a listener: its place, and its number, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ListenerKey {
    index: u32,
    serial: u64,
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listening {
    serial: u64,
    pub(super) host: HostId,
    address: SocketAddr,
    binding: Binding,
    backlog: usize,
    options: TcpOptions,
    /// The handshake is over; the program has not accepted them yet.
    ready: VecDeque<EndKey>,
    /// As many as like to: with its cookies a system can do that.
    half_open: BTreeSet<EndKey>,
    /// How many the program has accepted.
    accepted: u64,
    full: Option<Full>,
    pub(super) waker: Option<Waker>,
}

/// A listener has no room.
#[derive(Clone, Copy, Debug)]
struct Full {
    /// What comes until then is taken up again then.
    again: Nanos,
    /// How many the program had accepted.
    accepted: u64,
}

/// How long what finds no room is put off. What arrives together arrives one after the
/// other where machines take time, and a program that accepts has its turns in between.
const PUT_OFF: Nanos = 50_000;

impl Listening {
    fn has_room(&self) -> bool {
        self.ready.len() <= self.backlog
    }

    /// When to look for room again; `None` if the program has made none since the last
    /// time.
    fn look_again(&mut self, now: Nanos, was_put_off: bool) -> Option<Nanos> {
        let accepted = self.accepted;
        match self.full {
            Some(full) if now < full.again => Some(full.again),
            Some(full) if was_put_off && full.accepted == accepted => None,
            _ => {
                let again = now + PUT_OFF;
                self.full = Some(Full { again, accepted });
                Some(again)
            }
        }
    }
}

impl Network {
    /// Listens.
    pub(crate) fn listen(
        &mut self,
        now: Nanos,
        host: HostId,
        address: SocketAddr,
        options: &ListenOptions,
    ) -> io::Result<ListenerId> {
        let wanted = Wanted {
            address,
            v6_only: options.v6_only,
            reuse: options.reuse_address,
            share: options.reuse_port,
            kind: Kind::Listening,
        };
        let (binding, port) = self.machines[host.index()].bind(now, &wanted)?;
        let address = SocketAddr::new(address.ip(), port);
        self.next_listener += 1;
        let serial = self.next_listener;
        let index = self.listeners.insert(Listening {
            serial,
            host,
            address,
            binding,
            backlog: options.backlog as usize,
            options: options.tcp.clone(),
            ready: VecDeque::new(),
            half_open: BTreeSet::new(),
            accepted: 0,
            full: None,
            waker: None,
        });
        self.listening.entry((host, port)).or_default().push(index);
        self.effects
            .record(now, || Event::Listening { host, address });
        Ok(ListenerId(ListenerKey {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            serial,
        }))
    }

    fn listener(&self, key: ListenerKey) -> Option<&Listening> {
        self.listeners
            .get(key.index as usize)
            .filter(|listener| listener.serial == key.serial)
    }

    fn listener_mut(&mut self, key: ListenerKey) -> Option<&mut Listening> {
        self.listeners
            .get_mut(key.index as usize)
            .filter(|listener| listener.serial == key.serial)
    }

    /// The address listened on.
    pub(crate) fn listener_address(&self, listener: ListenerId) -> io::Result<SocketAddr> {
        let found = self.listener(listener.0).ok_or(Errno::BadDescriptor)?;
        Ok(found.address)
    }

    /// The next connection.
    pub(crate) fn poll_accept(
        &mut self,
        _now: Nanos,
        listener: ListenerId,
        waker: &Waker,
    ) -> Poll<io::Result<(SocketId, SocketAddr)>> {
        let Some(found) = self
            .listeners
            .get_mut(listener.0.index as usize)
            .filter(|found| found.serial == listener.0.serial)
        else {
            return Poll::Ready(Err(Errno::BadDescriptor.into()));
        };
        let Some(next) = found.ready.front().copied() else {
            self.effects.remember(&mut found.waker, waker);
            return Poll::Pending;
        };
        let machine = &mut self.machines[found.host.index()];
        if let Err(errno) = machine.check_descriptors() {
            return Poll::Ready(Err(errno.into()));
        }
        found.ready.pop_front();
        found.accepted += 1;
        machine.open_descriptor();
        match self.end_mut(next) {
            Some(end) => {
                end.owner = Owner::Program;
                Poll::Ready(Ok((SocketId(next), end.shown(end.peer))))
            }
            None => Poll::Ready(Err(Errno::BadDescriptor.into())),
        }
    }

    /// Closes a listener and resets what nobody has accepted.
    pub(crate) fn close_listener(&mut self, now: Nanos, listener: ListenerId) {
        let Some(closed) = self.remove_listener(now, listener.0) else {
            return;
        };
        self.machine_mut(closed.host).close_descriptor();
        for end in closed.half_open.into_iter().chain(closed.ready) {
            self.transmit(now, end, Outbound::reset());
            self.abandon(now, end);
        }
    }

    /// Nobody will ever have this end.
    fn abandon(&mut self, now: Nanos, at: EndKey) {
        if let Some(end) = self.end_mut(at) {
            end.owner = Owner::Nobody;
            end.incoming.clear();
        }
        self.die(now, at, None, true);
        self.let_go(now, at);
    }

    /// Takes a listener away, with its port.
    pub(super) fn remove_listener(&mut self, now: Nanos, key: ListenerKey) -> Option<Listening> {
        self.listener(key)?;
        let mut closed = self.listeners.remove(key.index as usize);
        let (host, port) = (closed.host, closed.address.port());
        if let Some(places) = self.listening.get_mut(&(host, port)) {
            places.retain(|place| *place != key.index as usize);
            if places.is_empty() {
                self.listening.remove(&(host, port));
            }
        }
        self.machine_mut(host).ports.leave(port, &closed.binding);
        self.effects.discard.extend(closed.waker.take());
        self.effects.record(now, || Event::ListenerClosed {
            host,
            address: closed.address,
        });
        Some(closed)
    }

    /// All listeners of a host.
    pub(super) fn listeners_of(&self, host: HostId) -> Vec<ListenerKey> {
        self.listeners
            .iter()
            .filter(|(_, listener)| listener.host == host)
            .map(|(index, listener)| ListenerKey {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                serial: listener.serial,
            })
            .collect()
    }

    /// Which listener a connection to `address` belongs to: the most exact one, and one
    /// of them if several share the port.
    fn find_listener(&mut self, host: HostId, address: SocketAddr) -> Option<ListenerKey> {
        let places = self.listening.get(&(host, address.port()))?;
        let rank = |place: &usize| {
            let listener = &self.listeners[*place];
            let bound = listener.binding.ip;
            if bound == address.ip() {
                2
            } else if bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4() {
                1
            } else {
                i32::from(listener.binding.dual) - 1
            }
        };
        let best = places.iter().map(rank).max().filter(|best| *best >= 0)?;
        let equals: Vec<usize> = places
            .iter()
            .copied()
            .filter(|place| rank(place) == best)
            .collect();
        let index = match equals[..] {
            [only] => only,
            _ => equals[self.pick(equals.len())],
        };
        Some(ListenerKey {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            serial: self.listeners[index].serial,
        })
    }

    /// Somebody wants to connect.
    pub(super) fn answer(&mut self, now: Nanos, packet: Packet) {
        let to = packet.to;
        let Some(connection) = self.connection_of(to.key) else {
            return;
        };
        let [client, local] = connection.addresses;
        let [Some(from), Some(host)] = connection.hosts else {
            return;
        };
        let Some(key) = self.find_listener(host, local) else {
            return self.transmit(now, to, Outbound::reset());
        };
        let segment = self.link(host, from).segment;
        let Some(packet) = self.find_room(now, key, packet) else {
            return;
        };
        let Some(listener) = self.listener_mut(key) else {
            return;
        };
        listener.half_open.insert(to);
        let binding = Binding::connected(local.ip(), listener.binding.reuse);
        let mut end = End::new(
            host,
            (local, client),
            Owner::Backlog(key),
            &listener.options,
            segment,
            now,
        );
        end.mapped = local.is_ipv4() && listener.address.is_ipv6();
        end.binding = Some(binding);
        end.outgoing.open_window(packet.segment.edge);
        self.machine_mut(host).ports.join(local.port(), binding);
        if let Some(connection) = self.connection_mut(to.key) {
            connection.ends[to.side as usize] = Some(end);
        }
        self.with_end(now, to, |end, out| end.greet(now, out));
    }

    /// The handshake is over with this packet, which is given back: the connection may be
    /// accepted. Unless there is no room; then its client alone believes so.
    pub(super) fn enqueue(&mut self, now: Nanos, packet: Packet) -> Option<Packet> {
        let end = packet.to;
        let Some(Owner::Backlog(key)) = self.end(end).map(|end| end.owner) else {
            return None;
        };
        let packet = self.find_room(now, key, packet)?;
        self.end_mut(end)?.establish(now);
        if let Some(listener) = self
            .listeners
            .get_mut(key.index as usize)
            .filter(|listener| listener.serial == key.serial)
        {
            listener.half_open.remove(&end);
            listener.ready.push_back(end);
            self.effects.wake(&mut listener.waker);
        }
        Some(packet)
    }

    /// Gives the packet back if there is room for one connection more. If not, it is taken
    /// up again when the program has had its turns, or is lost: as on Linux, nobody is
    /// refused, but may try again.
    fn find_room(&mut self, now: Nanos, key: ListenerKey, packet: Packet) -> Option<Packet> {
        let listener = self.listener_mut(key)?;
        if listener.has_room() {
            return Some(packet);
        }
        if let Some(again) = listener.look_again(now, packet.put_off) {
            let put_off = true;
            self.queue
                .push(again, Due::Packet(Packet { put_off, ..packet }));
        } else if let Some((from, to)) = self.way_of(&packet) {
            self.lose(now, from, to, &packet);
        }
        None
    }

    /// The handshake has failed.
    pub(super) fn forget_half_open(&mut self, key: ListenerKey, end: EndKey) {
        if let Some(listener) = self.listener_mut(key) {
            listener.half_open.remove(&end);
        }
    }
}

impl End {
    /// An address as this end's socket calls it.
    pub(super) fn shown(&self, address: SocketAddr) -> SocketAddr {
        if self.mapped {
            mapped(address)
        } else {
            address
        }
    }
}
