//! A socket for datagrams, as its program has it.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Poll, Waker};

use bytes::Bytes;
use polyloop_core::UdpOptions;

use super::setting::Settings;
use super::{Interface, UdpId};
use crate::HostId;
use crate::network::address::{Reach, mapped, no_datagrams_to, reach, reachable, unmapped};
use crate::network::binding::{Kind, Wanted};
use crate::network::errno::Errno;
use crate::network::ports::Binding;
use crate::network::queue::Due;
use crate::network::{Nanos, Network};
use crate::trace::DatagramEvent;

/// What a buffer holds unless the program says otherwise, as on Linux.
const BUFFER: usize = 212_992;

/// What a datagram takes of a buffer beside its bytes: empty ones fill it, too.
const KEEPING: usize = 256;

/// A socket for datagrams.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) serial: u64,
    pub(super) host: HostId,
    /// As its program knows it.
    local: SocketAddr,
    pub(super) binding: Binding,
    /// Whom it is connected to.
    pub(super) peer: Option<SocketAddr>,
    pub(super) settings: Settings,
    /// The groups that it is in, each on one of the host's interfaces.
    pub(super) groups: BTreeSet<(IpAddr, Interface)>,
    /// To be told at the next call.
    pub(super) error: Option<Errno>,
    arrived: VecDeque<(SocketAddr, Bytes)>,
    /// How many bytes of the buffer they take.
    held: usize,
    holds: usize,
    /// What has not left yet: when it does, and what it takes.
    leaving: VecDeque<(Nanos, usize)>,
    kept: usize,
    keeps: usize,
    /// When the network is asked to look for room.
    looks: Option<Nanos>,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
}

