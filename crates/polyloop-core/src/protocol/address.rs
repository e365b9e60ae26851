//! [`Address`]: where an end of a connection is.
//!
//! It is an IP address and a port for most, and the name of a UNIX socket for others, so
//! that a protocol runs over either and prints whom it speaks with. What can only be an IP
//! address (a resolver's answer, a local address to connect from) stays std's
//! [`SocketAddr`].

mod unix;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;

pub use unix::UnixAddress;

/// The address of one end of a connection, or of a listening socket.
///
/// It prints itself, compares with std's [`SocketAddr`], and can be given where an
/// [endpoint](crate::IntoEndpoint) is wanted. A clone allocates nothing.
///
/// ```
/// use polyloop_core::{Address, UnixAddress};
/// use std::net::SocketAddr;
///
/// let ip: SocketAddr = "127.0.0.1:80".parse()?;
/// let address = Address::from(ip);
/// assert_eq!(address, ip);
/// assert_eq!((address.as_ip(), address.port()), (Some(ip), Some(80)));
///
/// let address = Address::from(UnixAddress::from_path("/run/app.sock"));
/// assert_eq!(address.to_string(), "unix:/run/app.sock");
/// assert_eq!(address.as_ip(), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// The name of a UNIX socket, if it has one.
    Unix(UnixAddress),
}

impl Address {
    /// The IP address and port, if it is one.
    pub fn as_ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The IP address without the port, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.as_ip().map(|address| address.ip())
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        self.as_ip().map(|address| address.port())
    }

    /// The address of a UNIX socket, if it is one.
    pub fn as_unix(&self) -> Option<&UnixAddress> {
        match self {
            Self::Ip(_) => None,
            Self::Unix(address) => Some(address),
        }
    }

    /// The path of a UNIX socket, if it has one.
    pub fn as_path(&self) -> Option<&Path> {
        self.as_unix().and_then(UnixAddress::as_path)
    }

    /// What the system calls it. A family that is neither is an error of kind
    /// `Unsupported`.
    pub(crate) fn of_system(address: &socket2::SockAddr) -> io::Result<Self> {
        if let Some(ip) = address.as_socket() {
            return Ok(Self::Ip(ip));
        }
        if let Some(path) = address.as_pathname() {
            return Ok(UnixAddress::from_path(path).into());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = address.as_abstract_namespace() {
            return Ok(UnixAddress::from_abstract_name(name).into());
        }
        if address.is_unnamed() {
            return Ok(UnixAddress::unnamed().into());
        }
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "the socket's address is of family {}, neither IP nor UNIX",
                address.family()
            ),
        ))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(address) => address.fmt(f),
        }
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from(parts: (I, u16)) -> Self {
        Self::Ip(parts.into())
    }
}

impl From<UnixAddress> for Address {
    fn from(address: UnixAddress) -> Self {
        Self::Unix(address)
    }
}

impl PartialEq<SocketAddr> for Address {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.as_ip() == Some(*other)
    }
}

impl PartialEq<Address> for SocketAddr {
    fn eq(&self, other: &Address) -> bool {
        other == self
    }
}

/// So that blocking code can connect to it. One that is no IP address is an error of kind
/// `InvalidInput`.
impl ToSocketAddrs for Address {
    type Iter = std::option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        match self {
            Self::Ip(address) => Ok(Some(*address).into_iter()),
            Self::Unix(address) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{address} is not an IP address and a port"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_larger_than_std_s_and_compares_with_it() {
        assert_eq!(size_of::<Address>(), size_of::<SocketAddr>());
        let (one, other) = (
            SocketAddr::from(([127, 0, 0, 1], 1)),
            SocketAddr::from(([127, 0, 0, 1], 2)),
        );
        assert_eq!(Address::from(one), one);
        assert_eq!(one, Address::from(one));
        assert_ne!(Address::from(one), other);
        assert_ne!(Address::from(UnixAddress::unnamed()), one);
    }

    #[test]
    fn what_is_no_ip_address_says_so_to_blocking_code() {
        let path = Address::from(UnixAddress::from_path("/run/app.sock"));
        let error = path.to_socket_addrs().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("unix:/run/app.sock"), "{error}");
    }

    #[test]
    fn the_system_s_addresses_are_understood() {
        let ip = SocketAddr::from(([127, 0, 0, 1], 9));
        assert_eq!(Address::of_system(&ip.into()).unwrap(), ip);
        #[cfg(unix)]
        {
            let path = socket2::SockAddr::unix("/run/app.sock").unwrap();
            assert_eq!(
                Address::of_system(&path).unwrap().as_path(),
                Some(Path::new("/run/app.sock"))
            );
        }
        #[cfg(target_os = "linux")]
        {
            let name = socket2::SockAddr::unix("\0app").unwrap();
            let address = Address::of_system(&name).unwrap();
            let name = address.as_unix().and_then(UnixAddress::as_abstract_name);
            assert_eq!(name, Some(&b"app"[..]));
        }
        #[cfg(unix)]
        {
            let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
            let own = socket2::SockRef::from(&one).local_addr().unwrap();
            let address = Address::of_system(&own).unwrap();
            assert!(address.as_unix().is_some_and(UnixAddress::is_unnamed));
        }
    }
}
