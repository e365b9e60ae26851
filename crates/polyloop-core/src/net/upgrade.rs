//! How an [`Upgrade`] is made: of a layer, and of the loop that it works on.

use std::time::Duration;

use super::endpoint::Endpoint;
use super::layer::{self, Layer};
use super::options::setters;
use crate::net::Loop;
use crate::protocol::peer::Peer;
use crate::protocol::stream::BoxedStream;
use crate::protocol::upgrade::{Upgrade, Wrap, Wrapping};
use crate::sync::primitive::Arc;

/// Options of an [`Upgrade`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpgradeOptions {
    /// How long the [layer](crate::Layer) may take with a connection: 60 s unless set; `None`
    /// leaves it to the layer (TLS-04).
    pub handshake_limit: Option<Duration>,
    /// What was asked for where the connection was dialled: where a secure one finds the
    /// name that the peer has to prove. Unless set, a layer goes by the peer's address.
    pub asked: Option<Endpoint>,
}

impl Default for UpgradeOptions {
    fn default() -> Self {
        Self {
            handshake_limit: Some(Duration::from_secs(60)),
            asked: None,
        }
    }
}

setters! { UpgradeOptions:
    /// Sets [`handshake_limit`](Self#structfield.handshake_limit).
    handshake_limit: Option<Duration>,
    /// Sets [`asked`](Self#structfield.asked).
    asked: Option<Endpoint>,
}

impl Upgrade {
    /// Of any layer.
    pub fn new<L: Loop, Y: Layer<BoxedStream>>(lp: &L, layer: Y) -> Self {
        Self::with(lp, layer, UpgradeOptions::default())
    }

    /// The same with options of your own.
    pub fn with<L: Loop, Y: Layer<BoxedStream>>(lp: &L, layer: Y, options: UpgradeOptions) -> Self {
        Self::of(OnLoop {
            lp: lp.clone(),
            layer: Arc::new(layer),
            options,
        })
    }
}

struct OnLoop<L, Y> {
    lp: L,
    layer: Arc<Y>,
    options: UpgradeOptions,
}

impl<L: Loop, Y: Layer<BoxedStream>> Wrap for OnLoop<L, Y> {
    fn wrap(&self, stream: BoxedStream, peer: Peer) -> Wrapping {
        let (lp, layer) = (self.lp.clone(), self.layer.clone());
        let UpgradeOptions {
            handshake_limit,
            asked,
        } = self.options.clone();
        Box::pin(async move {
            let (stream, peer) =
                layer::wrap(&lp, &*layer, stream, peer, asked.as_ref(), handshake_limit).await?;
            Ok((Box::new(stream) as BoxedStream, peer))
        })
    }
}
