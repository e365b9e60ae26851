//! [`SendProxyHeader`]: the proxy's half.

use std::net::{IpAddr, SocketAddr};

use futures_util::AsyncWriteExt as _;
use proxy_header::{ProxiedAddress, ProxyHeader};

use crate::net::endpoint::Endpoint;
use crate::net::{Layer, Loop, Stream};
use crate::promise::failure::Failure;
use crate::protocol::peer::Peer;

/// Says to a server whom a connection speaks for, before anything else: a [`Layer`] of a
/// client (POL-07).
///
/// ```
/// use std::net::SocketAddr;
/// use polyloop_core::{ConnectError, ConnectOptions, Connected, Loop, ProtocolFactory, SendProxyHeader};
///
/// /// For a client at `from`, who has connected to this proxy at `to`.
/// async fn forward<L: Loop, F: ProtocolFactory>(
///     lp: &L, from: SocketAddr, to: SocketAddr, factory: F,
/// ) -> Result<Connected<F>, ConnectError> {
///     let options = ConnectOptions::new().layer(SendProxyHeader::v2(from, to));
///     lp.connect_with("backend:80", options, factory).await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SendProxyHeader {
    header: Vec<u8>,
}

impl SendProxyHeader {
    /// A line of text. Where one address is of IPv4 and the other of IPv6, both are told as
    /// IPv6.
    pub fn v1(from: SocketAddr, to: SocketAddr) -> Self {
        Self::new(addressed(from, to), ProxyHeader::encode_v1)
    }

    /// The binary one. Where one address is of IPv4 and the other of IPv6, both are told as
    /// IPv6.
    pub fn v2(from: SocketAddr, to: SocketAddr) -> Self {
        Self::new(addressed(from, to), ProxyHeader::encode_v2)
    }

    /// Of version 2, for a connection of the proxy's own, such as a check whether the server
    /// is well.
    pub fn local() -> Self {
        Self::new(ProxyHeader::with_local(), ProxyHeader::encode_v2)
    }

    fn new<E: std::fmt::Debug>(
        header: ProxyHeader<'static>,
        encode: impl FnOnce(&ProxyHeader<'static>, &mut Vec<u8>) -> Result<(), E>,
    ) -> Self {
        let mut encoded = Vec::new();
        encode(&header, &mut encoded).expect("two addresses of one family fit into a header");
        Self { header: encoded }
    }
}

fn addressed(from: SocketAddr, to: SocketAddr) -> ProxyHeader<'static> {
    let (from, to) = if from.is_ipv4() == to.is_ipv4() {
        (from, to)
    } else {
        (of_v6(from), of_v6(to))
    };
    ProxyHeader::with_address(ProxiedAddress::stream(from, to))
}

fn of_v6(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

impl<S: Stream> Layer<S> for SendProxyHeader {
    type Stream = S;

    async fn wrap<L: Loop>(
        &self,
        _: &L,
        mut stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(S, Peer), Failure> {
        stream.write_all(&self.header).await?;
        stream.flush().await?;
        Ok((stream, peer))
    }
}
