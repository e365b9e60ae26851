//! [`SharedFactory`]: one factory for several ports.
//!
//! The factory is locked while one of its hooks runs, since ports on several threads may
//! ask at once. How many use it is counted apart from that, so that a hook may itself put
//! the factory to use: it never waits for its own end.

use std::fmt;

use crate::promise::discard::Guarded;
use crate::protocol::factory::ProtocolFactory;
use crate::protocol::peer::Peer;
use crate::sync::primitive::thread::{self, ThreadId};
use crate::sync::primitive::{Arc, Mutex, MutexGuard, lock};

/// One factory for several ports: its start and stop hooks run on the first and the
/// last of them.
///
/// Its [`build_protocol`](ProtocolFactory::build_protocol) may serve the same factory on
/// one more port, or close one. What can't be done from inside of a hook panics instead of
/// waiting for ever, and so becomes the error of the `serve` or `connect` at hand: to ask
/// for a protocol, or to be served while the start or the stop hook runs (FACT-08).
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
    shared: Arc<Shared<F>>,
}

struct Shared<F> {
    /// Locked as long as one of its hooks runs.
    factory: Mutex<Guarded<F>>,
    /// The thread that a hook runs on: no other can come back from inside of one.
    inside: Mutex<Option<ThreadId>>,
    /// How many ports it is started for. No hook runs while this is locked.
    started: Mutex<usize>,
}

/// The factory, for one hook.
struct Entered<'a, F> {
    factory: MutexGuard<'a, Guarded<F>>,
    inside: &'a Mutex<Option<ThreadId>>,
}

impl<F> Drop for Entered<'_, F> {
    fn drop(&mut self) {
        *lock(self.inside) = None;
    }
}

impl<F: ProtocolFactory> SharedFactory<F> {
    /// Shares `factory`.
    pub fn new(factory: F) -> Self {
        let shared = Shared {
            factory: Mutex::new(Guarded::new(factory)),
            inside: Mutex::new(None),
            started: Mutex::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The factory once no other thread has it; `None` from inside of one of its hooks.
    fn enter(&self) -> Option<Entered<'_, F>> {
        let this_thread = Some(thread::current().id());
        if *lock(&self.shared.inside) == this_thread {
            return None;
        }
        let factory = lock(&self.shared.factory);
        *lock(&self.shared.inside) = this_thread;
        Some(Entered {
            factory,
            inside: &self.shared.inside,
        })
    }
}

impl<F: ProtocolFactory> ProtocolFactory for SharedFactory<F> {
    type Protocol = F::Protocol;

    /// # Panics
    /// From inside of one of the factory's hooks.
    fn build_protocol(&mut self, peer: &Peer) -> Option<F::Protocol> {
        let Some(mut entered) = self.enter() else {
            panic!(
                "a shared factory was asked for a protocol for {} from inside of one of its hooks",
                peer.address()
            );
        };
        entered.factory.build_protocol(peer)
    }

    /// # Panics
    /// From inside of the factory's own start or stop hook.
    fn start_factory(&mut self) {
        let Some(mut entered) = self.enter() else {
            let mut started = lock(&self.shared.started);
            assert!(
                *started > 0,
                "a shared factory can't be served from inside of its start or stop hook"
            );
            *started += 1;
            return;
        };
        // Counted behind the hook: one that panics has not started anything.
        if *lock(&self.shared.started) == 0 {
            entered.factory.start_factory();
        }
        *lock(&self.shared.started) += 1;
    }

    fn stop_factory(&mut self) {
        let Some(mut entered) = self.enter() else {
            let mut started = lock(&self.shared.started);
            // The port that the hook runs for is open still.
            if *started > 1 {
                *started -= 1;
            }
            return;
        };
        let was_last = {
            let mut started = lock(&self.shared.started);
            let was_last = *started == 1;
            // A surplus stop is ignored (FACT-05).
            *started = started.saturating_sub(1);
            was_last
        };
        // Counted before the hook: one that panics has stopped all the same.
        if was_last {
            entered.factory.stop_factory();
        }
    }
}

impl<F> Clone for SharedFactory<F> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<F> fmt::Debug for SharedFactory<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFactory")
            .field("started", &*lock(&self.shared.started))
            .finish_non_exhaustive()
    }
}
