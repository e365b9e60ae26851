//! Addresses as sockets have them: IPv4 inside IPv6, and "any".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::errno::Errno;

/// An address of IPv4 that is written as one of IPv6, as itself; and whether it was.
pub(super) fn unmapped(address: SocketAddr) -> (SocketAddr, bool) {
    let ip = address.ip().to_canonical();
    if address.is_ipv6() && ip.is_ipv4() {
        (SocketAddr::new(ip, address.port()), true)
    } else {
        (address, false)
    }
}

/// What a socket of IPv6 calls an address of IPv4.
pub(super) fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Why no stream leads to an address, if none can: it stands for many hosts, or for one
/// on a link that it does not name.
pub(super) fn no_stream_to(address: SocketAddr) -> Option<Errno> {
    const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
    match address {
        SocketAddr::V4(v4) => {
            let ip = v4.ip();
            let of_many = ip.is_broadcast() || ip.is_multicast() || *ip == LOOPBACK;
            of_many.then_some(Errno::Unreachable)
        }
        SocketAddr::V6(v6) if v6.ip().is_multicast() => Some(Errno::Unreachable),
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
            Some(off_link(v6, Errno::Unreachable))
        }
        SocketAddr::V6(_) => None,
    }
}

/// Why a stream's socket can't have an address that is none of its host's.
pub(super) fn not_bindable(address: SocketAddr) -> Option<Errno> {
    match address {
        // The system lets it, though nothing will ever come there.
        SocketAddr::V4(v4) if v4.ip().is_broadcast() || v4.ip().is_multicast() => None,
        SocketAddr::V6(v6) if v6.ip().is_multicast() => Some(Errno::Invalid),
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
            Some(off_link(v6, Errno::AddrNotAvailable))
        }
        _ => Some(Errno::AddrNotAvailable),
    }
}

/// Whom a datagram reaches that is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    One,
    /// Everybody; `inside` one host, by its loopback.
    Broadcast {
        inside: bool,
    },
    /// The members of a group.
    Group,
}

pub(super) fn reach(ip: IpAddr) -> Reach {
    /// Of the network that all hosts are in.
    const EVERYBODY: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 255);
    const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
    match ip {
        IpAddr::V4(Ipv4Addr::BROADCAST | EVERYBODY) => Reach::Broadcast { inside: false },
        IpAddr::V4(INSIDE) => Reach::Broadcast { inside: true },
        ip if ip.is_multicast() => Reach::Group,
        _ => Reach::One,
    }
}

/// Why no datagram leads to an address, if none can.
pub(super) fn no_datagrams_to(address: SocketAddr) -> Option<Errno> {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
            Some(off_link(v6, Errno::Unreachable))
        }
        _ => None,
    }
}

/// Why a socket for datagrams can't have an address that is none of its host's.
pub(super) fn no_datagrams_on(address: SocketAddr) -> Option<Errno> {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => {
            Some(off_link(v6, Errno::AddrNotAvailable))
        }
        SocketAddr::V6(v6) if v6.ip().is_multicast() => {
            let is_of_link = matches!(v6.ip().segments()[0] & 0xf, 1 | 2);
            (is_of_link && v6.scope_id() == 0).then_some(Errno::Invalid)
        }
        other if reach(other.ip()) != Reach::One => None,
        _ => Some(Errno::AddrNotAvailable),
    }
}

/// Without a number of the link, such an address means nothing; and no host has a link of
/// that number.
fn off_link(address: SocketAddrV6, otherwise: Errno) -> Errno {
    if address.scope_id() == 0 {
        Errno::Invalid
    } else {
        otherwise
    }
}

/// Where a connect to "any" address goes.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(v6) if v6.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}
