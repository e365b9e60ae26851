//! From an endpoint to listening sockets: all of them, or none.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ListenError;
use crate::event_loop::names::LookupOptions;
use crate::net::Loop;
use crate::net::endpoint::Endpoint;
use crate::net::{ListenOptions, Listener};

/// How often a free port that turned out to be taken in the other family is given up
/// for another.
const TRIES: usize = 16;

/// The addresses that the endpoint stands for.
pub(super) async fn addresses<L: Loop>(
    lp: &L,
    endpoint: &Endpoint,
    options: &LookupOptions,
) -> Result<Vec<SocketAddr>, ListenError> {
    let port = endpoint.port().unwrap_or_default();
    if endpoint.is_every_interface() {
        let mut every = vec![
            (Ipv6Addr::UNSPECIFIED, port).into(),
            (Ipv4Addr::UNSPECIFIED, port).into(),
        ];
        every.retain(|address| options.families.include(address));
        return Ok(every);
    }
    lp.resolve_with(endpoint.host().unwrap_or_default(), port, options)
        .await
        .map_err(|source| ListenError::Dns {
            endpoint: endpoint.clone(),
            source,
        })
}

/// Listens on all the addresses (SERV-07), on one port if the system chooses it
/// (SERV-02).
pub(super) fn bind_all<L: Loop>(
    lp: &L,
    addresses: &[SocketAddr],
    options: &ListenOptions,
    every_interface: bool,
) -> Result<Vec<L::TcpListener>, ListenError> {
    let any_port = addresses.first().is_some_and(|first| first.port() == 0);
    let mut tries = if any_port && addresses.len() > 1 {
        TRIES
    } else {
        1
    };
    loop {
        tries -= 1;
        match bind_once(lp, addresses, options, every_interface) {
            Err(ListenError::InUse { .. }) if tries > 0 => {}
            other => return other,
        }
    }
}

fn bind_once<L: Loop>(
    lp: &L,
    addresses: &[SocketAddr],
    options: &ListenOptions,
    every_interface: bool,
) -> Result<Vec<L::TcpListener>, ListenError> {
    let mut listeners: Vec<L::TcpListener> = Vec::new();
    let mut port = None;
    for address in addresses {
        let mut address = *address;
        if let Some(port) = port {
            address.set_port(port);
        }
        let bound = lp.bind_tcp(address, options).and_then(|listener| {
            let local = listener.local_addr()?;
            Ok((listener, local.port()))
        });
        match bound {
            Ok((listener, local)) => {
                port = local;
                listeners.push(listener);
            }
            // A machine without IPv6 has no such interface to listen on.
            Err(error) if every_interface && address.is_ipv6() && has_no_ipv6(&error) => {}
            Err(source) => return Err(bind_error(address, source)),
        }
    }
    Ok(listeners)
}

pub(super) fn bind_error(address: SocketAddr, source: io::Error) -> ListenError {
    let address = address.into();
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address, source },
        _ => ListenError::Bind { address, source },
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    if matches!(error.kind(), AddrNotAvailable | Unsupported) {
        return true;
    }
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EAFNOSUPPORT) {
        return true;
    }
    false
}
