//! [`Layer`]: what turns a new connection's stream into another one before there is a
//! protocol, such as TLS or a PROXY header.
//!
//! It is an option of both sides: [`ConnectOptions::layer`](crate::ConnectOptions::layer),
//! [`ListenOptions::layer`](crate::ListenOptions::layer). In the middle of a connection's life
//! it is an [`Upgrade`](crate::Upgrade).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use thiserror::Error;

use crate::event_loop::timers::within;
use crate::net::endpoint::Endpoint;
use crate::net::{Loop, Stream};
use crate::promise::failure::{Failure, catch};
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::sync::primitive::Arc;

/// Turns the stream of a new connection into another one.
///
/// `()` is none, and costs nothing; `(A, B)` is `B` over `A`. What it takes counts into the
/// limit of a connect (CLI-31), and into
/// [`handshake_limit`](crate::ListenOptions#structfield.handshake_limit) where it is accepted
/// (SERV-19): there each connection is worked on in a task of its own, and others are accepted
/// meanwhile. A failure fails the connect; of a server it is reported, within limits. No
/// protocol hears of either.
///
/// ```
/// use polyloop_core::{
///     BoxedStream, Endpoint, Failure, Layer, Loop, Peer, ProtocolFactory, Stream, ConnectOptions,
///     Connected, ConnectError,
/// };
/// use futures_util::AsyncWriteExt as _;
///
/// /// Says who it is before anything else.
/// struct Introduction(String);
///
/// impl<S: Stream> Layer<S> for Introduction {
///     type Stream = S;
///     async fn wrap<L: Loop>(&self, _: &L, mut stream: S, peer: Peer, _: Option<&Endpoint>) -> Result<(S, Peer), Failure> {
///         stream.write_all(format!("I am {}\n", self.0).as_bytes()).await?;
///         Ok((stream, peer))
///     }
/// }
///
/// async fn introduced<L: Loop, F: ProtocolFactory>(lp: &L, factory: F) -> Result<Connected<F>, ConnectError> {
///     let options = ConnectOptions::new().layer(Introduction("a client".to_owned()));
///     lp.connect_with("localhost:7", options, factory).await
/// }
/// ```
pub trait Layer<S: Stream>: Send + Sync + 'static {
    /// What it makes of a stream.
    type Stream: Stream;

    /// Whether it may have to wait for the peer. One that never does is not given a task
    /// to do it in: its future is ready when it is first polled.
    const WAITS: bool = true;

    /// Wraps `stream`, which leads to `peer`, and says what is known of the peer then: what
    /// a handshake has found out, or whom a proxy speaks for. `asked` is what was asked for
    /// where it was dialled: where a secure connection finds the name that the peer has to
    /// prove.
    ///
    /// Dropped where its limit has passed, the connect was given up or the server closed.
    fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        asked: Option<&Endpoint>,
    ) -> impl Future<Output = Result<(Self::Stream, Peer), Failure>> + Send;
}

impl<S: Stream> Layer<S> for () {
    type Stream = S;

    const WAITS: bool = false;

    async fn wrap<L: Loop>(
        &self,
        _: &L,
        stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(S, Peer), Failure> {
        Ok((stream, peer))
    }
}

impl<S: Stream, A: Layer<S>, B: Layer<A::Stream>> Layer<S> for (A, B) {
    type Stream = B::Stream;

    const WAITS: bool = A::WAITS || B::WAITS;

    async fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        asked: Option<&Endpoint>,
    ) -> Result<(B::Stream, Peer), Failure> {
        let (stream, peer) = self.0.wrap(lp, stream, peer, asked).await?;
        self.1.wrap(lp, stream, peer, asked).await
    }
}

impl<S: Stream, Y: Layer<S>> Layer<S> for Arc<Y> {
    type Stream = Y::Stream;

    const WAITS: bool = Y::WAITS;

    fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        asked: Option<&Endpoint>,
    ) -> impl Future<Output = Result<(Y::Stream, Peer), Failure>> + Send {
        (**self).wrap(lp, stream, peer, asked)
    }
}

/// A connection was given up: its layer took too long (TLS-04).
#[derive(Debug, Error)]
#[error("the handshake with {peer} was not done within {limit:?}")]
struct TookTooLong {
    peer: Address,
    limit: Duration,
}

/// Wraps within the limit; a panic is a failure.
pub(super) async fn wrap<L: Loop, S: Stream, Y: Layer<S>>(
    lp: &L,
    layer: &Y,
    stream: S,
    peer: Peer,
    asked: Option<&Endpoint>,
    limit: Option<Duration>,
) -> Result<(Y::Stream, Peer), Failure> {
    let address = peer.address().clone();
    let mut wrapping = pin!(layer.wrap(lp, stream, peer, asked));
    let wrapping = poll_fn(|cx| match catch(|| Ok(wrapping.as_mut().poll(cx))) {
        Ok(polled) => polled,
        Err(panicked) => Poll::Ready(Err(panicked)),
    });
    let wrapped = within(lp, limit, wrapping).await;
    wrapped.unwrap_or_else(|| {
        let (peer, limit) = (address, limit.unwrap_or_default());
        Err(Failure::new(TookTooLong { peer, limit }))
    })
}
