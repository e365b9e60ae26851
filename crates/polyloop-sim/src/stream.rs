//! [`SimTcpStream`]: one end of a connection between simulated hosts.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::net::socket::BorrowedSocket;
use polyloop_core::{Address, Stream, UnixAddress};

use crate::Sim;
use crate::clock::Nanos;
use crate::lock::lock;
use crate::network::{Network, SocketId};
use crate::report::Wait;
use crate::trace::ConnectionId;
use crate::world::Woken;

impl Sim {
    /// Does something with the network; whoever that wakes is woken when the lock is
    /// gone.
    pub(crate) fn with_network<T>(&self, act: impl FnOnce(&mut Network, Nanos) -> T) -> T {
        let now = self.shared.clock.now();
        let mut world = lock(&self.shared.world);
        let outcome = act(&mut world.network, now);
        if world.network.is_quiet() {
            return outcome;
        }
        let mut woken = Woken::default();
        world.take_effects(&mut woken);
        drop(world);
        woken.wake();
        outcome
    }

    /// The same for what may have to wait: then the task that has its turn waits for it.
    pub(crate) fn poll_network<T>(
        &self,
        wait: Wait,
        act: impl FnOnce(&mut Network, Nanos) -> Poll<T>,
    ) -> Poll<T> {
        let now = self.shared.clock.now();
        let mut world = lock(&self.shared.world);
        let outcome = act(&mut world.network, now);
        if outcome.is_pending() {
            world.waits_for(wait);
        }
        if world.network.is_quiet() {
            return outcome;
        }
        let mut woken = Woken::default();
        world.take_effects(&mut woken);
        drop(world);
        woken.wake();
        outcome
    }
}

/// A socket, which is closed when it is dropped.
pub(crate) struct Socket {
    sim: Sim,
    id: SocketId,
}

impl Socket {
    pub(crate) fn new(sim: Sim, id: SocketId) -> Self {
        Self { sim, id }
    }

    pub(crate) fn id(&self) -> SocketId {
        self.id
    }

    pub(crate) fn sim(&self) -> &Sim {
        &self.sim
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sim
            .with_network(|network, now| network.close(now, self.id));
    }
}

/// One end of a connection. Dropping it closes it.
pub struct SimTcpStream {
    socket: Socket,
    local: SocketAddr,
    peer: SocketAddr,
    /// What a UNIX socket calls its two ends, this one first.
    names: Option<Box<[UnixAddress; 2]>>,
}

impl SimTcpStream {
    /// A connected socket; `peer` is the other end where the socket does not know it any
    /// more, because it was reset already.
    pub(crate) fn new(socket: Socket, peer: SocketAddr) -> io::Result<Self> {
        let id = socket.id;
        let (local, peer) = socket.sim.with_network(|network, _| {
            let peer = network.peer_address(id).unwrap_or(peer);
            io::Result::Ok((network.local_address(id)?, peer))
        })?;
        Ok(Self {
            socket,
            local,
            peer,
            names: None,
        })
    }

    /// As a UNIX socket.
    pub(crate) fn named(mut self, local: UnixAddress, peer: UnixAddress) -> Self {
        self.names = Some(Box::new([local, peer]));
        self
    }

    /// The connection that this is an end of, as the trace names it.
    pub fn connection(&self) -> ConnectionId {
        self.socket.id.connection()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Network, Nanos, SocketId) -> T) -> T {
        let id = self.socket.id;
        self.socket
            .sim
            .with_network(|network, now| act(network, now, id))
    }
}

impl Stream for SimTcpStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        None
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(match &self.names {
            None => self.local.into(),
            Some(names) => names[0].clone().into(),
        })
    }

    fn peer_addr(&self) -> io::Result<Address> {
        if let Some(names) = &self.names {
            return Ok(names[1].clone().into());
        }
        self.with(|network, _, id| network.peer_address(id))
            .map(Address::from)
    }

    fn nodelay(&self) -> io::Result<bool> {
        self.with(|network, _, id| network.nodelay(id))
    }

    fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.with(|network, now, id| network.set_nodelay(now, id, on))
    }

    fn keepalive(&self) -> io::Result<bool> {
        self.with(|network, _, id| network.keepalive(id))
    }

    fn set_keepalive(&self, on: bool) -> io::Result<()> {
        self.with(|network, now, id| network.set_keepalive(now, id, on))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        self.with(|network, _, id| network.reset_on_close(id))
    }

    fn unconfirmed(&self) -> io::Result<Option<u64>> {
        self.with(|network, _, id| network.unconfirmed(id))
            .map(Some)
    }

    fn poll_broken(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let id = self.socket.id;
        self.socket
            .sim
            .poll_network(Wait::Read(self.peer), |network, _| {
                network.poll_broken(id, cx.waker())
            })
    }

    fn wakes_when_broken(&self) -> bool {
        true
    }
}

impl AsyncRead for SimTcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let id = self.socket.id;
        self.socket
            .sim
            .poll_network(Wait::Read(self.peer), |network, now| {
                network.poll_read(now, id, buf, cx.waker())
            })
    }
}

impl AsyncWrite for SimTcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let id = self.socket.id;
        self.socket
            .sim
            .poll_network(Wait::Write(self.peer), |network, now| {
                network.poll_write(now, id, buf, cx.waker())
            })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut written = 0;
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            match self.as_mut().poll_write(cx, buf) {
                Poll::Ready(Ok(some)) => {
                    written += some;
                    if some < buf.len() {
                        break;
                    }
                }
                // What was taken before counts; the error or the wait comes next time.
                _ if written > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.with(Network::shutdown))
    }
}

impl fmt::Debug for SimTcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTcpStream")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
