//! What is set on a socket for datagrams, and the groups that it is in.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use polyloop_core::MulticastInterface;

use super::{Interface, UdpId};
use crate::network::Network;
use crate::network::errno::Errno;
use crate::network::machine::Machine;

/// The settings of a socket for datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Whether it may send to a broadcast address.
    pub(crate) broadcast: bool,
    /// Hops to one receiver. No router is between two hosts, so nothing ever runs out of
    /// them.
    ttl: u32,
    /// Hops to a group: with none, nothing leaves the host.
    multicast_ttl: u32,
    /// Whether members on the same host get what it sends.
    pub(crate) multicast_loop: bool,
    /// By which interface what goes to a group leaves.
    multicast_interface: MulticastInterface,
}

impl Settings {
    pub(super) fn new(broadcast: bool) -> Self {
        Self {
            broadcast,
            ttl: 64,
            multicast_ttl: 1,
            multicast_loop: true,
            multicast_interface: MulticastInterface::Default,
        }
    }

    pub(crate) fn ttl(&self) -> u32 {
        self.ttl
    }

    pub(crate) fn set_ttl(&mut self, hops: u32) -> io::Result<()> {
        self.ttl = checked(hops, 1)?;
        Ok(())
    }

    pub(crate) fn multicast_ttl(&self) -> u32 {
        self.multicast_ttl
    }

    pub(crate) fn set_multicast_ttl(&mut self, hops: u32) -> io::Result<()> {
        self.multicast_ttl = checked(hops, 0)?;
        Ok(())
    }

    pub(crate) fn multicast_interface(&self) -> MulticastInterface {
        self.multicast_interface
    }
}

fn checked(hops: u32, least: u32) -> Result<u32, Errno> {
    if (least..=255).contains(&hops) {
        Ok(hops)
    } else {
        Err(Errno::Invalid)
    }
}

impl Interface {
    /// The one of that index.
    pub(super) fn of_index(index: u32) -> Result<Self, Errno> {
        match index {
            1 => Ok(Self::Loopback),
            2 => Ok(Self::Network),
            _ => Err(Errno::NoDevice),
        }
    }

    /// The one that is named; `None` for the one that the system chooses.
    pub(super) fn named(
        machine: &Machine,
        name: MulticastInterface,
    ) -> Result<Option<Self>, Errno> {
        match name {
            MulticastInterface::Address(Ipv4Addr::UNSPECIFIED) => Ok(None),
            MulticastInterface::Address(address) if address.is_loopback() => {
                Ok(Some(Self::Loopback))
            }
            MulticastInterface::Address(address) if machine.owns(address.into()) => {
                Ok(Some(Self::Network))
            }
            MulticastInterface::Address(_) => Err(Errno::NoDevice),
            MulticastInterface::Index(index) => Self::of_index(index.get()).map(Some),
            _ => Ok(None),
        }
    }
}

impl Network {
    /// The settings of a socket.
    pub(crate) fn udp_settings(&mut self, id: UdpId) -> io::Result<&mut Settings> {
        Ok(&mut self.udp_mut(id)?.settings)
    }

    /// By which interface what goes to a group leaves from here on.
    pub(crate) fn set_multicast_interface(
        &mut self,
        id: UdpId,
        interface: MulticastInterface,
    ) -> io::Result<()> {
        let machine = self.machine(self.udp(id)?.host);
        Interface::named(machine, interface).map_err(|errno| match interface {
            MulticastInterface::Address(_) => Errno::AddrNotAvailable,
            _ => errno,
        })?;
        let any = MulticastInterface::Address(Ipv4Addr::UNSPECIFIED);
        self.udp_settings(id)?.multicast_interface = if interface == any {
            MulticastInterface::Default
        } else {
            interface
        };
        Ok(())
    }

    /// What is sent to the group is received from here on.
    pub(crate) fn join_group(
        &mut self,
        id: UdpId,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> io::Result<()> {
        let membership = self.membership(id, group, interface)?;
        if self.udp_mut(id)?.groups.insert(membership) {
            Ok(())
        } else {
            Err(Errno::AddrInUse.into())
        }
    }

    /// And from here on it is not.
    pub(crate) fn leave_group(
        &mut self,
        id: UdpId,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> io::Result<()> {
        let membership = self.membership(id, group, interface)?;
        if self.udp_mut(id)?.groups.remove(&membership) {
            Ok(())
        } else {
            Err(Errno::AddrNotAvailable.into())
        }
    }

    fn membership(
        &self,
        id: UdpId,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(IpAddr, Interface), Errno> {
        let machine = self.machine(self.udp(id)?.host);
        let interface = Interface::named(machine, interface)?;
        Ok((group, interface.unwrap_or(Interface::Network)))
    }
}
