//! Whose a datagram is where it arrives, and what is told if nobody's.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::UdpId;
use super::flight::{Carries, Flight};
use super::socket::Socket;
use crate::network::address::{Reach, reach};
use crate::network::errno::Errno;
use crate::network::queue::mix;
use crate::network::{Nanos, Network};
use crate::trace::DatagramEvent;

impl Socket {
    /// Whether it is bound where such a datagram goes.
    fn is_at(&self, destination: SocketAddr) -> bool {
        let bound = self.binding.ip;
        bound == destination.ip()
            || (bound.is_unspecified()
                && (bound.is_ipv4() == destination.is_ipv4() || self.binding.dual))
    }

    /// Whether it wants to hear from there.
    fn hears(&self, source: SocketAddr) -> bool {
        self.peer.is_none_or(|peer| peer == source)
    }

    /// How exactly it fits, more being better; `None` if it does not.
    fn fits(&self, flight: &Flight) -> Option<(bool, bool, bool)> {
        if !self.is_at(flight.destination) || !self.hears(flight.source) {
            return None;
        }
        let bound = self.binding.ip;
        let is_exact = bound == flight.destination.ip();
        let is_of_family = bound.is_ipv4() == flight.destination.is_ipv4();
        Some((is_exact, self.peer.is_some(), is_of_family))
    }
}

impl Network {
    /// A datagram is here.
    pub(super) fn deliver(&mut self, now: Nanos, flight: Flight) {
        let data = match &flight.carries {
            Carries::Data(data) => data.clone(),
            Carries::Refusal(_) => return self.be_refused(&flight),
        };
        match reach(flight.destination.ip()) {
            Reach::One => match self.receiver(&flight) {
                Some(id) => self.hand_over(now, id, &flight, data),
                None => self.refuse(now, &flight),
            },
            several => {
                // Of what is for many, nobody is told that he was not there.
                let is_group = matches!(several, Reach::Group);
                for id in self.receivers(&flight, is_group) {
                    self.hand_over(now, id, &flight, data.clone());
                }
            }
        }
    }

    /// Puts it into the socket's buffer, if there is room; if not, it is lost without a word.
    fn hand_over(&mut self, now: Nanos, id: UdpId, flight: &Flight, data: Bytes) {
        let Ok(socket) = self.udp_mut(id) else {
            return;
        };
        if socket.take_in(flight.source, data) {
            return self.wake_readers(id);
        }
        let (host, address) = (socket.host, socket.local());
        self.effects.record(now, || DatagramEvent::Dropped {
            datagram: flight.id,
            host,
            address,
        });
    }

    /// The one socket that gets it: the one that fits best. Of several equals it is the last
    /// that was bound, or with `SO_REUSEPORT` always the same for one sender.
    fn receiver(&self, flight: &Flight) -> Option<UdpId> {
        let on_port = self.datagrams.on_port(flight.to, flight.destination.port());
        let fit = |id: &UdpId| self.datagrams.socket(*id)?.fits(flight);
        let best = on_port.iter().filter_map(fit).max()?;
        let equals = on_port.iter().filter(|id| fit(id) == Some(best));
        let last = *equals.clone().next_back()?;
        if !self.datagrams.socket(last)?.binding.share {
            return Some(last);
        }
        let count = equals.clone().count() as u64;
        let place = spread(flight.source) % count.max(1);
        let mut equals = equals.copied();
        equals.nth(usize::try_from(place).unwrap_or(0))
    }

    /// All sockets that get what is for many: of a group its members, on the interface that
    /// it came by.
    fn receivers(&self, flight: &Flight, is_group: bool) -> Vec<UdpId> {
        let bound = self
            .datagrams
            .on_port(flight.to, flight.destination.port())
            .iter();
        let membership = (flight.destination.ip(), flight.interface);
        bound
            .copied()
            .filter(|id| {
                self.datagrams.socket(*id).is_some_and(|socket| {
                    let is_member = !is_group || socket.groups.contains(&membership);
                    is_member && socket.is_at(flight.destination) && socket.hears(flight.source)
                })
            })
            .collect()
    }

    /// Nobody is there: the sender's system is told, and may tell its program.
    fn refuse(&mut self, now: Nanos, flight: &Flight) {
        let refusal = Flight {
            id: self.datagrams.next_id(),
            from: flight.to,
            to: flight.from,
            source: flight.destination,
            destination: flight.source,
            interface: flight.interface,
            carries: Carries::Refusal(flight.id),
        };
        self.fly(now, refusal, None);
    }

    /// That nobody was there is told to whoever is connected to that address; the others
    /// can't be told of which datagram it is.
    fn be_refused(&mut self, refusal: &Flight) {
        let (host, own) = (refusal.to, refusal.destination);
        let bound = self.datagrams.on_port(host, own.port()).iter();
        let connected = bound.copied().find(|id| {
            self.datagrams.socket(*id).is_some_and(|socket| {
                socket.peer == Some(refusal.source) && socket.binding.ip == own.ip()
            })
        });
        if let Some(id) = connected {
            if let Ok(socket) = self.udp_mut(id) {
                socket.error = Some(Errno::Refused);
            }
            self.wake_all(id);
        }
    }
}

/// A number by which senders are told apart, the same in each run.
fn spread(source: SocketAddr) -> u64 {
    let bits = match source.ip() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let half = |bits: u128| (bits & u128::from(u64::MAX)).try_into().unwrap_or(0);
    let port = u64::from(source.port()) << 48;
    mix(half(bits >> 64) ^ mix(half(bits) ^ port))
}
