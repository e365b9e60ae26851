//! The datagrams of whichever loop it is.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use polyloop_core::os::Interest;
use polyloop_core::{
    DatagramSocket, MulticastError, MulticastInterface, SendError, Udp, UdpError, UdpOptions,
    UdpSettings,
};

use super::{Absent, AnyLoop, dispatch};

/// A socket for datagrams of one of the loops.
#[derive(Debug)]
pub struct AnyUdpSocket(Sockets);

#[derive(Debug)]
enum Sockets {
    #[cfg(feature = "async-std")]
    AsyncStd(<crate::AsyncStdLoop as Udp>::UdpSocket),
    #[cfg(feature = "smol")]
    Smol(<crate::SmolLoop as Udp>::UdpSocket),
    #[cfg(feature = "tokio")]
    Tokio(<crate::TokioLoop as Udp>::UdpSocket),
    #[cfg(feature = "sim")]
    Sim(<crate::SimLoop as Udp>::UdpSocket),
    Absent(Absent),
}

impl Udp for AnyLoop {
    type UdpSocket = AnyUdpSocket;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<AnyUdpSocket, UdpError> {
        let socket = dispatch!(Self, self, lp => Sockets as wrap: wrap(lp.adopt_udp(socket)?));
        Ok(AnyUdpSocket(socket))
    }

    fn bind_udp(
        &self,
        address: SocketAddr,
        options: &UdpOptions,
    ) -> Result<AnyUdpSocket, UdpError> {
        let socket =
            dispatch!(Self, self, lp => Sockets as wrap: wrap(lp.bind_udp(address, options)?));
        Ok(AnyUdpSocket(socket))
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> Result<AnyUdpSocket, UdpError> {
        let socket =
            dispatch!(Self, self, lp => Sockets as wrap: wrap(lp.connect_udp(peer, options)?));
        Ok(AnyUdpSocket(socket))
    }
}

// Each method is passed on, the provided ones too: a loop without real sockets overrides them.
impl UdpSettings for AnyUdpSocket {
    fn socket(&self) -> Option<&UdpSocket> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::socket(socket))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::local_addr(socket))
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::peer_addr(socket))
    }

    fn broadcast(&self) -> io::Result<bool> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::broadcast(socket))
    }

    fn set_broadcast(&self, on: bool) -> io::Result<()> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::set_broadcast(socket, on))
    }

    fn ttl(&self) -> io::Result<u32> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::ttl(socket))
    }

    fn set_ttl(&self, hops: u32) -> io::Result<()> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::set_ttl(socket, hops))
    }

    fn join_multicast(
        &self,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(), MulticastError> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::join_multicast(socket, group, interface))
    }

    fn leave_multicast(
        &self,
        group: IpAddr,
        interface: MulticastInterface,
    ) -> Result<(), MulticastError> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::leave_multicast(socket, group, interface))
    }

    fn multicast_ttl(&self) -> io::Result<u32> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::multicast_ttl(socket))
    }

    fn set_multicast_ttl(&self, hops: u32) -> io::Result<()> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::set_multicast_ttl(socket, hops))
    }

    fn multicast_loop(&self) -> io::Result<bool> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::multicast_loop(socket))
    }

    fn set_multicast_loop(&self, on: bool) -> io::Result<()> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::set_multicast_loop(socket, on))
    }

    fn multicast_interface(&self) -> io::Result<MulticastInterface> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::multicast_interface(socket))
    }

    fn set_multicast_interface(&self, interface: MulticastInterface) -> Result<(), MulticastError> {
        dispatch!(Sockets, &self.0, socket => UdpSettings::set_multicast_interface(socket, interface))
    }
}

impl DatagramSocket for AnyUdpSocket {
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        dispatch!(Sockets, &self.0, socket => socket.try_recv_from(buffer))
    }

    fn try_send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        dispatch!(Sockets, &self.0, socket => socket.try_send_to(data, to))
    }

    fn try_send(&self, data: &[u8]) -> Result<(), SendError> {
        dispatch!(Sockets, &self.0, socket => socket.try_send(data))
    }

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        dispatch!(Sockets, &self.0, socket => socket.poll_recv_from(cx, buffer))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: SocketAddr,
    ) -> Poll<Result<(), SendError>> {
        dispatch!(Sockets, &self.0, socket => socket.poll_send_to(cx, data, to))
    }

    fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<(), SendError>> {
        dispatch!(Sockets, &self.0, socket => socket.poll_send(cx, data))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        dispatch!(Sockets, &self.0, socket => socket.poll_writable(cx))
    }

    async fn writable(&self) -> io::Result<()> {
        dispatch!(Sockets, &self.0, socket => socket.writable().await)
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&UdpSocket) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        dispatch!(Sockets, &self.0, socket => socket.poll_io(cx, interest, operation))
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        dispatch!(Sockets, &self.0, socket => socket.recv_from(buffer).await)
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        dispatch!(Sockets, &self.0, socket => socket.recv(buffer).await)
    }

    async fn send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        dispatch!(Sockets, &self.0, socket => socket.send_to(data, to).await)
    }

    async fn send(&self, data: &[u8]) -> Result<(), SendError> {
        dispatch!(Sockets, &self.0, socket => socket.send(data).await)
    }
}

impl Udp for Absent {
    type UdpSocket = Self;

    fn adopt_udp(&self, _: UdpSocket) -> Result<Self, UdpError> {
        self.never()
    }
}

impl UdpSettings for Absent {
    fn socket(&self) -> Option<&UdpSocket> {
        self.never()
    }
}

impl DatagramSocket for Absent {
    fn try_recv_from(&self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.never()
    }

    fn try_send_to(&self, _: &[u8], _: SocketAddr) -> Result<(), SendError> {
        self.never()
    }

    fn try_send(&self, _: &[u8]) -> Result<(), SendError> {
        self.never()
    }

    fn poll_recv_from(
        &self,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.never()
    }

    fn poll_send_to(
        &self,
        _: &mut Context<'_>,
        _: &[u8],
        _: SocketAddr,
    ) -> Poll<Result<(), SendError>> {
        self.never()
    }

    fn poll_send(&self, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<(), SendError>> {
        self.never()
    }
}
