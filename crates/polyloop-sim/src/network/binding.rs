//! Giving a socket the address that its program asks for: the same for what listens and for
//! what has datagrams.

use std::net::SocketAddr;

use super::Nanos;
use super::address::{no_datagrams_on, not_bindable, unmapped};
use super::errno::Errno;
use super::machine::Machine;
use super::ports::Binding;

/// What a socket is to be bound to.
pub(super) struct Wanted {
    pub(super) address: SocketAddr,
    pub(super) v6_only: bool,
    /// `SO_REUSEADDR`.
    pub(super) reuse: bool,
    /// `SO_REUSEPORT`.
    pub(super) share: bool,
    pub(super) kind: Kind,
}

/// Streams and datagrams have ports of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Listening,
    Datagrams,
}

impl Machine {
    /// Opens a socket there. Gives back what is noted of its port, and which one it is.
    pub(super) fn bind(&mut self, now: Nanos, wanted: &Wanted) -> Result<(Binding, u16), Errno> {
        self.check_descriptors()?;
        let (inner, was_mapped) = unmapped(wanted.address);
        let ip = inner.ip();
        if was_mapped && wanted.v6_only {
            return Err(Errno::Invalid);
        }
        if !(ip.is_unspecified() || self.owns(ip)) {
            let refused = match wanted.kind {
                Kind::Listening => not_bindable(inner),
                Kind::Datagrams => no_datagrams_on(inner),
            };
            if let Some(errno) = refused {
                return Err(errno);
            }
        }
        let binding = Binding {
            ip,
            dual: ip.is_ipv6() && ip.is_unspecified() && !wanted.v6_only,
            reuse: wanted.reuse,
            share: wanted.share,
            listening: wanted.kind == Kind::Listening,
        };
        let ports = match wanted.kind {
            Kind::Listening => &mut self.ports,
            Kind::Datagrams => &mut self.udp_ports,
        };
        let port = match inner.port() {
            0 => ports.free().ok_or(Errno::AddrInUse)?,
            port => {
                ports.check(now, port, &binding)?;
                port
            }
        };
        ports.join(port, binding);
        self.open_descriptor();
        Ok((binding, port))
    }
}
