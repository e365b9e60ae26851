//! To whom a datagram goes, and whether it goes at all.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::flight::{Carries, Flight, pieces};
use super::socket::Socket;
use super::{Interface, UdpId};
use crate::HostId;
use crate::network::address::{Reach, no_datagrams_to, reach, reachable, unmapped};
use crate::network::errno::Errno;
use crate::network::link::Oversized;
use crate::network::{Nanos, Network};
use crate::trace::{Datagram, DatagramEvent, Loss};

/// Where a datagram goes, from which address.
struct Aim {
    from: HostId,
    source: SocketAddr,
    destination: SocketAddr,
    interface: Interface,
    /// The hosts that get it, if there are any.
    one: Option<HostId>,
    more: Vec<HostId>,
}

impl Aim {
    fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.one.into_iter().chain(self.more.iter().copied())
    }
}

/// What an IP packet has room for.
fn longest(to: SocketAddr) -> usize {
    match to {
        SocketAddr::V4(_) => 65_507,
        SocketAddr::V6(_) => 65_527,
    }
}

impl Network {
    /// Sends a datagram, to the peer if no address is given. Whatever becomes of it, that is
    /// all that its sender is told.
    pub(crate) fn send_datagram(
        &mut self,
        now: Nanos,
        id: UdpId,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> io::Result<usize> {
        let aim = self.aim(now, id, data.len(), to)?;
        let (from, to) = (aim.from, aim.destination);
        self.effects.record_payload(now, || DatagramEvent::Written {
            host: from,
            to,
            bytes: data.to_vec(),
        });
        let bytes = Bytes::copy_from_slice(data);
        let flight = |id, to| Flight {
            id,
            from,
            to,
            source: aim.source,
            destination: aim.destination,
            interface: aim.interface,
            carries: Carries::Data(bytes.clone()),
        };
        let mut leaves = now;
        for host in aim.hosts() {
            let flight = flight(self.datagrams.next_id(), host);
            leaves = leaves.max(self.launch(now, flight));
        }
        if aim.one.is_none() && aim.more.is_empty() {
            let datagram = self.datagrams.next_id();
            let what = Datagram::Data {
                source: aim.source,
                destination: to,
                length: data.len(),
            };
            self.effects.record(now, || DatagramEvent::Lost {
                datagram,
                from,
                to: None,
                what,
                why: Loss::Nobody,
            });
        }
        if let Ok(socket) = self.udp_mut(id) {
            socket.keep_until(now, leaves, data.len());
        }
        Ok(data.len())
    }

    /// The same once there is room.
    pub(crate) fn poll_send_datagram(
        &mut self,
        now: Nanos,
        id: UdpId,
        data: &[u8],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        match self.send_datagram(now, id, data, to) {
            Err(full) if full.kind() == io::ErrorKind::WouldBlock => {
                self.poll_room(now, id, waker).map_ok(|()| 0)
            }
            sent => Poll::Ready(sent),
        }
    }

    fn aim(
        &mut self,
        now: Nanos,
        id: UdpId,
        length: usize,
        to: Option<SocketAddr>,
    ) -> Result<Aim, Errno> {
        let socket = self.udp_mut(id)?;
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let to = to.or(socket.peer).ok_or(Errno::DestinationRequired)?;
        let to = reachable(unmapped(to).0);
        if to.port() == 0 {
            return Err(Errno::Invalid);
        }
        if length > longest(to) {
            return Err(Errno::MessageSize);
        }
        if let Some(errno) = no_datagrams_to(to) {
            return Err(errno);
        }
        let aim = self.aim_at(self.udp(id)?, to)?;
        for host in aim.hosts() {
            let link = self.link(aim.from, host);
            let is_long = pieces(length, to.is_ipv4(), link.mtu) > 1;
            if is_long && link.oversized == Oversized::Refused && host != aim.from {
                return Err(Errno::MessageSize);
            }
        }
        if self.udp_mut(id)?.has_room(now) {
            Ok(aim)
        } else {
            Err(Errno::WouldBlock)
        }
    }

    fn aim_at(&self, socket: &Socket, to: SocketAddr) -> Result<Aim, Errno> {
        let (from, machine) = (socket.host, self.machine(socket.host));
        let reach = reach(to.ip());
        if matches!(reach, Reach::Broadcast { .. }) && !socket.settings.broadcast {
            return Err(Errno::AccessDenied);
        }
        // A socket on the address of a group, or of everybody, sends from that of its host.
        let bound = socket.binding.ip;
        let of_one = matches!(self::reach(bound), Reach::One);
        let own = (of_one && !bound.is_unspecified()).then_some(bound);
        if own.is_some_and(|own| own.is_ipv4() != to.is_ipv4()) {
            return Err(Errno::Unreachable);
        }
        let is_inside = own.is_some_and(|own| own.is_loopback());
        let mut aim = Aim {
            from,
            source: to,
            destination: SocketAddr::new(to.ip(), to.port()),
            interface: Interface::Network,
            one: None,
            more: Vec::new(),
        };
        match reach {
            Reach::One => {
                aim.one = self.route(from, to.ip());
                if is_inside && aim.one != Some(from) {
                    return Err(Errno::Invalid);
                }
                if to.ip().is_loopback() {
                    aim.interface = Interface::Loopback;
                }
            }
            Reach::Broadcast { inside } => {
                aim.one = Some(from);
                if inside || is_inside {
                    aim.interface = Interface::Loopback;
                } else {
                    aim.more = self.others(from, |_| true);
                }
            }
            Reach::Group => {
                let chosen = match to {
                    SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                        Some(Interface::of_index(v6.scope_id())?)
                    }
                    _ => Interface::named(machine, socket.settings.multicast_interface())?,
                };
                aim.interface = match chosen {
                    Some(chosen) => chosen,
                    None if is_inside => Interface::Loopback,
                    None => Interface::Network,
                };
                let is_in = |host| self.has_member(host, to, aim.interface);
                if socket.settings.multicast_loop && is_in(from) {
                    aim.one = Some(from);
                }
                if aim.interface == Interface::Network && socket.settings.multicast_ttl() > 0 {
                    aim.more = self.others(from, is_in);
                }
            }
        }
        let towards = match (aim.interface, to.ip()) {
            (Interface::Loopback, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
            (Interface::Loopback, IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
            (Interface::Network, ip) => machine.address_towards(ip),
        };
        aim.source = SocketAddr::new(own.unwrap_or(towards), socket.port());
        Ok(aim)
    }

    fn others(&self, from: HostId, which: impl Fn(HostId) -> bool) -> Vec<HostId> {
        let all = (0..self.machines.len()).map(HostId::from_index);
        all.filter(|host| *host != from && which(*host)).collect()
    }

    /// Whether somebody there has joined the group and listens to it on that port.
    fn has_member(&self, host: HostId, to: SocketAddr, interface: Interface) -> bool {
        let mut there = self.datagrams.on_port(host, to.port()).iter();
        there.any(|id| {
            let socket = self.datagrams.socket(*id);
            socket.is_some_and(|socket| socket.groups.contains(&(to.ip(), interface)))
        })
    }
}
