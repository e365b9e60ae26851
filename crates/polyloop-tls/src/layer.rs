//! TLS in the options of `connect` and `serve`, `dial` and `accept`: a connector and an
//! acceptor are layers.

use polyloop_core::{Endpoint, Failure, Layer, Loop, Peer, Stream};

use crate::acceptor::TlsAcceptor;
use crate::connector::TlsConnector;
use crate::stream::TlsStream;

/// The name to be asked for, and proved by the server, is the host of the endpoint, or the
/// peer's address where nothing was asked for; unless the connector has one of its own.
///
/// A handshake that fails fails the connect (TLS-02): no protocol exists before the server has
/// been verified (TLS-01), and the factory sees what was negotiated.
///
/// ```no_run
/// use polyloop_core::{ConnectOptions, Failure, Loop, Peer, Protocol, ProtocolFactory, Secure};
/// # use polyloop_core::Transport;
/// use polyloop_tls::TlsConnector;
/// # struct Http2;
/// # impl Protocol for Http2 {
/// #     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> { Ok(()) }
/// # }
///
/// /// Speaks HTTP/2 and nothing else.
/// struct OnlyHttp2;
///
/// impl ProtocolFactory for OnlyHttp2 {
///     type Protocol = Http2;
///     fn build_protocol(&mut self, peer: &Peer) -> Option<Http2> {
///         let agreed = peer.secure().and_then(Secure::protocol);
///         (agreed == Some(b"h2")).then_some(Http2)
///     }
/// }
///
/// async fn dial<L: Loop>(lp: &L) -> Result<(), Failure> {
///     let tls = TlsConnector::builder().alpn(["h2"]).build()?;
///     let options = ConnectOptions::new().layer(tls);
///     let connection = lp.connect_with("example.org:443", options, OnlyHttp2).await?;
///     connection.write("PRI * HTTP/2.0\r\n\r\n")?;
///     Ok(())
/// }
/// ```
impl<S: Stream> Layer<S> for TlsConnector {
    type Stream = TlsStream<S>;

    async fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        asked: Option<&Endpoint>,
    ) -> Result<(TlsStream<S>, Peer), Failure> {
        let host = match (asked.and_then(Endpoint::host), peer.address().as_ip()) {
            (Some(host), _) => host.to_owned(),
            (None, Some(address)) => address.ip().to_string(),
            (None, None) => peer.address().to_string(),
        };
        let secure = self.connect(lp, &host, stream).await?;
        let peer = peer.with_secure(secure.secure());
        Ok((secure, peer))
    }
}

/// A handshake that fails is reported, and no protocol hears of it (TLS-03).
///
/// ```no_run
/// use polyloop_core::{Failure, ListenOptions, Loop, Protocol, Server, Transport};
/// use polyloop_tls::{Identity, TlsAcceptor};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> { t.write(data)?; Ok(()) }
/// # }
///
/// async fn serve<L: Loop>(lp: &L) -> Result<Server<Echo>, Failure> {
///     let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
///     let tls = TlsAcceptor::builder().identity(identity).build()?;
///     let options = ListenOptions::new().layer(tls);
///     Ok(lp.serve_with("0.0.0.0:7443", options, || Echo).await?)
/// }
/// ```
impl<S: Stream> Layer<S> for TlsAcceptor {
    type Stream = TlsStream<S>;

    async fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(TlsStream<S>, Peer), Failure> {
        let secure = self.accept(lp, stream).await?;
        let peer = peer.with_secure(secure.secure());
        Ok((secure, peer))
    }
}
