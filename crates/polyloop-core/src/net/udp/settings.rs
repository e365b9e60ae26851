//! [`UdpSettings`]: what can be asked of and set on a socket for datagrams at any time.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZero;

use socket2::{InterfaceIndexOrAddress, SockRef, Socket};

use super::error::MulticastError;

/// On which of the machine's interfaces something of multicast is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MulticastInterface {
    /// The one that the system chooses.
    #[default]
    Default,
    /// The one that has this address; with IPv4.
    Address(Ipv4Addr),
    /// The one of this index, as `if_nametoindex` tells it.
    Index(NonZero<u32>),
}

impl fmt::Display for MulticastInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default interface"),
            Self::Address(address) => write!(f, "the interface of {address}"),
            Self::Index(index) => write!(f, "interface {index}"),
        }
    }
}

impl MulticastInterface {
    /// Whether a socket on `local` can join or leave `group` on this one, as far as that can
    /// be told without the system. For loops whose sockets are their own.
    pub fn check_group(self, local: SocketAddr, group: IpAddr) -> Result<(), MulticastError> {
        membership(local, group, self).map(drop)
    }

    /// Whether a socket on `local` can send to groups by this one, likewise.
    pub fn check_outgoing(self, local: SocketAddr) -> Result<(), MulticastError> {
        match (local, self) {
            (_, Self::Default)
            | (SocketAddr::V4(_), Self::Address(_))
            | (SocketAddr::V6(_), Self::Index(_)) => Ok(()),
            (_, given) => Err(MulticastError::WrongInterface { local, given }),
        }
    }
}

/// The settings of a socket for datagrams.
///
/// A real socket says so in [`socket`](Self::socket), and the rest follows; a simulated one
/// overrides what it can do. What is neither is refused with an error of kind `Unsupported`.
pub trait UdpSettings {
    /// The socket below, if there is one: for what is not here, and for libraries that take a
    /// borrowed socket, such as `quinn-udp`. It stays as it is: don't connect it, and don't
    /// make it block.
    fn socket(&self) -> Option<&UdpSocket>;

    /// This end's address, with the port that was really given.
    fn local_addr(&self) -> io::Result<SocketAddr> {
        socket_of(self)?.local_addr()
    }

