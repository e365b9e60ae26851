//! The network: hosts, the links between them, and TCP, as a state machine.
//!
//! It has no clock, no lock, no thread and no socket of its own. Whoever drives it says
//! what time it is, asks when something happens [next](Network::next_event), and lets it
//! [happen](Network::advance); what then has to be woken or recorded comes out as
//! [`Effects`]. So the same calls at the same times give the same network.

mod effects;
mod fault;
mod link;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Poll, Waker};
use std::time::Duration;

use polyloop_core::{ListenOptions, TcpOptions};

pub(crate) use effects::Effects;
pub use fault::{Crash, Fault, FaultKind, FaultRate};
pub use link::Link;

use crate::HostId;
use crate::trace::ConnectionId;

/// Time inside the network: nanoseconds since the simulation began.
type Nanos = u64;

fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn duration(time: Nanos) -> Duration {
    Duration::from_nanos(time)
}

/// Names one end of a connection, as a descriptor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SocketId(u64);

/// Names a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ListenerId(u64);

/// Why a connect could not even begin.
#[derive(Debug)]
pub(crate) enum ConnectFailure {
    /// The local address that was asked for can't be had.
    LocalAddress(SocketAddr, io::Error),
    /// Anything else.
    Other(io::Error),
}

/// All hosts, what is open on them, and what is under way between them.
pub(crate) struct Network {
    effects: Effects,
    names: Vec<String>,
}

impl Network {
    /// No hosts yet. Whatever is drawn is drawn from `rng`; hosts without a link of
    /// their own between them have `link`.
    pub(crate) fn new(rng: fastrand::Rng, link: Link) -> Self {
        Self {
            effects: Effects::default(),
            names: Vec::new(),
        }
    }
    /// Whether [`Effects::records`] is filled. It is, unless told otherwise.
    pub(crate) fn set_recording(&mut self, on: bool) {
        todo!()
    }
    /// Moves what there is to do into `into`, whose buffers are used again. To be
    /// called after each call that takes the time.
    pub(crate) fn take_effects(&mut self, into: &mut Effects) {}

    /// A host of that name with addresses of its own: the one there is, or a new one.
    pub(crate) fn add_host(&mut self, name: &str) -> HostId {
        match self.names.iter().position(|n| n == name) {
            Some(i) => HostId::from_index(i),
            None => {
                self.names.push(name.to_owned());
                HostId::from_index(self.names.len() - 1)
            }
        }
    }
    /// The host of that name.
    pub(crate) fn find_host(&self, name: &str) -> Option<HostId> {
        self.names
            .iter()
            .position(|n| n == name)
            .map(HostId::from_index)
    }
    /// What the host is called.
    pub(crate) fn host_name(&self, host: HostId) -> &str {
        &self.names[host.index()]
    }
    /// The host's own addresses, beside its loopback: of IPv4, then of IPv6.
    pub(crate) fn host_addresses(&self, host: HostId) -> [IpAddr; 2] {
        todo!()
    }
    /// What `host` knows of `name`: a host, `localhost`, or an address written out.
    pub(crate) fn resolve(&self, host: HostId, name: &str) -> io::Result<Vec<IpAddr>> {
        todo!()
    }

