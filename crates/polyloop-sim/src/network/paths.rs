//! What UNIX sockets of a host are called: paths, which stay when nobody listens any more, and
//! abstract names, which do not.
//!
//! What goes over them goes by the host's loopback, from port to port, so that it takes its
//! time, finds its room and is recorded as everything else is.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use polyloop_core::UnixAddress;

use super::errno::Errno;
use super::{ListenerId, Network};
use crate::HostId;

/// A name that was bound.
#[derive(Debug)]
pub(super) struct Bound {
    /// No other has had this number.
    number: u64,
    listener: ListenerId,
    at: SocketAddr,
}

impl Network {
    /// Whether the name is free.
    pub(crate) fn check_name(&self, host: HostId, name: &UnixAddress) -> io::Result<()> {
        match self.names_of_sockets.get(&(host, name.clone())) {
            Some(bound) if name.as_path().is_some() || self.listens(bound) => {
                Err(Errno::AddrInUse.into())
            }
            _ => Ok(()),
        }
    }

    /// Gives a listening socket a name that is free.
    pub(crate) fn bind_name(&mut self, host: HostId, name: UnixAddress, listener: ListenerId) {
        let Ok(at) = self.listener_address(listener) else {
            return;
        };
        self.next_name += 1;
        let number = self.next_name;
        let bound = Bound {
            number,
            listener,
            at,
        };
        self.names_of_sockets.insert((host, name), bound);
    }

    /// Where a connect to the name goes.
    pub(crate) fn address_of_name(
        &self,
        host: HostId,
        name: &UnixAddress,
    ) -> io::Result<SocketAddr> {
        match self.names_of_sockets.get(&(host, name.clone())) {
            Some(bound) if self.listens(bound) => Ok(bound.at),
            None if name.as_path().is_some() => Err(Errno::NoEntry.into()),
            _ => Err(Errno::Refused.into()),
        }
    }

    /// The number of the socket at a path.
    pub(crate) fn file_at(&self, host: HostId, path: &Path) -> io::Result<u64> {
        let name = UnixAddress::from_path(path);
        let bound = self.names_of_sockets.get(&(host, name));
        bound.map(|bound| bound.number).ok_or(Errno::NoEntry.into())
    }

    /// Takes the path away; what listens there goes on, unreachable.
    pub(crate) fn remove_file(&mut self, host: HostId, path: &Path) -> io::Result<()> {
        let name = UnixAddress::from_path(path);
        let removed = self.names_of_sockets.remove(&(host, name));
        removed.map(drop).ok_or(Errno::NoEntry.into())
    }

    fn listens(&self, bound: &Bound) -> bool {
        self.listener_address(bound.listener).is_ok()
    }
}
