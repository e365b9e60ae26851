//! Loops that are broken where datagrams are sent and received.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::task::{Context, Poll};

use polyloop_core::{
    DatagramSocket, SendError, Udp, UdpError, UdpOptions, UdpSettings, WatchedUdp,
};

use crate::faulty_loop::{Fault, FaultyLoop};

/// What is kept for those who do not read, instead of being lost.
static KEPT: Mutex<VecDeque<(SocketAddr, Vec<u8>, SocketAddr)>> = Mutex::new(VecDeque::new());

/// A socket of the system's, with the fault of its loop.
pub(crate) struct FaultyUdp {
    inner: WatchedUdp<FaultyLoop>,
    fault: Option<Fault>,
}

impl Udp for FaultyLoop {
    type UdpSocket = FaultyUdp;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<FaultyUdp, UdpError> {
        let socket = FaultyUdp {
            inner: WatchedUdp::adopt(self, socket)?,
            fault: self.fault(),
        };
        if self.has(Fault::BroadcastsAlways) {
            let _ = socket.set_broadcast(true);
        }
        Ok(socket)
    }

    fn connect_udp(&self, peer: SocketAddr, options: &UdpOptions) -> Result<FaultyUdp, UdpError> {
        if !self.has(Fault::SendsToAnybody) {
            let local = options.local_address.unwrap_or(match peer {
                SocketAddr::V4(_) => ([127, 0, 0, 1], 0).into(),
                SocketAddr::V6(_) => ([0, 0, 0, 0, 0, 0, 0, 1], 0).into(),
            });
            if local.is_ipv4() != peer.is_ipv4() {
                return Err(UdpError::Families { local, peer });
            }
            let socket = UdpSocket::bind(local).expect("a socket");
            socket.connect(peer).expect("a peer");
            return self.adopt_udp(socket);
        }
        self.bind_udp(([127, 0, 0, 1], 0).into(), options)
    }
}

impl FaultyUdp {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What is really sent; nothing is.
    fn outgoing<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        match self.fault {
            Some(Fault::LosesEmptyDatagrams) if data.is_empty() => None,
            Some(Fault::SendsCutDatagrams) => Some(&data[..data.len().min(65_507)]),
            _ => Some(data),
        }
    }

    /// What is really told.
    fn incoming(
        &self,
        told: io::Result<(usize, SocketAddr)>,
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        match told {
            Err(error)
                if self.has(Fault::HidesRefusals)
                    && error.kind() == io::ErrorKind::ConnectionRefused =>
            {
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
            Ok((length, mut from)) => {
                if self.has(Fault::MixesUpSources) {
                    from.set_port(from.port().wrapping_add(1));
                }
                let length = match self.fault {
                    Some(Fault::CutsDatagrams) => length.min(8_192),
                    _ => length,
                };
                Poll::Ready(Ok((length, from)))
            }
        }
    }
}

impl UdpSettings for FaultyUdp {
    fn socket(&self) -> Option<&UdpSocket> {
        self.inner.socket()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.inner.peer_addr()
    }
}

impl DatagramSocket for FaultyUdp {
    fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        if self.has(Fault::QueuesDatagrams) {
            let mut kept = KEPT.lock().expect("no panic");
            let own = self.local_addr()?;
            if let Some(place) = kept.iter().position(|(to, ..)| *to == own) {
                let (_, data, from) = kept.remove(place).expect("its place");
                buffer[..data.len()].copy_from_slice(&data);
                return Ok((data.len(), from));
            }
        }
        self.inner.try_recv_from(buffer)
    }

    fn try_send_to(&self, data: &[u8], to: SocketAddr) -> Result<(), SendError> {
        if self.has(Fault::QueuesDatagrams) {
            let from = self.local_addr().map_err(|source| SendError::Failed {
                to: Some(to),
                source,
            })?;
            let mut kept = KEPT.lock().expect("no panic");
            kept.push_back((to, data.to_vec(), from));
            return Ok(());
        }
        match self.outgoing(data) {
            Some(data) => self.inner.try_send_to(data, to),
            None => Ok(()),
        }
    }

    fn try_send(&self, data: &[u8]) -> Result<(), SendError> {
        match self.outgoing(data) {
            Some(data) => self.inner.try_send(data),
            None => Ok(()),
        }
    }

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        match self.inner.poll_recv_from(cx, buffer) {
            Poll::Ready(told) => self.incoming(told),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: SocketAddr,
    ) -> Poll<Result<(), SendError>> {
        match self.outgoing(data) {
            Some(data) => self.inner.poll_send_to(cx, data, to),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<(), SendError>> {
        match self.outgoing(data) {
            Some(data) => self.inner.poll_send(cx, data),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has(Fault::HidesRoom) {
            return Poll::Pending;
        }
        self.inner.poll_writable(cx)
    }

    async fn writable(&self) -> io::Result<()> {
        if self.has(Fault::HidesRoom) {
            return std::future::pending().await;
        }
        self.inner.writable().await
    }
}
