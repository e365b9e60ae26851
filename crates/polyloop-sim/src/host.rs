//! Hosts: the machines of a simulation.

use std::fmt;
use std::net::IpAddr;

use polyloop_core::{LookupError, Query};

use crate::lock::lock;
use crate::{Sim, SimLoop};

/// Names one host of a simulation. Hosts are numbered in the order they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub(crate) u32);

impl HostId {
    /// Its number, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host#{}", self.0)
    }
}

/// What names a host: its name, its number, or its loop.
///
/// Methods of [`Sim`] that take one panic if there is no such host, since a fault that
/// hits nobody would let a test pass for nothing.
pub trait HostRef {
    /// The host, if the simulation has it.
    fn look_up(&self, sim: &Sim) -> Option<HostId>;

    /// The host.
    ///
    /// # Panics
    /// If the simulation has no such host.
    fn host_in(&self, sim: &Sim) -> HostId;

    /// The host; a name that the simulation does not have yet makes one, as
    /// [`Sim::host`] does. For what describes a network, which may come before what is
    /// in it.
    ///
    /// # Panics
    /// If the simulation has no such host and can have none.
    #[track_caller]
    fn host_to_be(&self, sim: &Sim) -> HostId {
        self.host_in(sim)
    }
}

impl HostRef for str {
    fn look_up(&self, sim: &Sim) -> Option<HostId> {
        lock(&sim.shared.world).network.find_host(self)
    }

    fn host_in(&self, sim: &Sim) -> HostId {
        self.look_up(sim).unwrap_or_else(|| {
            let names = sim.trace().hosts;
            panic!("the simulation has no host {self:?}; it has {names:?}")
        })
    }

    fn host_to_be(&self, sim: &Sim) -> HostId {
        self.look_up(sim).unwrap_or_else(|| sim.host(self).id())
    }
}

impl HostRef for HostId {
    fn look_up(&self, sim: &Sim) -> Option<HostId> {
        let there = self.index() < lock(&sim.shared.world).hosts.len();
        there.then_some(*self)
    }

    fn host_in(&self, sim: &Sim) -> HostId {
        match self.look_up(sim) {
            Some(host) => host,
            None => panic!("the simulation has no {self}"),
        }
    }
}

impl HostRef for SimLoop {
    fn look_up(&self, sim: &Sim) -> Option<HostId> {
        std::sync::Arc::ptr_eq(&self.sim().shared, &sim.shared).then(|| self.id())
    }

    fn host_in(&self, sim: &Sim) -> HostId {
        match self.look_up(sim) {
            Some(host) => host,
            None => panic!("{self:?} is a host of another simulation"),
        }
    }
}

impl<T: HostRef + ?Sized> HostRef for &T {
    fn look_up(&self, sim: &Sim) -> Option<HostId> {
        (**self).look_up(sim)
    }

    fn host_in(&self, sim: &Sim) -> HostId {
        (**self).host_in(sim)
    }

    fn host_to_be(&self, sim: &Sim) -> HostId {
        (**self).host_to_be(sim)
    }
}

impl Sim {
    /// The addresses of a host, as a lookup of its name gives them: of IPv4, then of IPv6.
    /// For what takes no names, such as [datagrams](polyloop_core::Udp).
    pub fn addresses(&self, host: impl HostRef) -> [IpAddr; 2] {
        let host = host.host_in(self);
        lock(&self.shared.world).network.host_addresses(host)
    }
}

/// Why no host may have that name.
pub(crate) fn unfit(name: &str) -> Option<String> {
    // What a lookup would ask for: another script may spell an address, too.
    let asked = match Query::parse(name) {
        Ok(query) => query,
        Err(LookupError::InvalidName { problem, .. }) => return Some(problem),
        Err(error) => return Some(error.to_string()),
    };
    let name = asked.host();
    let why = if name.parse::<IpAddr>().is_ok() {
        "that is an address, and it is looked up as one"
    } else if name.eq_ignore_ascii_case("localhost") {
        "that is what every host calls itself"
    } else if name.ends_with('.') {
        "the dot at the end is no part of a name"
    } else if name.contains([':', '[', ']']) {
        "colons and brackets set an address or a port apart in `host:port`"
    } else {
        return None;
    };
    Some(why.to_owned())
}