    /// When something happens next. It may be now, also right after `advance`.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        None
    }
    /// Whether nothing will happen any more by itself, apart from faults that are drawn
    /// for ever: then a task that waits for the network waits in vain.
    pub(crate) fn is_idle(&self) -> bool {
        true
    }
    /// Does all that is due.
    pub(crate) fn advance(&mut self, now: Duration) {}

    /// Listens.
    pub(crate) fn listen(
        &mut self,
        now: Duration,
        host: HostId,
        address: SocketAddr,
        options: &ListenOptions,
    ) -> io::Result<ListenerId> {
        todo!()
    }
    /// The address listened on.
    pub(crate) fn listener_address(&self, listener: ListenerId) -> io::Result<SocketAddr> {
        todo!()
    }
    /// The next connection.
    pub(crate) fn poll_accept(
        &mut self,
        now: Duration,
        listener: ListenerId,
        waker: &Waker,
    ) -> Poll<io::Result<(SocketId, SocketAddr)>> {
        todo!()
    }
    /// Closes a listener and resets what nobody has accepted.
    pub(crate) fn close_listener(&mut self, now: Duration, listener: ListenerId) {
        todo!()
    }

    /// Begins to connect. The socket has to be closed, whatever becomes of it.
    pub(crate) fn connect(
        &mut self,
        now: Duration,
        host: HostId,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> Result<SocketId, ConnectFailure> {
        todo!()
    }
    /// Whether it is connected.
    pub(crate) fn poll_connect(
        &mut self,
        now: Duration,
        socket: SocketId,
        waker: &Waker,
    ) -> Poll<io::Result<()>> {
        todo!()
    }
    /// Reads what has arrived; 0 bytes are the end.
    pub(crate) fn poll_read(
        &mut self,
        now: Duration,
        socket: SocketId,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        todo!()
    }
    /// Takes as much as there is room for.
    pub(crate) fn poll_write(
        &mut self,
        now: Duration,
        socket: SocketId,
        data: &[u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        todo!()
    }
    /// Ends the sending side behind what was written.
    pub(crate) fn shutdown(&mut self, now: Duration, socket: SocketId) -> io::Result<()> {
        todo!()
    }
    /// Makes [`close`](Self::close) reset the connection.
    pub(crate) fn reset_on_close(&mut self, socket: SocketId) -> io::Result<()> {
        todo!()
    }
    /// Lets go of a socket. What was written is still sent, unless there is unread data
    /// or a reset was asked for.
    pub(crate) fn close(&mut self, now: Duration, socket: SocketId) {
        todo!()
    }
    pub(crate) fn local_address(&self, socket: SocketId) -> io::Result<SocketAddr> {
        todo!()
    }
    pub(crate) fn peer_address(&self, socket: SocketId) -> io::Result<SocketAddr> {
        todo!()
    }
    pub(crate) fn connection(&self, socket: SocketId) -> Option<ConnectionId> {
        todo!()
    }
    pub(crate) fn nodelay(&self, socket: SocketId) -> io::Result<bool> {
        todo!()
    }
    pub(crate) fn set_nodelay(
        &mut self,
        now: Duration,
        socket: SocketId,
        on: bool,
    ) -> io::Result<()> {
        todo!()
    }
    pub(crate) fn keepalive(&self, socket: SocketId) -> io::Result<bool> {
        todo!()
    }
    pub(crate) fn set_keepalive(
        &mut self,
        now: Duration,
        socket: SocketId,
        on: bool,
    ) -> io::Result<()> {
        todo!()
    }

    /// Breaks or mends something now.
    pub(crate) fn apply(&mut self, now: Duration, fault: Fault) {
        todo!()
    }
    /// Breaks or mends something then.
    pub(crate) fn at(&mut self, time: Duration, fault: Fault) {
        todo!()
    }
    /// Faults at a rate, from now on.
    pub(crate) fn draw_faults(&mut self, now: Duration, rate: FaultRate) {
        todo!()
    }
    /// All the host's sockets are gone. Its tasks are the caller's affair.
    pub(crate) fn crash(&mut self, now: Duration, host: HostId, how: Crash) {
        todo!()
    }
    /// The host is back, with nothing open.
    pub(crate) fn restart(&mut self, now: Duration, host: HostId) {
        todo!()
    }
    /// The host stands still: what arrives waits.
    pub(crate) fn pause(&mut self, now: Duration, host: HostId) {
        todo!()
    }
    /// The host goes on.
    pub(crate) fn resume(&mut self, now: Duration, host: HostId) {
        todo!()
    }
    /// Whether the host is up: neither crashed silently nor paused.
    pub(crate) fn is_up(&self, host: HostId) -> bool {
        todo!()
    }
    /// The links between two hosts that have none of their own.
    pub(crate) fn set_default_link(&mut self, link: Link) {
        todo!()
    }
}
