//! How an accepted side gets its target.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use polyloop_core::{
    ConnectOptions, Endpoint, Failure, Layer, Loop, SendProxyHeader, TransportHandle,
};

use super::link::Link;
use super::side::Side;

/// Where a proxy forwards to, and how.
#[derive(Clone, Debug)]
pub struct Target<Y = ()> {
    endpoint: Endpoint,
    options: ConnectOptions,
    layer: Y,
    header: Option<HeaderVersion>,
}

/// Which PROXY header a target is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderVersion {
    /// A line of text.
    Text,
    /// The binary one.
    Binary,
}

impl Target {
    /// As it is.
    pub fn new(endpoint: Endpoint, options: ConnectOptions) -> Self {
        Self {
            endpoint,
            options,
            layer: (),
            header: None,
        }
    }
}

impl<Y> Target<Y> {
    /// Behind a layer, such as TLS.
    pub fn layer<N>(self, layer: N) -> Target<N> {
        Target {
            endpoint: self.endpoint,
            options: self.options,
            layer,
            header: self.header,
        }
    }

    /// Tells it which client each connection is for: before anything else, and so before
    /// TLS, as its readers expect.
    pub fn header(mut self, version: Option<HeaderVersion>) -> Self {
        self.header = version;
        self
    }
}

type Dialing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Connects to the target. What is between is behind a pointer, so that a side is of one
/// type whatever the layer.
pub(super) struct Dialer<L> {
    pub(super) lp: L,
    dial: Arc<dyn Fn(Arc<Link>, Client) -> Dialing + Send + Sync>,
}

impl<L: Clone> Clone for Dialer<L> {
    fn clone(&self) -> Self {
        Self {
            lp: self.lp.clone(),
            dial: self.dial.clone(),
        }
    }
}

/// For whom.
pub(super) struct Client {
    pub(super) handle: TransportHandle,
    /// From where to where it has connected, if both are on an IP network.
    pub(super) way: Option<(SocketAddr, SocketAddr)>,
}

impl<L: Loop> Dialer<L> {
    pub(super) fn new<Y>(lp: &L, target: Target<Y>) -> Self
    where
        Y: Layer<L::TcpStream> + Clone,
    {
        let own = lp.clone();
        let dial = move |link, client| -> Dialing {
            Box::pin(dial(own.clone(), target.clone(), link, client))
        };
        Self {
            lp: lp.clone(),
            dial: Arc::new(dial),
        }
    }

    pub(super) fn dial(&self, link: Arc<Link>, client: Client) -> Dialing {
        (self.dial)(link, client)
    }
}

async fn dial<L: Loop, Y>(lp: L, target: Target<Y>, link: Arc<Link>, client: Client)
where
    Y: Layer<L::TcpStream> + Clone,
{
    let factory = move || Side::<L>::towards_target(link.clone());
    let header = target.header.map(|version| match (client.way, version) {
        // It may be on a UNIX socket, which has no such address.
        (None, _) => SendProxyHeader::local(),
        (Some((from, to)), HeaderVersion::Text) => SendProxyHeader::v1(from, to),
        (Some((from, to)), HeaderVersion::Binary) => SendProxyHeader::v2(from, to),
    });
    let (endpoint, options) = (target.endpoint, target.options);
    let connected = if let Some(header) = header {
        let options = options.layer(header).layer(target.layer);
        lp.connect_with(endpoint, options, factory).await.map(drop)
    } else {
        let options = options.layer(target.layer);
        lp.connect_with(endpoint, options, factory).await.map(drop)
    };
    if let Err(error) = connected {
        let context = format!("no way to forward {}", client.handle.peer_addr());
        lp.report(&context, &Failure::new(error));
        // A clean end would be an answer: an empty one.
        client.handle.abort();
    }
}
