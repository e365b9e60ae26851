//! The machines: names, addresses, ports, descriptors, and whether they are up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use polyloop_core::Query;

use super::datagrams::Flight;
use super::errno::Errno;
use super::packet::{EndKey, Packet};
use super::ports::Ports;
use super::{Nanos, Network};
use crate::HostId;

/// One host, as the network knows it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
    pub(super) ports: Ports,
    /// Those of datagrams, which have nothing to do with the others.
    pub(super) udp_ports: Ports,
    /// When the last datagram from the host to itself arrives.
    pub(super) last_inside: Nanos,
    descriptors: usize,
    pub(super) descriptor_limit: Option<usize>,
    /// Crashed silently, and not restarted yet.
    pub(super) down: bool,
    pub(super) paused: bool,
    /// Cut off from every other host.
    pub(super) isolated: bool,
    /// What arrived, and what was due, while it stood still.
    pub(super) frozen_packets: Vec<Packet>,
    pub(super) frozen_datagrams: Vec<Flight>,
    pub(super) frozen_timers: Vec<EndKey>,
}

impl Machine {
    fn new(name: &str, number: u32, rng: &mut fastrand::Rng) -> Self {
        let [_, b, c, d] = number.to_be_bytes();
        let [high, low] = [(number >> 16) as u16, (number & 0xffff) as u16];
        let ports = Ports::new(rng);
        Self {
            name: name.to_owned(),
            v4: Ipv4Addr::new(10, b, c, d),
            v6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, high, low),
            udp_ports: ports.beside(),
            ports,
            last_inside: 0,
            descriptors: 0,
            descriptor_limit: None,
            down: false,
            paused: false,
            isolated: false,
            frozen_packets: Vec::new(),
            frozen_datagrams: Vec::new(),
            frozen_timers: Vec::new(),
        }
    }

    /// Whether a packet to `ip` ends here.
    pub(super) fn owns(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(v4) => v4.is_loopback() || v4 == self.v4,
            IpAddr::V6(v6) => v6.is_loopback() || v6 == self.v6,
        }
    }

    /// Its address towards `remote`.
    pub(super) fn address_towards(&self, remote: IpAddr) -> IpAddr {
        match remote {
            IpAddr::V4(v4) if v4.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V4(_) => self.v4.into(),
            IpAddr::V6(v6) if v6.is_loopback() => Ipv6Addr::LOCALHOST.into(),
            IpAddr::V6(_) => self.v6.into(),
        }
    }

    /// Whether there is a descriptor left.
    pub(super) fn check_descriptors(&self) -> Result<(), Errno> {
        match self.descriptor_limit {
            Some(limit) if self.descriptors >= limit => Err(Errno::TooManyFiles),
            _ => Ok(()),
        }
    }

    pub(super) fn open_descriptor(&mut self) {
        self.descriptors += 1;
    }

    pub(super) fn close_descriptor(&mut self) {
        self.descriptors = self.descriptors.saturating_sub(1);
    }

    /// Forgets all that was open.
    pub(super) fn forget(&mut self) {
        self.ports.clear();
        self.udp_ports.clear();
        self.descriptors = 0;
        self.paused = false;
        self.frozen_packets.clear();
        self.frozen_datagrams.clear();
        self.frozen_timers.clear();
    }
}

/// A name in the form that all its spellings have.
fn known_as(name: &str) -> String {
    let asked = Query::parse(name);
    let name = asked.as_ref().map_or(name, |query| query.host());
    name.to_ascii_lowercase()
}

impl Network {
    /// A host of that name with addresses of its own: the one there is, or a new one.
    pub(crate) fn add_host(&mut self, name: &str) -> HostId {
        let known_as = known_as(name);
        if let Some(known) = self.names.get(&known_as) {
            return *known;
        }
        let index = u32::try_from(self.machines.len()).unwrap_or(u32::MAX);
        self.machines
            .push(Machine::new(name, index + 1, &mut self.rng));
        self.names.insert(known_as, HostId(index));
        HostId(index)
    }

    /// The host of that name, in any of its spellings.
    pub(crate) fn find_host(&self, name: &str) -> Option<HostId> {
        // Mostly it is spelled so already.
        let known = self.names.get(name);
        known.or_else(|| self.names.get(&known_as(name))).copied()
    }

    /// What the host is called.
    pub(crate) fn host_name(&self, host: HostId) -> &str {
        &self.machine(host).name
    }

    /// The host's own addresses, beside its loopback: of IPv4, then of IPv6.
    pub(crate) fn host_addresses(&self, host: HostId) -> [IpAddr; 2] {
        let machine = self.machine(host);
        [machine.v4.into(), machine.v6.into()]
    }

    /// Whether the host is up: neither crashed silently nor paused.
    pub(crate) fn is_up(&self, host: HostId) -> bool {
        let machine = self.machine(host);
        !machine.down && !machine.paused
    }

    /// What a host knows of `name`, a host or `localhost`, in the order of a resolver that
    /// follows RFC 6724. Every host knows all the others.
    pub(crate) fn resolve(&self, _host: HostId, name: &str) -> Vec<IpAddr> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.eq_ignore_ascii_case("localhost") {
            return vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        }
        self.find_host(name)
            .map(|known| self.host_addresses(known).to_vec())
            .unwrap_or_default()
    }

    pub(super) fn machine(&self, host: HostId) -> &Machine {
        &self.machines[host.index()]
    }

    pub(super) fn machine_mut(&mut self, host: HostId) -> &mut Machine {
        &mut self.machines[host.index()]
    }

    /// The host that a packet from `host` to `ip` gets to, if there is one.
    pub(super) fn route(&self, host: HostId, ip: IpAddr) -> Option<HostId> {
        if self.machine(host).owns(ip) {
            return Some(host);
        }
        let number = match ip {
            IpAddr::V4(v4) if v4.octets()[0] == 10 => u32::from(v4) & 0x00ff_ffff,
            IpAddr::V6(v6) => {
                let [.., high, low] = v6.segments();
                u32::from(high) << 16 | u32::from(low)
            }
            IpAddr::V4(_) => return None,
        };
        let index = number.checked_sub(1)?;
        let found = self.machines.get(index as usize)?;
        found.owns(ip).then_some(HostId(index))
    }
}
