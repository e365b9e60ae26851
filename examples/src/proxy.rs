//! Proxy: a forwarder that never holds more than it was told to, with TLS and PROXY headers
//! on either side.
//!
//! Two connections are joined: what one receives, the other sends. They are different
//! tasks, maybe on different threads, so each speaks to the other
//! through its [`TransportHandle`](polyloop_core::TransportHandle). What has to hold,
//! whatever the two sides do:
//!
//! * **Memory.** While much waits for one side, the other is not read from. A
//!   direction holds at most the high mark of the write buffer, [`READ_AHEAD`], and
//!   one read ([`ProxyStats::peak_buffered`] shows what it came to).
//! * **Half close.** The end of one side's sending is passed on behind its last byte;
//!   the other direction goes on. TLS has no half that can be closed alone: such a side is
//!   closed when it has said nothing for a while behind the end of the other one.
//! * **Resets.** One that is reset or fails resets the other: its peer must not take
//!   half of an answer for all of it.
//! * **Nothing before the target is there.** A client is not read from until then, so
//!   its data waits in its own buffers. If the target can't be reached, the client's
//!   connection is reset: to end it cleanly would be an answer, an empty one.
//! * **Layers.** Each side may have its own, TLS for example; they are the business of the
//!   options, and no line of the forwarding knows them. What a client's PROXY header says is
//!   passed on in the target's.

mod dialer;
mod link;
mod side;

use std::sync::Arc;

use polyloop_core::{
    Address, ConnectOptions, Endpoint, IntoEndpoint, Layer, ListenError, ListenOptions, Loop,
    Server, WriteLimits,
};

use dialer::Dialer;
pub use dialer::{HeaderVersion, Target};
pub use link::{ProxyStats, READ_AHEAD};
pub use side::Side;

/// What can be set about a proxy.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProxyOptions {
    /// The accepted side.
    pub listen: ListenOptions,
    /// The side towards the target.
    pub connect: ConnectOptions,
}

impl ProxyOptions {
    /// Sets the watermarks of both sides.
    pub fn write_limits(mut self, limits: WriteLimits) -> Self {
        self.listen = self.listen.write_limits(limits);
        self.connect = self.connect.write_limits(limits);
        self
    }
}

/// What makes a proxy's accepted sides, for whoever serves them with something around
/// them, or on a listener of their own.
pub fn sides<L: Loop>(
    lp: &L,
    target: Endpoint,
    options: ConnectOptions,
    stats: Arc<ProxyStats>,
) -> impl FnMut() -> Side<L> + Send + 'static {
    sides_to(lp, Target::new(target, options), stats)
}

fn sides_to<L: Loop, Y: Layer<L::TcpStream> + Clone>(
    lp: &L,
    target: Target<Y>,
    stats: Arc<ProxyStats>,
) -> impl FnMut() -> Side<L> + Send + 'static {
    let dialer = Dialer::new(lp, target);
    move || Side::accepted(dialer.clone(), stats.clone())
}

/// A running proxy. Dropping it leaves the proxy running.
#[must_use = "a proxy runs on when its handle is dropped; keep it to close it"]
pub struct Proxy<L: Loop> {
    server: Server<Side<L>>,
    stats: Arc<ProxyStats>,
}

impl<L: Loop> Proxy<L> {
    /// Forwards what comes to `listen` to `target`, on any loop.
    pub async fn serve(
        lp: &L,
        listen: impl IntoEndpoint,
        target: impl IntoEndpoint,
    ) -> Result<Self, ListenError> {
        Self::serve_with(lp, listen, target, ProxyOptions::default()).await
    }

    /// [`serve`](Self::serve) with options of your own.
    pub async fn serve_with(
        lp: &L,
        listen: impl IntoEndpoint,
        target: impl IntoEndpoint,
        options: ProxyOptions,
    ) -> Result<Self, ListenError> {
        let target = Target::new(target.into_endpoint()?, options.connect);
        Self::forward(lp, listen, options.listen, target).await
    }

    /// The same with layers on either side: `listen` may have one for the clients, and the
    /// target one of its own.
    ///
    /// ```
    /// use polyloop::tls::{client_endpoint, server_endpoint};
    /// use polyloop_core::{ConnectOptions, Failure, ListenOptions, Loop};
    /// use polyloop_examples::proxy::{HeaderVersion, Proxy, Target};
    ///
    /// /// From `tls:8443:privateKey=server.pem` to `tls:example.org:443`.
    /// async fn forward<L: Loop>(lp: &L, from: &str, to: &str) -> Result<Proxy<L>, Failure> {
    ///     let (at, near) = server_endpoint(from)?;
    ///     let (to, far) = client_endpoint(to)?;
    ///     let target = Target::new(to, ConnectOptions::new()).layer(far);
    ///     let target = target.header(Some(HeaderVersion::Binary));
    ///     Ok(Proxy::forward(lp, at, ListenOptions::new().layer(near), target).await?)
    /// }
    /// ```
    pub async fn forward<A, B>(
        lp: &L,
        at: impl IntoEndpoint,
        listen: ListenOptions<A>,
        target: Target<B>,
    ) -> Result<Self, ListenError>
    where
        A: Layer<L::TcpStream>,
        B: Layer<L::TcpStream> + Clone,
    {
        let stats = Arc::new(ProxyStats::default());
        let factory = sides_to(lp, target, stats.clone());
        let server = lp.serve_with(at.into_endpoint()?, listen, factory).await?;
        Ok(Self { server, stats })
    }

    /// The address listened on, with the port that was really given.
    pub fn local_addr(&self) -> Address {
        self.server.local_addr()
    }

    /// What went through it.
    pub fn stats(&self) -> &ProxyStats {
        &self.stats
    }

    /// How many clients are connected.
    pub fn client_count(&self) -> usize {
        self.server.connection_count()
    }

    /// Stops accepting, and ends every link once what it holds is sent.
    pub fn close(&self) {
        self.server.close();
        for connection in self.server.connections() {
            connection.close();
        }
    }

    /// Waits until the port is released and the last client has gone.
    pub async fn closed(&self) {
        self.server.drained().await;
    }
}

impl<L: Loop> std::fmt::Debug for Proxy<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("server", &self.server)
            .field("stats", &self.stats)
            .finish()
    }
}
