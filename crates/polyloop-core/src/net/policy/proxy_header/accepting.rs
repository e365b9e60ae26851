//! [`AcceptProxyHeader`]: the server's half.

use std::fmt;

use futures_util::AsyncReadExt as _;
use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader};
use thiserror::Error;

use super::stream::ProxiedStream;
use crate::net::endpoint::Endpoint;
use crate::net::{Layer, Loop, Stream};
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::sync::primitive::Arc;

/// What the two versions begin with.
const TEXT: &[u8] = b"PROXY ";
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// More than any header has: the binary one says its length in 16 bits.
const LONGEST: usize = 16 + 0xFFFF;

/// Takes a PROXY header, of version 1 or 2, from the beginning of each connection, as a
/// [`Layer`] (POL-07).
///
/// What the header says takes the place of both addresses: factories, protocols and layers
/// above see the client as the peer. A header that tells of nobody (`LOCAL`, `UNKNOWN`: the
/// proxy's own connection) leaves them as they are. Bytes that come with the header are the
/// protocol's. However the header is cut, it is waited for, within the
/// [handshake limit](crate::ListenOptions#structfield.handshake_limit); what is none closes
/// the connection, and is reported within limits.
///
/// Whoever can connect can claim to be anybody. So put it where only proxies can, or say
/// which ones are [trusted](Self::trusting).
///
/// ```
/// use polyloop_core::{AcceptProxyHeader, ListenError, ListenOptions, Loop, ProtocolFactory, Server};
///
/// async fn behind_a_proxy<L: Loop, F: ProtocolFactory>(lp: &L, factory: F) -> Result<Server<F::Protocol>, ListenError> {
///     let proxy = AcceptProxyHeader::new()
///         .trusting(|address| address.ip().is_some_and(|ip| ip.is_loopback()));
///     lp.serve_with("127.0.0.1:0", ListenOptions::new().layer(proxy), factory).await
/// }
/// ```
#[derive(Clone, Default)]
pub struct AcceptProxyHeader {
    trusts: Option<Arc<Trusts>>,
}

type Trusts = dyn Fn(&Address) -> bool + Send + Sync;

/// A connection was closed because it did not begin with a PROXY header that counts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// It comes from an address that is not trusted to speak for others.
    #[error("{peer} is not trusted to send PROXY headers")]
    Untrusted {
        /// Where it comes from.
        peer: Address,
    },
    /// It begins with something else.
    #[error("{peer} sent no PROXY header: expected one of version 1 or 2, got {begins:?}")]
    Invalid {
        /// Where it comes from.
        peer: Address,
        /// The first bytes, what is not text escaped.
        begins: String,
    },
    /// It ended before the header did.
    #[error("{peer} ended within its PROXY header, after {received} bytes")]
    CutShort {
        /// Where it comes from.
        peer: Address,
        /// How many bytes there were.
        received: usize,
    },
}

impl From<ProxyHeaderError> for Failure {
    #[track_caller]
    fn from(error: ProxyHeaderError) -> Self {
        Self::new(error)
    }
}

impl AcceptProxyHeader {
    /// From whoever connects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses connections from addresses of which this is false, before anything is read.
    #[must_use]
    pub fn trusting(mut self, trusts: impl Fn(&Address) -> bool + Send + Sync + 'static) -> Self {
        self.trusts = Some(Arc::new(trusts) as Arc<Trusts>);
        self
    }
}

impl fmt::Debug for AcceptProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptProxyHeader")
            .field("trusts_all", &self.trusts.is_none())
            .finish()
    }
}

impl<S: Stream> Layer<S> for AcceptProxyHeader {
    type Stream = ProxiedStream<S>;

    async fn wrap<L: Loop>(
        &self,
        _: &L,
        mut stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(ProxiedStream<S>, Peer), Failure> {
        let from = peer.address();
        if let Some(trusts) = &self.trusts
            && !trusts(from)
        {
            let peer = from.clone();
            return Err(ProxyHeaderError::Untrusted { peer }.into());
        }
        let mut received = Vec::new();
        let mut piece = [0; 512];
        loop {
            let count = stream.read(&mut piece).await?;
            if count == 0 {
                let (peer, received) = (from.clone(), received.len());
                return Err(ProxyHeaderError::CutShort { peer, received }.into());
            }
            received.extend_from_slice(&piece[..count]);
            if let Some((told, length)) = header(&received).map_err(|Invalid| {
                let begins = received[..received.len().min(40)].escape_ascii();
                ProxyHeaderError::Invalid {
                    peer: from.clone(),
                    begins: begins.to_string(),
                }
            })? {
                let peer = match &told {
                    Some(told) => peer.with_address(told.source),
                    None => peer,
                };
                received.drain(..length);
                return Ok((ProxiedStream::new(stream, received, told), peer));
            }
        }
    }
}

struct Invalid;

/// Whom the header speaks for, and how long it is; none as long as it is not whole.
fn header(received: &[u8]) -> Result<Option<(Option<ProxiedAddress>, usize)>, Invalid> {
    let may_be = |begin: &[u8]| {
        received
            .iter()
            .zip(begin)
            .all(|(got, wanted)| got == wanted)
    };
    if !may_be(TEXT) && !may_be(BINARY) {
        return Err(Invalid);
    }
    match ProxyHeader::parse(received, ParseConfig::default()) {
        Ok((header, length)) => Ok(Some((header.proxied_address().cloned(), length))),
        Err(proxy_header::Error::BufferTooShort) if received.len() < LONGEST => Ok(None),
        Err(_) => Err(Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a peer may send is its affair: no bytes at all may bring this side down.
    #[test]
    fn no_bytes_do_harm_and_no_header_ends_before_it_does() {
        let mut random = fastrand::Rng::with_seed(7);
        let whole: [&[u8]; 3] = [
            b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n",
            b"PROXY UNKNOWN\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0e\xc0\0\x02\x01\xc0\0\x02\x02\x04\0\x01\xbb\x04\0",
        ];
        for round in 0..60_000 {
            let good = whole[round % whole.len()];
            let mut bytes = good.to_vec();
            for _ in 0..random.usize(0..3) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(0..=bytes.len()));
            if let Ok(Some((_, length))) = header(&bytes) {
                assert!(length <= bytes.len(), "{}", bytes.escape_ascii());
            }
            let cut = random.usize(0..good.len());
            assert!(matches!(header(&good[..cut]), Ok(None)), "cut at {cut}");
            assert!(matches!(header(good), Ok(Some((_, length))) if length == good.len()));
        }
    }
}
