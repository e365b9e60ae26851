//! Datagrams: sockets for them, and what becomes of what is sent.
//!
//! | module | what |
//! | --- | --- |
//! | `socket` | a socket: where it is bound, what waits in it, who waits for it |
//! | `setting` | what is set on it, and the groups that it is in |
//! | `sending` | to whom a datagram goes, and whether it goes at all |
//! | `flight` | on its way from one host to another |
//! | `delivery` | whose it is where it arrives, and what is told if nobody's |

mod delivery;
mod flight;
mod sending;
mod setting;
mod socket;

use std::collections::BTreeMap;

use slab::Slab;

use super::Nanos;
use crate::HostId;
use crate::trace::DatagramId;
pub(super) use flight::Flight;
use socket::Socket;

/// Names a socket for datagrams: its place, and its number, since places are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UdpId {
    index: u32,
    serial: u64,
}

impl UdpId {
    /// No other has had this number.
    pub(super) fn serial(self) -> u64 {
        self.serial
    }
}

/// One of the two interfaces that each host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Interface {
    /// Of the host itself: index 1.
    Loopback,
    /// To all other hosts: index 2.
    Network,
}

/// All of it, as a part of the network.
#[derive(Debug)]
pub(super) struct Datagrams {
    /// Of their own, so that TCP has the same fates beside them as without them.
    rng: fastrand::Rng,
    sockets: Slab<Socket>,
    next_socket: u64,
    /// Those of each port, in the order they were bound.
    bound: BTreeMap<(HostId, u16), Vec<UdpId>>,
    next_datagram: u64,
}

impl Datagrams {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            sockets: Slab::new(),
            next_socket: 0,
            bound: BTreeMap::new(),
            next_datagram: 0,
        }
    }

    fn socket(&self, id: UdpId) -> Option<&Socket> {
        let found = self.sockets.get(id.index as usize)?;
        (found.serial == id.serial).then_some(found)
    }

    fn socket_mut(&mut self, id: UdpId) -> Option<&mut Socket> {
        let found = self.sockets.get_mut(id.index as usize)?;
        (found.serial == id.serial).then_some(found)
    }

    fn on_port(&self, host: HostId, port: u16) -> &[UdpId] {
        self.bound.get(&(host, port)).map_or(&[], Vec::as_slice)
    }

    fn next_id(&mut self) -> DatagramId {
        self.next_datagram += 1;
        DatagramId(self.next_datagram)
    }

    /// True with that probability.
    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.f64() < share
    }

    fn up_to(&mut self, most: Nanos) -> Nanos {
        self.rng.u64(0..=most)
    }
}
