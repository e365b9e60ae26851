//! The same operations by hand on each runtime: what polyloop is held against.

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::future::AbortHandle;

#[cfg(feature = "async-std")]
pub(crate) use async_std::AsyncStd;
#[cfg(feature = "smol")]
pub(crate) use smol::Smol;
#[cfg(feature = "tokio")]
pub(crate) use tokio::Tokio;

/// What a program does that uses a runtime directly. Everything is called inside the
/// runtime.
pub(crate) trait Raw {
    /// What a connection's task may take, in bytes, before an idle connection costs more on
    /// this runtime: a few bytes more in the future can be a block of another size.
    const CONNECTION_TASK: u64;

    async fn spawn_and_join(&self, value: u64) -> u64;

    /// A task that gives up one turn.
    async fn spawn_yielding_and_join(&self);

    async fn sleep(&self, duration: Duration);

    /// The obvious way to have a call later, taken back.
    async fn spawn_sleep_and_abort(&self, duration: Duration);

    /// A listener, and a task with a small buffer per connection.
    fn serve(&self, does: Does) -> (SocketAddr, Serving);

    /// Connects, and ends the connection that a task of its own reads from.
    async fn connect_and_close(&self, address: SocketAddr);
}

/// What a server does with what it reads.
#[derive(Clone)]
pub(crate) enum Does {
    Echo,
    Count(Arc<AtomicUsize>),
}

/// Accepts until it is dropped.
pub(crate) struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A listening socket for a runtime to adopt.
fn listen() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
