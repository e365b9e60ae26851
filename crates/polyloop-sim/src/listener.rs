//! [`SimTcpListener`]: a listening socket of a simulated host.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use polyloop_core::{Address, Listener, UnixAddress};

use crate::Sim;
use crate::network::ListenerId;
use crate::report::Wait;
use crate::stream::{SimTcpStream, Socket};

/// A listening socket. Dropping it closes it.
pub struct SimTcpListener {
    sim: Sim,
    id: ListenerId,
    address: SocketAddr,
    /// Of one that is a UNIX socket.
    name: Option<UnixAddress>,
}

impl SimTcpListener {
    pub(crate) fn new(sim: Sim, id: ListenerId, address: SocketAddr) -> Self {
        let name = None;
        Self {
            sim,
            id,
            address,
            name,
        }
    }

    /// As a UNIX socket.
    pub(crate) fn named(mut self, name: UnixAddress) -> Self {
        self.name = Some(name);
        self
    }
}

impl Listener for SimTcpListener {
    type Stream = SimTcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(SimTcpStream, Address)>> {
        let accepted = self
            .sim
            .poll_network(Wait::Accept(self.address), |network, now| {
                network.poll_accept(now, self.id, cx.waker())
            });
        let (socket, peer) = ready!(accepted)?;
        let stream = SimTcpStream::new(Socket::new(self.sim.clone(), socket), peer)?;
        Poll::Ready(Ok(match &self.name {
            None => (stream, peer.into()),
            Some(name) => {
                let unnamed = UnixAddress::unnamed();
                let stream = stream.named(name.clone(), unnamed.clone());
                (stream, unnamed.into())
            }
        }))
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(match &self.name {
            None => self.address.into(),
            Some(name) => name.clone().into(),
        })
    }
}

impl Drop for SimTcpListener {
    fn drop(&mut self) {
        self.sim
            .with_network(|network, now| network.close_listener(now, self.id));
    }
}

impl fmt::Debug for SimTcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTcpListener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
