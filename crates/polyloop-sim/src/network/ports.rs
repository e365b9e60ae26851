//! Which ports of a host are in use, by what, and whether something else may have them
//! too: the rules of Linux.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::Nanos;
use super::errno::Errno;

/// How long a port rests after a connection that this side ended first.
const LINGER: Nanos = 60_000_000_000;

/// The same for a pair of addresses of one host.
const LINGER_INSIDE: Nanos = 1_000_000_000;

const FIRST: u16 = 32_768;
const LAST: u16 = 60_999;

/// What a socket that has a port says about sharing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as in the system"
)]
pub(super) struct Binding {
    pub(super) ip: IpAddr,
    /// An IPv6 wildcard that takes IPv4 too.
    pub(super) dual: bool,
    /// `SO_REUSEADDR`.
    pub(super) reuse: bool,
    /// `SO_REUSEPORT`.
    pub(super) share: bool,
    pub(super) listening: bool,
}

impl Binding {
    /// Of a connection: its port is shared with whatever does not ask for it.
    pub(super) fn connected(ip: IpAddr, reuse: bool) -> Self {
        Self {
            ip,
            dual: false,
            reuse,
            share: false,
            listening: false,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        if self.ip.is_ipv4() == other.ip.is_ipv4() {
            return self.ip == other.ip || self.ip.is_unspecified() || other.ip.is_unspecified();
        }
        self.dual || other.dual
    }

    fn bears(&self, other: &Self) -> bool {
        let either_listens = self.listening && other.listening;
        let reused = self.reuse && other.reuse && !other.listening && !either_listens;
        reused || (self.share && other.share) || !self.overlaps(other)
    }
}

/// The ports of one host.
#[derive(Debug)]
pub(super) struct Ports {
    used: BTreeMap<u16, Vec<(Binding, u32)>>,
    /// Connections whose local port was asked for, since two of them may have it.
    pairs: BTreeSet<(SocketAddr, SocketAddr)>,
    /// What connections had that ended themselves, and until when: segments of theirs may
    /// still be on the way.
    lingering: BTreeMap<u16, Vec<(Binding, Nanos)>>,
    lingering_pairs: BTreeMap<(SocketAddr, SocketAddr), Nanos>,
    next: u16,
}

impl Ports {
    /// None in use; the first free one that is given out is drawn.
    pub(super) fn new(rng: &mut fastrand::Rng) -> Self {
        Self {
            used: BTreeMap::new(),
            pairs: BTreeSet::new(),
            lingering: BTreeMap::new(),
            lingering_pairs: BTreeMap::new(),
            next: rng.u16(FIRST..=LAST),
        }
    }

    /// Those of another kind of socket: none in use, and other numbers given out first, so
    /// that the two are not mistaken for each other.
    pub(super) fn beside(&self) -> Self {
        const APART: u16 = 11_003;
        let count = LAST - FIRST + 1;
        Self {
            used: BTreeMap::new(),
            pairs: BTreeSet::new(),
            lingering: BTreeMap::new(),
            lingering_pairs: BTreeMap::new(),
            next: FIRST + (self.next - FIRST + APART) % count,
        }
    }

    /// A port that nothing uses. One that was let go of is not given out again soon.
    pub(super) fn free(&mut self) -> Option<u16> {
        for _ in FIRST..=LAST {
            let port = self.next;
            self.next = if port == LAST { FIRST } else { port + 1 };
            if !self.used.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }

    /// Whether `binding` may have the port beside those that have it, and those that had
    /// it lately.
    pub(super) fn check(&self, now: Nanos, port: u16, binding: &Binding) -> Result<(), Errno> {
        let others = self.used.get(&port).map_or(&[][..], Vec::as_slice);
        let lately = self.lingering.get(&port).map_or(&[][..], Vec::as_slice);
        let mut lately = lately.iter().filter(|(_, until)| now < *until);
        if others.iter().all(|(other, _)| binding.bears(other))
            && lately.all(|(other, _)| binding.bears(other))
        {
            Ok(())
        } else {
            Err(Errno::AddrInUse)
        }
    }

    /// Counts one more user of the port.
    pub(super) fn join(&mut self, port: u16, binding: Binding) {
        let users = self.used.entry(port).or_default();
        match users.iter_mut().find(|(known, _)| *known == binding) {
            Some((_, count)) => *count += 1,
            None => users.push((binding, 1)),
        }
    }

    /// Counts one less.
    pub(super) fn leave(&mut self, port: u16, binding: &Binding) {
        let Some(users) = self.used.get_mut(&port) else {
            return;
        };
        if let Some(place) = users.iter().position(|(known, _)| known == binding) {
            users[place].1 -= 1;
            if users[place].1 == 0 {
                users.swap_remove(place);
            }
        }
        if users.is_empty() {
            self.used.remove(&port);
        }
    }

    /// Nobody uses the port that way any more, but it rests for a while.
    pub(super) fn linger(&mut self, now: Nanos, port: u16, binding: Binding) {
        let rests = self.lingering.entry(port).or_default();
        rests.retain(|(other, until)| now < *until && *other != binding);
        rests.push((binding, now + LINGER));
    }

    /// Whether no other connection leads from `local` to `remote`, or did lately.
    pub(super) fn pair(
        &mut self,
        now: Nanos,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(), Errno> {
        let pair = (local, remote);
        let rests = self.lingering_pairs.get(&pair);
        if rests.is_none_or(|until| *until <= now) && self.pairs.insert(pair) {
            Ok(())
        } else {
            Err(Errno::AddrNotAvailable)
        }
    }

    /// The connection is gone; or it lingers.
    pub(super) fn unpair(
        &mut self,
        now: Nanos,
        local: SocketAddr,
        remote: SocketAddr,
        lingers: bool,
    ) {
        self.pairs.remove(&(local, remote));
        self.lingering_pairs.retain(|_, until| now < *until);
        if lingers {
            // Inside one host the system takes a pair again sooner.
            let rest = if local.ip() == remote.ip() || remote.ip().is_loopback() {
                LINGER_INSIDE
            } else {
                LINGER
            };
            self.lingering_pairs.insert((local, remote), now + rest);
        }
    }

    /// Nothing is in use any more.
    pub(super) fn clear(&mut self) {
        self.used.clear();
        self.pairs.clear();
        self.lingering.clear();
        self.lingering_pairs.clear();
    }
}