    /// Whom it is connected to, if it is.
    fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket()?.peer_addr().ok()
    }

    /// Whether datagrams may go to a broadcast address (UDP-08).
    fn broadcast(&self) -> io::Result<bool> {
        socket_of(self)?.broadcast()
    }

    /// See [`broadcast`](Self::broadcast).
    fn set_broadcast(&self, on: bool) -> io::Result<()> {
        socket_of(self)?.set_broadcast(on)
    }

    /// How many hops a datagram may make that goes to one receiver.
    fn ttl(&self) -> io::Result<u32> {
        by_family(self, Socket::ttl_v4, Socket::unicast_hops_v6)
    }

    /// See [`ttl`](Self::ttl).
    fn set_ttl(&self, hops: u32) -> io::Result<()> {
        by_family(
            self,
            |socket| socket.set_ttl_v4(hops),
            |socket| socket.set_unicast_hops_v6(hops),
        )
    }

    /// Joins a group: what is sent to it at the socket's port is received from here on
    /// (UDP-09).
    fn join_multicast(
        &self,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(), MulticastError> {
        let local = self.local_addr()?;
        let socket = SockRef::from(socket_of(self)?);
        let done = match membership(local, group, interface)? {
            Membership::V4(group, interface) => socket.join_multicast_v4_n(&group, &interface),
            Membership::V6(group, index) => socket.join_multicast_v6(&group, index),
        };
        done.map_err(|source| refused(group, interface, source))
    }

    /// Leaves a group that was joined on that interface.
    fn leave_multicast(
        &self,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(), MulticastError> {
        let local = self.local_addr()?;
        let socket = SockRef::from(socket_of(self)?);
        let done = match membership(local, group, interface)? {
            Membership::V4(group, interface) => socket.leave_multicast_v4_n(&group, &interface),
            Membership::V6(group, index) => socket.leave_multicast_v6(&group, index),
        };
        done.map_err(|source| refused(group, interface, source))
    }

    /// How many hops a datagram may make that goes to a group: 1 unless set.
    fn multicast_ttl(&self) -> io::Result<u32> {
        by_family(self, Socket::multicast_ttl_v4, Socket::multicast_hops_v6)
    }

    /// See [`multicast_ttl`](Self::multicast_ttl).
    fn set_multicast_ttl(&self, hops: u32) -> io::Result<()> {
        by_family(
            self,
            |socket| socket.set_multicast_ttl_v4(hops),
            |socket| socket.set_multicast_hops_v6(hops),
        )
    }

    /// Whether members on this machine get what is sent to a group from here: they do unless
    /// set.
    fn multicast_loop(&self) -> io::Result<bool> {
        by_family(self, Socket::multicast_loop_v4, Socket::multicast_loop_v6)
    }

    /// See [`multicast_loop`](Self::multicast_loop).
    fn set_multicast_loop(&self, on: bool) -> io::Result<()> {
        by_family(
            self,
            |socket| socket.set_multicast_loop_v4(on),
            |socket| socket.set_multicast_loop_v6(on),
        )
    }

    /// By which interface datagrams leave that go to a group. With IPv4 the system tells an
    /// address.
    fn multicast_interface(&self) -> io::Result<MulticastInterface> {
        let socket = SockRef::from(socket_of(self)?);
        if self.local_addr()?.is_ipv4() {
            let address = socket.multicast_if_v4()?;
            return Ok(if address.is_unspecified() {
                MulticastInterface::Default
            } else {
                MulticastInterface::Address(address)
            });
        }
        let index = NonZero::new(socket.multicast_if_v6()?);
        Ok(index.map_or(MulticastInterface::Default, MulticastInterface::Index))
    }

    /// See [`multicast_interface`](Self::multicast_interface). With IPv4 it is named by an
    /// address.
    fn set_multicast_interface(&self, interface: MulticastInterface) -> Result<(), MulticastError> {
        let local = self.local_addr()?;
        interface.check_outgoing(local)?;
        let socket = SockRef::from(socket_of(self)?);
        match interface {
            MulticastInterface::Default if local.is_ipv4() => {
                socket.set_multicast_if_v4(&Ipv4Addr::UNSPECIFIED)?;
            }
            MulticastInterface::Default => socket.set_multicast_if_v6(0)?,
            MulticastInterface::Address(address) => socket.set_multicast_if_v4(&address)?,
            MulticastInterface::Index(index) => socket.set_multicast_if_v6(index.get())?,
        }
        Ok(())
    }
}

fn socket_of<S: UdpSettings + ?Sized>(settings: &S) -> io::Result<&UdpSocket> {
    settings.socket().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "the loop's sockets are its own and have no such setting",
        )
    })
}

/// What the family of the socket has its own call for.
fn by_family<S: UdpSettings + ?Sized, R>(
    settings: &S,
    v4: impl FnOnce(&Socket) -> io::Result<R>,
    v6: impl FnOnce(&Socket) -> io::Result<R>,
) -> io::Result<R> {
    let socket = SockRef::from(socket_of(settings)?);
    if settings.local_addr()?.is_ipv4() {
        v4(&socket)
    } else {
        v6(&socket)
    }
}

/// A group and an interface, as the system wants them.
enum Membership {
    V4(Ipv4Addr, InterfaceIndexOrAddress),
    V6(std::net::Ipv6Addr, u32),
}

fn membership(
    local: SocketAddr,
    group: IpAddr,
    interface: MulticastInterface,
) -> Result<Membership, MulticastError> {
    if !group.is_multicast() {
        return Err(MulticastError::NoGroup { given: group });
    }
    match (local, group) {
        (SocketAddr::V4(_), IpAddr::V4(group)) => Ok(Membership::V4(
            group,
            match interface {
                MulticastInterface::Default => {
                    InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED)
                }
                MulticastInterface::Address(address) => InterfaceIndexOrAddress::Address(address),
                MulticastInterface::Index(index) => InterfaceIndexOrAddress::Index(index.get()),
            },
        )),
        (SocketAddr::V6(_), IpAddr::V6(group)) => match interface {
            MulticastInterface::Default => Ok(Membership::V6(group, 0)),
            MulticastInterface::Index(index) => Ok(Membership::V6(group, index.get())),
            given @ MulticastInterface::Address(_) => {
                Err(MulticastError::WrongInterface { local, given })
            }
        },
        _ => Err(MulticastError::WrongFamily { local, group }),
    }
}

fn refused(group: IpAddr, interface: MulticastInterface, source: io::Error) -> MulticastError {
    MulticastError::Refused {
        group,
        interface,
        source,
    }
}
