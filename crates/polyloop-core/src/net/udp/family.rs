//! [`Family`]: which addresses a socket can send to, and how they are told.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

#[cfg(unix)]
use socket2::{SockRef, Type};

use super::error::SendError;
#[cfg(unix)]
use super::error::UdpError;

/// The family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
    /// IPv6, which takes IPv4's as well.
    Both,
}

impl Family {
    /// Of a socket on that address.
    pub(super) fn at(local: SocketAddr, v6_only: bool) -> Self {
        match local {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) if v6_only => Self::V6,
            SocketAddr::V6(_) => Self::Both,
        }
    }

    /// Of a socket, which has to be one for datagrams.
    #[cfg(unix)]
    pub(super) fn of(socket: &std::net::UdpSocket) -> Result<Self, UdpError> {
        let asked = SockRef::from(socket);
        let is_datagram = asked.r#type().is_ok_and(|kind| kind == Type::DGRAM);
        match socket.local_addr() {
            Ok(SocketAddr::V4(_)) if is_datagram => Ok(Self::V4),
            Ok(SocketAddr::V6(_)) if is_datagram => match asked.only_v6() {
                Ok(false) => Ok(Self::Both),
                _ => Ok(Self::V6),
            },
            _ => Err(UdpError::Unfit),
        }
    }

    /// The address as the socket wants it; `None` if it is of the wrong family.
    pub(super) fn outgoing(self, to: SocketAddr) -> Option<SocketAddr> {
        match (self, to) {
            (Self::V4, SocketAddr::V4(_)) | (Self::V6 | Self::Both, SocketAddr::V6(_)) => Some(to),
            (Self::Both, SocketAddr::V4(v4)) => {
                let mapped = v4.ip().to_ipv6_mapped();
                Some(SocketAddrV6::new(mapped, v4.port(), 0, 0).into())
            }
            _ => None,
        }
    }

    /// The address that the socket told, as users know it.
    pub(super) fn incoming(self, from: SocketAddr) -> SocketAddr {
        if self == Self::Both
            && let IpAddr::V4(ip) = from.ip().to_canonical()
        {
            return SocketAddr::new(ip.into(), from.port());
        }
        from
    }

    /// How long a datagram can be.
    fn limit(self, to: SocketAddr) -> usize {
        // What is left of 65,535 by the header of UDP, and by that of IPv4, which counts there.
        match (self, to) {
            (Self::V4, _) | (_, SocketAddr::V4(_)) => 65_507,
            _ => 65_527,
        }
    }

    /// What an error of the system's says of a datagram.
    pub(super) fn send_error(
        self,
        error: io::Error,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> SendError {
        let anywhere = SocketAddr::from(([0; 16], 0));
        let limit = self.limit(to.unwrap_or(anywhere));
        if error.kind() == io::ErrorKind::WouldBlock {
            return SendError::Full;
        }
        if data.len() > limit || is_too_long(&error) {
            return SendError::TooLong {
                length: data.len(),
                limit,
            };
        }
        match to {
            None if lacks_destination(&error) => SendError::NotConnected,
            Some(to) if to.port() == 0 => SendError::NoPort { to },
            Some(to) if to.is_ipv4() && wants_leave(&error) => SendError::BroadcastOff { to },
            _ => SendError::Failed { to, source: error },
        }
    }
}

fn is_too_long(error: &io::Error) -> bool {
    #[cfg(unix)]
    let code = libc::EMSGSIZE;
    // What Windows says.
    #[cfg(not(unix))]
    let code = 10_040;
    error.raw_os_error() == Some(code)
}

/// What the system says of a broadcast address while broadcast is off. A firewall's refusal
/// has another number.
fn wants_leave(error: &io::Error) -> bool {
    #[cfg(unix)]
    let code = libc::EACCES;
    // What Windows says.
    #[cfg(not(unix))]
    let code = 10_013;
    error.raw_os_error() == Some(code)
}

fn lacks_destination(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EDESTADDRREQ) {
        return true;
    }
    error.kind() == io::ErrorKind::NotConnected
}
