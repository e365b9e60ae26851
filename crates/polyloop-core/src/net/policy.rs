//! Policies: layers that say how many connections there may be, how fast they may be, and
//! whom a proxy speaks for.
//!
//! Each is a [`Layer`](crate::Layer), so it costs nothing where it is not asked for, goes
//! with any other, and the order says what it sees: below TLS it counts what the network
//! carries, above a PROXY header the address that the header told. Put on a server and a
//! client, or on two servers, a clone is the same policy: they share its room.
//!
//! How long a connection may be silent is no layer, since the protocol has a say in it:
//! [`ListenOptions::idle_limit`](crate::ListenOptions#structfield.idle_limit).

mod connection_limit;
#[cfg(feature = "proxy-header")]
mod proxy_header;
mod throttle;

pub use connection_limit::{ConnectionLimit, LimitedStream, TooManyConnections};
#[cfg(feature = "proxy-header")]
pub use proxy_header::{AcceptProxyHeader, ProxiedStream, ProxyHeaderError, SendProxyHeader};
pub use throttle::{Throttle, ThrottledStream};
