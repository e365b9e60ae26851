//! Addresses as sockets have them: IPv4 inside IPv6, and "any".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address of IPv4 that is written as one of IPv6, as itself; and whether it was.
pub(super) fn unmapped(address: SocketAddr) -> (SocketAddr, bool) {
    let ip = address.ip().to_canonical();
    let mapped = address.is_ipv6() && ip.is_ipv4();
    (SocketAddr::new(ip, address.port()), mapped)
}

/// What a socket of IPv6 calls an address of IPv4.
pub(super) fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Whether an address stands for all hosts of a network: no stream leads there.
pub(super) fn is_broadcast(address: IpAddr) -> bool {
    const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4 == LOOPBACK)
}

/// Where a connect to "any" address goes.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(v6) if v6.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}
