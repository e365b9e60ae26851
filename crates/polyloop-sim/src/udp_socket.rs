//! [`SimUdpSocket`]: a socket for datagrams of a simulated host.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use polyloop_core::net::udp::Addressing;
use polyloop_core::{
    DatagramSocket, MulticastError, MulticastInterface, SendError, UdpOptions, UdpSettings,
};

use crate::Sim;
use crate::clock::Nanos;
use crate::network::{Network, UdpId};
use crate::report::Wait;

/// A socket for datagrams of a simulated host. Dropping it closes it, and loses what nobody
/// has received.
///
/// What it is sent has to fit into its receive buffer, 212,992 bytes unless the options say
/// otherwise, of which each datagram takes its length and 256 bytes. What is on its way through
/// a link with a [bandwidth](crate::Link::bandwidth) takes room in the send buffer until it has
/// left: that is when a send finds none. On links without one there always is.
///
/// Each host has two interfaces: 1 is its loopback, 2 leads to all the others. The broadcast
/// addresses of the network are `255.255.255.255` and `10.255.255.255`. A group is received on
/// the sockets that have joined it, and on no others, as on every system but Linux, where one
/// member on a host is enough for all that are bound to any address.
pub struct SimUdpSocket {
    sim: Sim,
    id: UdpId,
    local: SocketAddr,
    addressing: Addressing,
}

impl SimUdpSocket {
    pub(crate) fn new(sim: Sim, id: UdpId, local: SocketAddr) -> Self {
        Self {
            sim,
            id,
            local,
            addressing: Addressing::new(local, true, None),
        }
    }

    pub(crate) fn connected(mut self, peer: SocketAddr) -> io::Result<Self> {
        self.with(|network, _, id| network.connect_udp(id, peer))?;
        self.addressing = Addressing::new(self.local, true, Some(peer));
        Ok(self)
    }

    pub(crate) fn told_its_address(mut self, options: &UdpOptions) -> io::Result<Self> {
        self.local = self.with(|network, _, id| network.udp_address(id))?;
        let peer = self.addressing.peer();
        self.addressing = Addressing::new(self.local, options.v6_only, peer);
        Ok(self)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Network, Nanos, UdpId) -> T) -> T {
        self.sim
            .with_network(|network, now| act(network, now, self.id))
    }

    fn poll<T>(
        &self,
        wait: Wait,
        act: impl FnOnce(&mut Network, Nanos, UdpId) -> Poll<T>,
    ) -> Poll<T> {
        self.sim
            .poll_network(wait, |network, now| act(network, now, self.id))
    }

    fn destination(&self, to: SocketAddr) -> Result<Option<SocketAddr>, SendError> {
        self.addressing.destination(to, || Ok(self.local))
    }

    fn try_transmit(&self, data: &[u8], to: Option<SocketAddr>) -> Result<(), SendError> {
        let sent = self.with(|network, now, id| network.send_datagram(now, id, data, to));
        self.addressing.told(sent, data, to)
    }

    fn poll_transmit(
        &self,
        cx: &Context<'_>,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Poll<Result<(), SendError>> {
        let sent = self.poll(Wait::Room(self.local), |network, now, id| {
            network.poll_send_datagram(now, id, data, to, cx.waker())
        });
        sent.map(|sent| self.addressing.told(sent, data, to))
    }
}

impl Drop for SimUdpSocket {
    fn drop(&mut self) {
        self.with(Network::close_udp);
    }
}

impl DatagramSocket for SimUdpSocket {
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (length, from) = self.with(|network, _, id| network.receive_datagram(id, buffer))?;
        Ok((length, self.addressing.incoming(from)))
    }

    fn try_send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        self.try_transmit(data, self.destination(to)?)
    }

    fn try_send(&self, data: &[u8]) -> Result<(), SendError> {
        self.try_transmit(data, None)
    }

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let received = self.poll(Wait::Datagram(self.local), |network, _, id| {
            network.poll_receive_datagram(id, buffer, cx.waker())
        });
        received.map_ok(|(length, from)| (length, self.addressing.incoming(from)))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: SocketAddr,
    ) -> Poll<Result<(), SendError>> {
        self.poll_transmit(cx, data, self.destination(to)?)
    }

    fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<(), SendError>> {
        self.poll_transmit(cx, data, None)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(Wait::Room(self.local), |network, now, id| {
            network.poll_room(now, id, cx.waker())
        })
    }
}

impl UdpSettings for SimUdpSocket {
    fn socket(&self) -> Option<&UdpSocket> {
        None
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.addressing.peer()
    }

    fn broadcast(&self) -> io::Result<bool> {
        self.with(|network, _, id| Ok(network.udp_settings(id)?.broadcast))
    }

    fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.with(|network, _, id| {
            network.udp_settings(id)?.broadcast = on;
            Ok(())
        })
    }

    fn ttl(&self) -> io::Result<u32> {
        self.with(|network, _, id| Ok(network.udp_settings(id)?.ttl()))
    }

    fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.with(|network, _, id| network.udp_settings(id)?.set_ttl(hops))
    }

    fn join_multicast(
        &self,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(), MulticastError> {
        interface.check_group(self.local, group)?;
        self.with(|network, _, id| network.join_group(id, group, interface))
            .map_err(|source| refused(group, interface, source))
    }

    fn leave_multicast(
        &self,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(), MulticastError> {
        interface.check_group(self.local, group)?;
        self.with(|network, _, id| network.leave_group(id, group, interface))
            .map_err(|source| refused(group, interface, source))
    }

    fn multicast_ttl(&self) -> io::Result<u32> {
        self.with(|network, _, id| Ok(network.udp_settings(id)?.multicast_ttl()))
    }

    fn set_multicast_ttl(&self, hops: u32) -> io::Result<()> {
        self.with(|network, _, id| network.udp_settings(id)?.set_multicast_ttl(hops))
    }

    fn multicast_loop(&self) -> io::Result<bool> {
        self.with(|network, _, id| Ok(network.udp_settings(id)?.multicast_loop))
    }

    fn set_multicast_loop(&self, on: bool) -> io::Result<()> {
        self.with(|network, _, id| {
            network.udp_settings(id)?.multicast_loop = on;
            Ok(())
        })
    }

    fn multicast_interface(&self) -> io::Result<MulticastInterface> {
        self.with(|network, _, id| Ok(network.udp_settings(id)?.multicast_interface()))
    }

    fn set_multicast_interface(&self, interface: MulticastInterface) -> Result<(), MulticastError> {
        interface.check_outgoing(self.local)?;
        self.with(|network, _, id| network.set_multicast_interface(id, interface))?;
        Ok(())
    }
}

fn refused(group: IpAddr, interface: MulticastInterface, source: io::Error) -> MulticastError {
    MulticastError::Refused {
        group,
        interface,
        source,
    }
}

impl fmt::Debug for SimUdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimUdpSocket")
            .field("local", &self.local)
            .field("peer", &self.addressing.peer())
            .finish_non_exhaustive()
    }
}
