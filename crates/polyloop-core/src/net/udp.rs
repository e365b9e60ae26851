//! [`Udp`]: datagrams, as sockets with plain sends and receives.
//!
//! | here | what |
//! | --- | --- |
//! | [`Udp`] | the ability of a loop, and a backend's part of it |
//! | [`DatagramSocket`] | what its sockets do |
//! | [`UdpSettings`] | what can be set on one: broadcast, multicast, … |
//! | [`WatchedUdp`] | the socket of every loop that has [`Watch`](crate::Watch) |
//! | [`Addressing`] | where datagrams go and what is told, for a loop whose sockets are its own |
//!
//! Nothing is kept back here: a datagram is the system's as soon as it is sent, and what the
//! system has no room for is told to whoever sends (UDP-07). Protocols are one floor up, in
//! [`crate::net::datagrams`].

mod addressing;
mod datagram_socket;
mod error;
mod family;
mod making;
mod options;
mod settings;
#[cfg(unix)]
mod watched;

use std::net::SocketAddr;

pub use addressing::Addressing;
pub use datagram_socket::DatagramSocket;
pub use error::{MulticastError, SendError, UdpError};
pub use options::UdpOptions;
pub use settings::{MulticastInterface, UdpSettings};
#[cfg(unix)]
pub use watched::WatchedUdp;

use crate::event_loop::backend::Backend;
use crate::event_loop::lifecycle::LoopClosed;
use crate::net::datagrams::{self, DatagramEndpoint, DatagramProtocol};

/// Sends and receives datagrams.
///
/// [`adopt_udp`](Self::adopt_udp) is a backend's part, and for a loop with
/// [`Watch`](crate::Watch) one line: [`WatchedUdp::adopt`]. A loop whose network is not the
/// system's has the other two methods of its own, too.
///
/// ```
/// use polyloop_core::{DatagramSocket, Failure, Udp, UdpOptions};
/// use std::net::SocketAddr;
///
/// /// Asks a server, and waits for its answer.
/// async fn ask<L: Udp>(lp: &L, server: SocketAddr) -> Result<Vec<u8>, Failure> {
///     let socket = lp.connect_udp(server, &UdpOptions::new())?;
///     socket.send(b"what time is it?").await?;
///     let mut answer = vec![0; 65_535];
///     let length = socket.recv(&mut answer).await?;
///     answer.truncate(length);
///     Ok(answer)
/// }
/// ```
pub trait Udp: Backend {
    /// A socket for datagrams.
    type UdpSocket: DatagramSocket;

    /// Takes over a socket that is bound already, and may be connected. It does not block
    /// afterwards.
    fn adopt_udp(&self, socket: std::net::UdpSocket) -> Result<Self::UdpSocket, UdpError>;

    /// A socket on `address`, which receives from everybody; port 0 lets the system choose.
    fn bind_udp(
        &self,
        address: SocketAddr,
        options: &UdpOptions,
    ) -> Result<Self::UdpSocket, UdpError> {
        self.adopt_udp(making::bind(address, options)?)
    }

    /// A socket that sends to `peer` and receives from it alone (UDP-05). Nothing is sent yet:
    /// whether somebody is there shows later, if at all (UDP-06).
    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> Result<Self::UdpSocket, UdpError> {
        self.adopt_udp(making::connect(peer, options)?)
    }

    /// Has a protocol speak over a socket: asyncio's `create_datagram_endpoint`, Twisted's
    /// `listenUDP`. Nothing of the protocol is called inside of this.
    #[track_caller]
    fn drive_datagrams<P>(
        &self,
        socket: Self::UdpSocket,
        protocol: P,
    ) -> Result<DatagramEndpoint<P>, LoopClosed>
    where
        P: DatagramProtocol,
    {
        datagrams::drive(self, socket, protocol)
    }
}
