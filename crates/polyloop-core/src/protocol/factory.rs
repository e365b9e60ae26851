//! [`ProtocolFactory`]: makes a protocol for each connection.

use std::net::SocketAddr;

use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::protocol::Protocol;
use crate::sync::primitive::{Arc, Mutex, lock};

/// Makes protocol instances, one per connection.
///
/// Any `FnMut() -> P` is one. Implement it to look at the peer's address, to
/// decline a connection, or to be told when listening begins and ends.
///
/// ```
/// use polyloop_core::{Protocol, ProtocolFactory};
/// use std::net::SocketAddr;
///
/// /// Serves this machine only.
/// struct LocalOnly<F>(F);
///
/// impl<P: Protocol, F: FnMut() -> P + Send + 'static> ProtocolFactory for LocalOnly<F> {
///     type Protocol = P;
///     fn build_protocol(&mut self, peer: SocketAddr) -> Option<P> {
///         peer.ip().is_loopback().then(|| (self.0)())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make protocols",
    label = "expected a factory, such as a closure that returns a protocol",
    note = "a factory makes a protocol for each connection: for a type `P` that is a \
            protocol, write `|| P`",
    note = "it is `Send` and `'static`: what a closure uses is moved into it"
)]
pub trait ProtocolFactory: Send + 'static {
    /// What it makes.
    type Protocol: Protocol;

    /// Makes the protocol for a connection with `peer`, or declines it with `None`:
    /// then a server closes the connection and a client's connect fails (FACT-01,
    /// FACT-02). If it panics, that connection is closed and the panic reported, and
    /// a server goes on (FACT-03).
    fn build_protocol(&mut self, peer: SocketAddr) -> Option<Self::Protocol>;

    /// The first port it serves is open, or its connection is about to be made
    /// (FACT-05 to FACT-07).
    fn start_factory(&mut self) {}

    /// The last port it serves is closed, or its connection has failed or ended.
    fn stop_factory(&mut self) {}
}

/// A factory that was started, and is stopped when this is dropped.
pub(crate) struct Started<F: ProtocolFactory> {
    factory: F,
}

impl<F: ProtocolFactory> Started<F> {
    /// Starts it; what its hook panics with is the error.
    pub(crate) fn new(mut factory: F) -> Result<Self, Failure> {
        catch(|| {
            factory.start_factory();
            Ok(())
        })?;
        Ok(Self { factory })
    }

    /// Asks for a protocol; a panic is an error.
    pub(crate) fn build(&mut self, peer: SocketAddr) -> Result<Option<F::Protocol>, Failure> {
        catch(|| Ok(self.factory.build_protocol(peer)))
    }
}

impl<F: ProtocolFactory> Drop for Started<F> {
    fn drop(&mut self) {
        if let Err(failure) = catch(|| {
            self.factory.stop_factory();
            Ok(())
        }) {
            report_here("a factory failed to stop", &failure);
        }
    }
}

impl<F, P> ProtocolFactory for F
where
    F: FnMut() -> P + Send + 'static,
    P: Protocol,
{
    type Protocol = P;

    fn build_protocol(&mut self, _peer: SocketAddr) -> Option<P> {
        Some(self())
    }
}

/// One factory for several ports: its start and stop hooks run on the first and the
/// last of them.
///
/// ```no_run
/// # use polyloop_core::*;
/// # struct Echo; impl Protocol for Echo {
/// #   fn data_received(&mut self, t: &mut dyn Transport, d: &[u8]) -> Result<(), Failure> { t.write(d)?; Ok(()) } }
/// # async fn serve<L: Loop>(lp: &L) -> Result<(), Failure> {
/// let factory = SharedFactory::new(|| Echo);
/// let v4 = lp.serve("127.0.0.1:7", factory.clone()).await?;
/// let v6 = lp.serve("[::1]:7", factory).await?;
/// # Ok(()) }
/// ```
pub struct SharedFactory<F> {
    inner: Arc<Mutex<Inner<F>>>,
}

struct Inner<F> {
    factory: F,
    started: usize,
}

impl<F: ProtocolFactory> SharedFactory<F> {
    /// Shares `factory`.
    pub fn new(factory: F) -> Self {
        let inner = Inner {
            factory,
            started: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }
}

impl<F> Clone for SharedFactory<F> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<F: ProtocolFactory> ProtocolFactory for SharedFactory<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, peer: SocketAddr) -> Option<F::Protocol> {
        lock(&self.inner).factory.build_protocol(peer)
    }

    fn start_factory(&mut self) {
        let mut inner = lock(&self.inner);
        // Counted behind the hook: one that panics has not started anything.
        if inner.started == 0 {
            inner.factory.start_factory();
        }
        inner.started += 1;
    }

    fn stop_factory(&mut self) {
        let mut inner = lock(&self.inner);
        // A surplus stop is ignored (FACT-05).
        if inner.started == 1 {
            inner.factory.stop_factory();
        }
        inner.started = inner.started.saturating_sub(1);
    }
}

impl<F> std::fmt::Debug for SharedFactory<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedFactory")
            .field("started", &lock(&self.inner).started)
            .finish_non_exhaustive()
    }
}
