//! [`WatchedUdp`]: a socket of the system's for datagrams, on every loop that watches
//! descriptors.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use super::addressing::Addressing;
use super::datagram_socket::{DatagramSocket, has_room};
use super::error::{SendError, UdpError};
use super::settings::UdpSettings;
use crate::os::{Interest, Watch, Watcher};

/// A socket of the system's, below [`Udp`](super::Udp) of a loop that has [`Watch`].
///
/// Any number of tasks may await in both directions; of those that poll, one.
pub struct WatchedUdp<L: Watch> {
    watcher: L::Watcher<UdpSocket>,
    addressing: Addressing,
}

impl<L: Watch> WatchedUdp<L> {
    /// What [`Udp::adopt_udp`](super::Udp::adopt_udp) does on such a loop. For backends.
    pub fn adopt(lp: &L, socket: UdpSocket) -> Result<Self, UdpError> {
        lp.state().check_open()?;
        let addressing = Addressing::of(&socket)?;
        let refused = |source| UdpError::Refused {
            name: lp.state().name(),
            source,
        };
        socket.set_nonblocking(true).map_err(refused)?;
        let watcher = lp.watcher(socket).map_err(refused)?;
        Ok(Self {
            watcher,
            addressing,
        })
    }

    fn udp(&self) -> &UdpSocket {
        self.watcher.source()
    }

    /// Where a datagram really goes; `None` to the peer.
    #[inline]
    fn destination(&self, to: SocketAddr) -> Result<Option<SocketAddr>, SendError> {
        self.addressing.destination(to, || self.udp().local_addr())
    }

    fn told(
        &self,
        sent: io::Result<usize>,
        data: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<(), SendError> {
        self.addressing.told(sent, data, to)
    }
}

/// Sends to an address, or to the peer.
#[inline]
fn transmit(socket: &UdpSocket, data: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
    match to {
        Some(to) => socket.send_to(data, to),
        None => socket.send(data),
    }
}

impl<L: Watch> UdpSettings for WatchedUdp<L> {
    fn socket(&self) -> Option<&UdpSocket> {
        Some(self.udp())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.addressing.peer()
    }
}

impl<L: Watch> DatagramSocket for WatchedUdp<L> {
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (length, from) = self.udp().recv_from(buffer)?;
        Ok((length, self.addressing.incoming(from)))
    }

    fn try_send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        let to = self.destination(to)?;
        self.told(transmit(self.udp(), data, to), data, to)
    }

    fn try_send(&self, data: &[u8]) -> Result<(), SendError> {
        self.told(self.udp().send(data), data, None)
    }

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.watcher
            .poll_io(cx, Interest::Readable, |socket| socket.recv_from(buffer))
            .map_ok(|(length, from)| (length, self.addressing.incoming(from)))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: SocketAddr,
    ) -> Poll<Result<(), SendError>> {
        let to = self.destination(to)?;
        self.watcher
            .poll_io(cx, Interest::Writable, |socket| transmit(socket, data, to))
            .map(|sent| self.told(sent, data, to))
    }

    fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<(), SendError>> {
        self.watcher
            .poll_io(cx, Interest::Writable, |socket| socket.send(data))
            .map(|sent| self.told(sent, data, None))
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&UdpSocket) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.watcher.poll_io(cx, interest, operation)
    }

    async fn writable(&self) -> io::Result<()> {
        self.watcher.io(Interest::Writable, has_room).await
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let receive = |socket: &UdpSocket| socket.recv_from(buffer);
        let (length, from) = self.watcher.io(Interest::Readable, receive).await?;
        Ok((length, self.addressing.incoming(from)))
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let receive = |socket: &UdpSocket| socket.recv(buffer);
        self.watcher.io(Interest::Readable, receive).await
    }

    async fn send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        let to = self.destination(to)?;
        // There is room, most often, and then there is nothing to ask the runtime.
        let mut sent = transmit(self.udp(), data, to);
        if is_full(&sent) {
            let again = |socket: &UdpSocket| transmit(socket, data, to);
            sent = self.watcher.io(Interest::Writable, again).await;
        }
        self.told(sent, data, to)
    }

    async fn send(&self, data: &[u8]) -> Result<(), SendError> {
        let mut sent = self.udp().send(data);
        if is_full(&sent) {
            let again = |socket: &UdpSocket| socket.send(data);
            sent = self.watcher.io(Interest::Writable, again).await;
        }
        self.told(sent, data, None)
    }
}

fn is_full(sent: &io::Result<usize>) -> bool {
    matches!(sent, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl<L: Watch> fmt::Debug for WatchedUdp<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedUdp")
            .field("socket", self.udp())
            .finish_non_exhaustive()
    }
}
