//! The server: the state that its sessions share, and the handle to all of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use polyloop_core::{Address, IntoEndpoint, Layer, ListenError, ListenOptions, Loop, Server};

use super::pubsub::Channels;
use super::resp::RequestLimits;
use super::session::Session;
use super::store::Store;

/// Keys that nobody asks for any more are removed at most this long after their
/// deadline.
const SWEEP: Duration = Duration::from_secs(1);

/// What can be set about a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KvOptions {
    /// How large a request may be.
    pub requests: RequestLimits,
    /// A subscriber with more than this many bytes waiting is cut off: 8 MiB unless
    /// set.
    pub subscriber_limit: usize,
}

impl Default for KvOptions {
    fn default() -> Self {
        Self {
            requests: RequestLimits::default(),
            subscriber_limit: 8 * 1024 * 1024,
        }
    }
}

impl KvOptions {
    /// Sets [`subscriber_limit`](Self#structfield.subscriber_limit).
    pub fn subscriber_limit(mut self, bytes: usize) -> Self {
        self.subscriber_limit = bytes;
        self
    }

    /// Sets [`requests`](Self#structfield.requests).
    pub fn requests(mut self, limits: RequestLimits) -> Self {
        self.requests = limits;
        self
    }
}

/// What makes the sessions of one server, which share its keys: for whoever serves them
/// with something around them, or on a listener of their own.
pub fn sessions<L: Loop>(
    lp: &L,
    options: KvOptions,
) -> impl FnMut() -> Session<L> + Send + 'static {
    let shared = Arc::new(Shared::new(lp.clone(), options));
    move || Session::new(shared.clone())
}

/// A running key-value server. Dropping it leaves the server running.
#[must_use = "a server runs on when its handle is dropped; keep it to close it"]
pub struct KvServer<L: Loop> {
    server: Server<Session<L>>,
}

impl<L: Loop> KvServer<L> {
    /// Listens on `endpoint` and serves whoever connects, on any loop.
    pub async fn serve(lp: &L, endpoint: impl IntoEndpoint) -> Result<Self, ListenError> {
        Self::serve_with(lp, endpoint, KvOptions::default()).await
    }

    /// [`serve`](Self::serve) with options of your own.
    pub async fn serve_with(
        lp: &L,
        endpoint: impl IntoEndpoint,
        options: KvOptions,
    ) -> Result<Self, ListenError> {
        Self::listen(lp, endpoint, ListenOptions::new(), options).await
    }

    /// The same with options of the listener, too, such as a layer that makes its connections
    /// secure.
    pub async fn listen<Y: Layer<L::TcpStream>>(
        lp: &L,
        endpoint: impl IntoEndpoint,
        listen: ListenOptions<Y>,
        options: KvOptions,
    ) -> Result<Self, ListenError> {
        let factory = sessions(lp, options);
        let endpoint = endpoint.into_endpoint()?;
        let server = lp.serve_with(endpoint, listen, factory).await?;
        Ok(Self { server })
    }

    /// The address listened on, with the port that was really given.
    pub fn local_addr(&self) -> Address {
        self.server.local_addr()
    }

    /// How many clients are connected.
    pub fn client_count(&self) -> usize {
        self.server.connection_count()
    }

    /// Stops accepting, and ends every connection once its replies are sent.
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

impl<L: Loop> std::fmt::Debug for KvServer<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvServer")
            .field("server", &self.server)
            .finish()
    }
}

/// What all sessions share. Connections may run on different threads, so the state
/// has a lock: taken once for all the requests of one read, and never while waiting
/// for anything.
pub(super) struct Shared<L> {
    pub(super) lp: L,
    pub(super) options: KvOptions,
    state: Mutex<State>,
}

/// The state behind the lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) store: Store,
    pub(super) channels: Channels,
    pub(super) clients: usize,
    pub(super) next_client: u64,
    pub(super) loop_name: &'static str,
    pub(super) started: Instant,
    sweeping: bool,
}

impl<L: Loop> Shared<L> {
    fn new(lp: L, options: KvOptions) -> Self {
        let state = Mutex::new(State {
            store: Store::default(),
            channels: Channels::default(),
            clients: 0,
            next_client: 1,
            loop_name: lp.name(),
            started: lp.now(),
            sweeping: false,
        });
        Self { lp, options, state }
    }

    /// A command that panicked ends its own connection and nobody else's service.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that expired keys go even when no command comes. While none will
    /// expire, no timer runs.
    pub(super) fn sweep(self: &Arc<Self>, state: &mut State) {
        if !state.sweeping && state.store.has_deadlines() {
            state.sweeping = true;
            Self::sweep_later(self);
        }
    }

    fn sweep_later(shared: &Arc<Self>) {
        let weak: Weak<Self> = Arc::downgrade(shared);
        let sweep = move || {
            // The server may be gone by then.
            let Some(shared) = weak.upgrade() else { return };
            let mut state = shared.lock();
            state.store.expire(shared.lp.now());
            state.sweeping = state.store.has_deadlines();
            if state.sweeping {
                Self::sweep_later(&shared);
            }
        };
        // Refused only by a loop that was closed, and then all of this ends.
        let _ = shared.lp.call_later(SWEEP, sweep);
    }
}
