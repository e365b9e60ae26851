//! Options of sockets, connections and listeners.

use std::net::SocketAddr;
use std::time::Duration;

use super::unix::UnixOptions;
use crate::event_loop::names::LookupOptions;
use crate::protocol::transport::WriteLimits;

/// Options of one TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Small writes leave at once: on unless set (TRAN-27).
    pub nodelay: bool,
    /// The system probes an idle peer: off unless set.
    pub keepalive: bool,
    /// The system's receive buffer, in bytes; `None` leaves the system's default.
    pub recv_buffer_size: Option<usize>,
    /// The system's send buffer, in bytes; `None` leaves the system's default.
    pub send_buffer_size: Option<usize>,
    /// Where a connection is made from; `None` leaves it to the system (CLI-11).
    pub local_address: Option<SocketAddr>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: false,
            recv_buffer_size: None,
            send_buffer_size: None,
            local_address: None,
        }
    }
}

impl TcpOptions {
    /// Whether the system's buffers are to have a size.
    pub(super) fn sets_buffers(&self) -> bool {
        self.recv_buffer_size.is_some() || self.send_buffer_size.is_some()
    }
}

/// Options of a client connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions<Y = ()> {
    /// Options of the socket.
    pub tcp: TcpOptions,
    /// The limit for the whole attempt, name resolution included: 30 s unless set;
    /// `None` waits as long as the system does (CLI-01). With a limit of zero nothing is
    /// begun.
    pub timeout: Option<Duration>,
    /// How long an attempt may take before the next address is tried beside it:
    /// 250 ms unless set (RFC 8305; CLI-06).
    pub attempt_delay: Duration,
    /// How a name is looked up: which families, in which order, and within which limit of
    /// its own (DNS-04). An address of a family that is not wanted is refused.
    pub lookup: LookupOptions,
    /// The watermarks of the write buffer.
    pub write_limits: WriteLimits,
    /// How long the connection may be silent before it is closed, or its protocol does
    /// [something else](crate::Protocol::went_idle): without end unless set (POL-03).
    pub idle_limit: Option<Duration>,
    /// What its stream is made into before there is a protocol: nothing else unless set.
    pub layer: Y,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            timeout: Some(Duration::from_secs(30)),
            attempt_delay: Duration::from_millis(250),
            lookup: LookupOptions::default(),
            write_limits: WriteLimits::default(),
            idle_limit: None,
            layer: (),
        }
    }
}

/// Options of a listener.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, set by name"
)]
pub struct ListenOptions<Y = ()> {
    /// Options of the accepted sockets. `local_address` has no meaning here, and of a UNIX
    /// socket only those count that are about buffers.
    pub tcp: TcpOptions,
    /// Options of the file, where a UNIX socket is listened on.
    pub unix: UnixOptions,
    /// How many connections may wait to be accepted: 128 unless set (SERV-04).
    pub backlog: u32,
    /// The address can be bound again right after an earlier listener closed: on
    /// unless set (SERV-05).
    pub reuse_address: bool,
    /// Several listeners may share the port, where the system can: off unless set.
    pub reuse_port: bool,
    /// An IPv6 listener takes no IPv4 connections: on unless set (SERV-03).
    pub v6_only: bool,
    /// Connections are accepted from the start: on unless set. Otherwise
    /// [`Server::start`](crate::Server::start) begins (SERV-12).
    pub start_serving: bool,
    /// How a name to listen on is looked up. An address of a family that is not wanted is
    /// refused; of every interface, those of the families that are wanted are listened on.
    pub lookup: LookupOptions,
    /// The watermarks of each connection's write buffer.
    pub write_limits: WriteLimits,
    /// How long a connection may be silent before it is closed, or its protocol does
    /// [something else](crate::Protocol::went_idle): without end unless set (POL-03).
    pub idle_limit: Option<Duration>,
    /// How long a [layer](Self::layer) may take with a connection: 60 s unless set; `None`
    /// leaves it to the layer (TLS-04, SERV-19).
    pub handshake_limit: Option<Duration>,
    /// What the stream of each connection is made into before there is a protocol: nothing
    /// else unless set.
    pub layer: Y,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            unix: UnixOptions::default(),
            backlog: 128,
            reuse_address: true,
            reuse_port: false,
            v6_only: true,
            start_serving: true,
            lookup: LookupOptions::default(),
            write_limits: WriteLimits::default(),
            idle_limit: None,
            handshake_limit: Some(Duration::from_secs(60)),
            layer: (),
        }
    }
}

