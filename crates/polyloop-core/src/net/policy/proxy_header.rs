//! PROXY headers: how a proxy tells the server behind it whom it speaks for.
//!
//! Version 1 is a line of text, version 2 is binary; both come before anything else, as
//! the protocol's specification says. [`AcceptProxyHeader`] is the server's
//! half, [`SendProxyHeader`] the proxy's.

mod accepting;
mod sending;
mod stream;

pub use accepting::{AcceptProxyHeader, ProxyHeaderError};
pub use sending::SendProxyHeader;
pub use stream::ProxiedStream;