impl Socket {
    pub(super) fn port(&self) -> u16 {
        self.local.port()
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Keeps what has arrived; false if there is no room, and it is lost.
    pub(super) fn take_in(&mut self, from: SocketAddr, data: Bytes) -> bool {
        let takes = data.len() + KEEPING;
        // One fits always, or a small buffer would never get it.
        if !self.arrived.is_empty() && self.held + takes > self.holds {
            return false;
        }
        self.held += takes;
        self.arrived.push_back((from, data));
        true
    }

    fn take_out(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Errno> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let (from, data) = self.arrived.pop_front().ok_or(Errno::WouldBlock)?;
        self.held -= data.len() + KEEPING;
        let length = data.len().min(buffer.len());
        buffer[..length].copy_from_slice(&data[..length]);
        Ok((length, from))
    }

    /// A datagram of that length has to wait until then before it has left.
    pub(super) fn keep_until(&mut self, now: Nanos, leaves: Nanos, length: usize) {
        if leaves > now {
            let takes = length + KEEPING;
            self.kept += takes;
            self.leaving.push_back((leaves, takes));
        }
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&mut self, now: Nanos) -> bool {
        let kept = &mut self.kept;
        self.leaving.retain(|(leaves, takes)| {
            let left = *leaves <= now;
            *kept -= if left { *takes } else { 0 };
            !left
        });
        // One leaves always, however small the buffer is.
        self.kept < self.keeps || self.leaving.is_empty()
    }

    fn all_wakers(&mut self) -> impl Iterator<Item = Waker> {
        self.readers.drain(..).chain(self.writers.drain(..))
    }
}

/// Any number may wait; each of them once.
fn remember(waiting: &mut Vec<Waker>, waker: &Waker) {
    if !waiting.iter().any(|known| known.will_wake(waker)) {
        waiting.push(waker.clone());
    }
}

impl Network {
    /// A socket on `address`.
    pub(crate) fn bind_udp(
        &mut self,
        now: Nanos,
        host: HostId,
        address: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<UdpId> {
        let wanted = Wanted {
            address,
            v6_only: options.v6_only,
            reuse: options.reuse_address,
            share: options.reuse_port,
            kind: Kind::Datagrams,
        };
        let (binding, port) = self.machines[host.index()].bind(now, &wanted)?;
        let local = SocketAddr::new(address.ip(), port);
        self.datagrams.next_socket += 1;
        let serial = self.datagrams.next_socket;
        let index = self.datagrams.sockets.insert(Socket {
            serial,
            host,
            local,
            binding,
            peer: None,
            settings: Settings::new(options.broadcast),
            groups: BTreeSet::new(),
            error: None,
            arrived: VecDeque::new(),
            held: 0,
            holds: options.recv_buffer_size.unwrap_or(BUFFER),
            leaving: VecDeque::new(),
            kept: 0,
            keeps: options.send_buffer_size.unwrap_or(BUFFER),
            looks: None,
            readers: Vec::new(),
            writers: Vec::new(),
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let id = UdpId { index, serial };
        let bound = &mut self.datagrams.bound;
        bound.entry((host, port)).or_default().push(id);
        self.effects.record(now, || DatagramEvent::Bound {
            host,
            address: local,
        });
        Ok(id)
    }

    /// Has a socket send to `peer`, and receive from it alone.
    pub(crate) fn connect_udp(&mut self, id: UdpId, peer: SocketAddr) -> io::Result<()> {
        let (remote, is_mapped) = unmapped(peer);
        let remote = reachable(remote);
        let socket = self.datagrams.socket(id).ok_or(Errno::BadDescriptor)?;
        let (host, port, old) = (socket.host, socket.port(), socket.binding);
        if let Some(errno) = no_datagrams_to(remote) {
            return Err(errno.into());
        }
        let reach = reach(remote.ip());
        if matches!(reach, Reach::Broadcast { .. }) && !socket.settings.broadcast {
            return Err(Errno::AccessDenied.into());
        }
        let own = old.ip;
        let any = own.is_unspecified();
        if own.is_ipv4() != remote.is_ipv4() && !(any && old.dual) {
            return Err(Errno::Unreachable.into());
        }
        let machine = &mut self.machines[host.index()];
        let ip = if any {
            machine.address_towards(remote.ip())
        } else {
            own
        };
        if ip.is_loopback() && matches!(reach, Reach::One) && !machine.owns(remote.ip()) {
            return Err(Errno::Invalid.into());
        }
        let binding = Binding {
            ip,
            dual: false,
            ..old
        };
        machine.udp_ports.leave(port, &old);
        machine.udp_ports.join(port, binding);
        if let Some(socket) = self.datagrams.socket_mut(id) {
            socket.binding = binding;
            let own = SocketAddr::new(ip, port);
            socket.local = if is_mapped { mapped(own) } else { own };
            socket.peer = Some(remote);
        }
        Ok(())
    }

    /// A socket that is open still.
    pub(super) fn udp(&self, id: UdpId) -> Result<&Socket, Errno> {
        self.datagrams.socket(id).ok_or(Errno::BadDescriptor)
    }

    pub(super) fn udp_mut(&mut self, id: UdpId) -> Result<&mut Socket, Errno> {
        self.datagrams.socket_mut(id).ok_or(Errno::BadDescriptor)
    }

    /// Its address.
    pub(crate) fn udp_address(&self, id: UdpId) -> io::Result<SocketAddr> {
        Ok(self.udp(id)?.local())
    }

    /// The next datagram, or what became of an earlier one.
    pub(crate) fn receive_datagram(
        &mut self,
        id: UdpId,
        buffer: &mut [u8],
    ) -> io::Result<(usize, SocketAddr)> {
        Ok(self.udp_mut(id)?.take_out(buffer)?)
    }

    /// The same once there is one.
    pub(crate) fn poll_receive_datagram(
        &mut self,
        id: UdpId,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let socket = self.udp_mut(id)?;
        match socket.take_out(buffer) {
            Err(Errno::WouldBlock) => {
                remember(&mut socket.readers, waker);
                Poll::Pending
            }
            taken => Poll::Ready(Ok(taken?)),
        }
    }

    /// Ready when another datagram can be sent, or could not be for a reason that is told.
    pub(crate) fn poll_room(
        &mut self,
        now: Nanos,
        id: UdpId,
        waker: &Waker,
    ) -> Poll<io::Result<()>> {
        let socket = self.udp_mut(id)?;
        if socket.error.is_some() || socket.has_room(now) {
            return Poll::Ready(Ok(()));
        }
        remember(&mut socket.writers, waker);
        let first = socket.leaving.iter().map(|(leaves, _)| *leaves).min();
        if let Some(first) = first
            && socket.looks.is_none_or(|looks| first < looks)
        {
            socket.looks = Some(first);
            self.queue.push(first, Due::Room(id));
        }
        Poll::Pending
    }

    /// Something has left a socket.
    pub(in crate::network) fn on_room(&mut self, id: UdpId) {
        if let Some(socket) = self.datagrams.socket_mut(id) {
            socket.looks = None;
            self.effects.wake.append(&mut socket.writers);
        }
    }

    /// Whoever waits to receive has something to receive.
    pub(super) fn wake_readers(&mut self, id: UdpId) {
        if let Some(socket) = self.datagrams.socket_mut(id) {
            self.effects.wake.append(&mut socket.readers);
        }
    }

    /// An error is there to be told, to whoever comes first.
    pub(super) fn wake_all(&mut self, id: UdpId) {
        if let Some(socket) = self.datagrams.socket_mut(id) {
            self.effects.wake.extend(socket.all_wakers());
        }
    }

    /// Lets go of a socket, with all that nobody has received.
    pub(crate) fn close_udp(&mut self, now: Nanos, id: UdpId) {
        if let Some(host) = self.remove_udp(now, id) {
            self.machine_mut(host).close_descriptor();
        }
    }

    fn remove_udp(&mut self, now: Nanos, id: UdpId) -> Option<HostId> {
        self.datagrams.socket(id)?;
        let mut closed = self.datagrams.sockets.remove(id.index as usize);
        let (host, port) = (closed.host, closed.port());
        if let Some(others) = self.datagrams.bound.get_mut(&(host, port)) {
            others.retain(|other| *other != id);
            if others.is_empty() {
                self.datagrams.bound.remove(&(host, port));
            }
        }
        let ports = &mut self.machine_mut(host).udp_ports;
        ports.leave(port, &closed.binding);
        self.effects.discard.extend(closed.all_wakers());
        self.effects.record(now, || DatagramEvent::Closed {
            host,
            address: closed.local,
        });
        Some(host)
    }

    /// The machine has lost its power: nobody on it is told.
    pub(in crate::network) fn forget_datagrams(&mut self, now: Nanos, host: HostId) {
        let bound = &self.datagrams.bound;
        let own = bound.range((host, 0)..=(host, u16::MAX));
        let all: Vec<UdpId> = own.flat_map(|(_, ids)| ids.iter().copied()).collect();
        for id in all {
            self.remove_udp(now, id);
        }
    }
}