/// Those of a layer are of whatever layer there is; without one there are defaults.
macro_rules! setters {
    ($name:ident<layer>: $($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl<Y> $name<Y> {
            $(
                $(#[$doc])*
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*

            /// Puts `layer` over what there is: the last one that is set is the one that the
            /// protocol is on.
            pub fn layer<N>(self, layer: N) -> $name<(Y, N)> {
                self.over(|below| (below, layer))
            }

            /// The same without the layer, which is given beside it.
            pub(super) fn split(self) -> ($name, Y) {
                let mut own = None;
                let plain = self.over(|layer| own = Some(layer));
                (plain, own.expect("`over` asks once"))
            }
        }
    };
    ($name:ident: $($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        impl $name {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }
            $(
                $(#[$doc])*
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

pub(super) use setters;

setters! { TcpOptions:
    /// Sets [`nodelay`](Self#structfield.nodelay).
    nodelay: bool,
    /// Sets [`keepalive`](Self#structfield.keepalive).
    keepalive: bool,
    /// Sets [`recv_buffer_size`](Self#structfield.recv_buffer_size).
    recv_buffer_size: Option<usize>,
    /// Sets [`send_buffer_size`](Self#structfield.send_buffer_size).
    send_buffer_size: Option<usize>,
    /// Sets [`local_address`](Self#structfield.local_address).
    local_address: Option<SocketAddr>,
}

setters! { ConnectOptions<layer>:
    /// Sets [`tcp`](Self#structfield.tcp).
    tcp: TcpOptions,
    /// Sets [`timeout`](Self#structfield.timeout).
    timeout: Option<Duration>,
    /// Sets [`attempt_delay`](Self#structfield.attempt_delay).
    attempt_delay: Duration,
    /// Sets [`lookup`](Self#structfield.lookup).
    lookup: LookupOptions,
    /// Sets [`write_limits`](Self#structfield.write_limits).
    write_limits: WriteLimits,
    /// Sets [`idle_limit`](Self#structfield.idle_limit).
    idle_limit: Option<Duration>,
}

setters! { ListenOptions<layer>:
    /// Sets [`tcp`](Self#structfield.tcp).
    tcp: TcpOptions,
    /// Sets [`unix`](Self#structfield.unix).
    unix: UnixOptions,
    /// Sets [`backlog`](Self#structfield.backlog).
    backlog: u32,
    /// Sets [`reuse_address`](Self#structfield.reuse_address).
    reuse_address: bool,
    /// Sets [`reuse_port`](Self#structfield.reuse_port).
    reuse_port: bool,
    /// Sets [`v6_only`](Self#structfield.v6_only).
    v6_only: bool,
    /// Sets [`start_serving`](Self#structfield.start_serving).
    start_serving: bool,
    /// Sets [`lookup`](Self#structfield.lookup).
    lookup: LookupOptions,
    /// Sets [`write_limits`](Self#structfield.write_limits).
    write_limits: WriteLimits,
    /// Sets [`idle_limit`](Self#structfield.idle_limit).
    idle_limit: Option<Duration>,
    /// Sets [`handshake_limit`](Self#structfield.handshake_limit).
    handshake_limit: Option<Duration>,
}

impl<Y> ConnectOptions<Y> {
    /// The same with another layer.
    pub(super) fn over<N>(self, change: impl FnOnce(Y) -> N) -> ConnectOptions<N> {
        ConnectOptions {
            tcp: self.tcp,
            timeout: self.timeout,
            attempt_delay: self.attempt_delay,
            lookup: self.lookup,
            write_limits: self.write_limits,
            idle_limit: self.idle_limit,
            layer: change(self.layer),
        }
    }
}

impl<Y> ListenOptions<Y> {
    /// The same with another layer.
    fn over<N>(self, change: impl FnOnce(Y) -> N) -> ListenOptions<N> {
        ListenOptions {
            tcp: self.tcp,
            unix: self.unix,
            backlog: self.backlog,
            reuse_address: self.reuse_address,
            reuse_port: self.reuse_port,
            v6_only: self.v6_only,
            start_serving: self.start_serving,
            lookup: self.lookup,
            write_limits: self.write_limits,
            idle_limit: self.idle_limit,
            handshake_limit: self.handshake_limit,
            layer: change(self.layer),
        }
    }
}
