//! Protocols over datagrams: [`DatagramProtocol`] and [`DatagramTransport`], and from outside
//! the [`DatagramEndpoint`] that [`Udp::drive_datagrams`](crate::Udp::drive_datagrams) gives.
//!
//! There is no connection: one object speaks with everybody, and is told of each datagram
//! whole. It is one task, as a connection is, and nothing is allocated for a datagram.

mod driver;
mod endpoint;
mod mailbox;
mod view;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) use driver::drive;
pub use endpoint::{DatagramEndpoint, EndpointStopped};

use crate::net::udp::{SendError, UdpSettings};
use crate::promise::failure::Failure;
use crate::protocol::timer_key::TimerKey;

/// A protocol over datagrams: asyncio's and Twisted's `DatagramProtocol`.
///
/// The loop calls it: started first, datagrams and errors any number of times, stopped once
/// and last (DGRAM-01). The calls are plain functions that never overlap. A panic or an error
/// in one is reported, and the next datagram is told all the same (DGRAM-03).
///
/// ```
/// use polyloop_core::{DatagramProtocol, DatagramTransport, Failure, Udp, UdpOptions};
/// use polyloop_core::UdpSettings as _;
/// use std::net::SocketAddr;
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(
///         &mut self,
///         transport: &mut dyn DatagramTransport,
///         data: &[u8],
///         from: SocketAddr,
///     ) -> Result<(), Failure> {
///         // If there is no room for the answer it is lost, as on any way.
///         let _ = transport.send_to(data, from);
///         Ok(())
///     }
/// }
///
/// /// Runs on any loop with datagrams.
/// async fn serve<L: Udp>(lp: &L) -> Result<(), Failure> {
///     let socket = lp.bind_udp("127.0.0.1:7000".parse()?, &UdpOptions::new())?;
///     println!("on {}", socket.local_addr()?);
///     lp.drive_datagrams(socket, Echo)?.stopped().await;
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol over datagrams",
    note = "implement `DatagramProtocol` for it; `datagram_received` is all that it needs"
)]
pub trait DatagramProtocol: Send + 'static {
    /// It begins. An error here ends it.
    fn started(&mut self, transport: &mut dyn DatagramTransport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// A datagram came, whole, from that address (DGRAM-02). The buffer belongs to the loop:
    /// copy what is to be kept.
    fn datagram_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        data: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure>;

    /// The system told an error where a datagram was to be received: of kind
    /// `ConnectionRefused`, say, when nobody was there for an earlier one (DGRAM-04). The
    /// endpoint goes on. What goes wrong with a send is told there, and not here.
    fn error_received(
        &mut self,
        transport: &mut dyn DatagramTransport,
        error: io::Error,
    ) -> Result<(), Failure> {
        let _ = (transport, error);
        Ok(())
    }

    /// The timer that [`DatagramTransport::set_timer`] set for `key` has fired.
    fn timer_fired(
        &mut self,
        transport: &mut dyn DatagramTransport,
        key: TimerKey,
    ) -> Result<(), Failure> {
        let _ = (transport, key);
        Ok(())
    }

    /// It was closed, or its loop has ended: exactly once, last, and never inside of the call
    /// that closes. The socket goes right after it.
    fn stopped(&mut self) {}
}

/// What a [`DatagramProtocol`] sends by, for the time of a callback.
pub trait DatagramTransport {
    /// Sends a datagram now, or not at all: nothing is kept (UDP-07). Errors are told here and
    /// nowhere else (DGRAM-04). On a connected socket `to` is its peer.
    fn send_to(&mut self, data: &[u8], to: SocketAddr) -> Result<(), SendError>;

    /// The same to the peer of a connected socket.
    fn send(&mut self, data: &[u8]) -> Result<(), SendError>;

    /// The socket's addresses and settings: groups are joined by it.
    fn settings(&self) -> &dyn UdpSettings;

    /// Ends the endpoint: [`stopped`](DatagramProtocol::stopped) follows once the callback is
    /// back, and nothing else.
    fn close(&mut self);

    /// Whether it was closed.
    fn is_closing(&self) -> bool;

    /// The loop's clock.
    fn now(&self) -> Instant;

    /// Calls [`timer_fired`](DatagramProtocol::timer_fired) with `key` when `delay` has
    /// passed. There is one timer for each key; setting it again moves it.
    fn set_timer(&mut self, key: TimerKey, delay: Duration);

    /// Stops the timer of that key. False if it was not set, or has fired.
    fn cancel_timer(&mut self, key: TimerKey) -> bool;
}
