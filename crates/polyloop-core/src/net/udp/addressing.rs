//! [`Addressing`]: to whom a socket sends, and how its addresses and errors are told, once
//! for all loops.

use std::io;
use std::net::SocketAddr;

use super::error::{SendError, UdpError};
use super::family::Family;

/// To whom a socket for datagrams sends, and how its addresses and errors are told.
///
/// For loops whose sockets are their own: [`WatchedUdp`](super::WatchedUdp) has it already.
/// What such a loop's network says has to be what a system says, error numbers included.
///
/// ```
/// use polyloop_core::net::udp::Addressing;
/// use polyloop_core::SendError;
///
/// let local = "127.0.0.1:7000".parse()?;
/// let addressing = Addressing::new(local, true, None);
/// assert_eq!(addressing.destination("10.0.0.1:53".parse()?, || Ok(local))?, Some("10.0.0.1:53".parse()?));
/// let refused = addressing.destination("[::1]:53".parse()?, || Ok(local));
/// assert!(matches!(refused, Err(SendError::WrongFamily { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Addressing {
    family: Family,
    peer: Option<SocketAddr>,
}

impl Addressing {
    /// Of a socket on `local`; one of IPv6 that is not `v6_only` does both. `peer` is whom it
    /// is connected to.
    pub fn new(local: SocketAddr, v6_only: bool, peer: Option<SocketAddr>) -> Self {
        Self::in_family(Family::at(local, v6_only), peer)
    }

    /// Of a socket of the system's, which has to be one for datagrams.
    #[cfg(unix)]
    pub(super) fn of(socket: &std::net::UdpSocket) -> Result<Self, UdpError> {
        Ok(Self::in_family(
            Family::of(socket)?,
            socket.peer_addr().ok(),
        ))
    }

    fn in_family(family: Family, peer: Option<SocketAddr>) -> Self {
        let peer = peer.map(|peer| family.incoming(peer));
        Self { family, peer }
    }

    /// Whom the socket is connected to, if it is.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Where a datagram really goes, in the family of the socket; `None` to the peer.
    #[inline]
    pub fn destination(
        &self,
        to: SocketAddr,
        local: impl FnOnce() -> io::Result<SocketAddr>,
    ) -> Result<Option<SocketAddr>, SendError> {
        match self.peer {
            Some(peer) if peer == to => Ok(None),
            Some(peer) => Err(SendError::Connected { peer, to }),
            None => match self.family.outgoing(to) {
                Some(to) => Ok(Some(to)),
                None => Err(wrong_family(local(), to)),
            },
        }
    }

    /// The address that the socket told, as users know it.
    #[inline]
    pub fn incoming(&self, from: SocketAddr) -> SocketAddr {
        self.family.incoming(from)
    }

    /// What became of a datagram, where the system has sent it or told why not.
    #[inline]
    pub fn told(
        &self,
        sent: io::Result<usize>,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<(), SendError> {
        match sent {
            Ok(_) => Ok(()),
            Err(error) => {
                let to = to.map(|to| self.family.incoming(to)).or(self.peer);
                Err(self.family.send_error(error, data, to))
            }
        }
    }
}

#[cold]
fn wrong_family(local: io::Result<SocketAddr>, to: SocketAddr) -> SendError {
    match local {
        Ok(local) => SendError::WrongFamily { local, to },
        Err(source) => SendError::Failed {
            to: Some(to),
            source,
        },
    }
}
