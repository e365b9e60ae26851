//! What a runtime has to map for core to make a loop of it.
//!
//! A backend implements [`Backend`], [`MainBackend`] and
//! [`Tcp`](crate::Tcp), and nothing else: the traits that users see
//! ([`Spawner`](crate::Spawner), [`Timers`](crate::Timers),
//! [`Calls`](crate::Calls), …) follow from these. Whatever a user can tell
//! apart is decided above this line, so a backend only maps.

mod lookup;
mod park;
mod thread_timer;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

pub use crate::event_loop::JoinedRun;
use crate::event_loop::calls::after;
use crate::event_loop::names::Query;
use crate::event_loop::state::LoopState;
pub use crate::promise::discard::{discard, wake};
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;
pub use thread_timer::ThreadTimer;

/// The seam between core and one runtime.
///
/// No method may panic for lack of an ambient runtime: the loop is a value, and
/// whoever holds it may call it from any thread.
pub trait Backend: Clone + Send + Sync + 'static {
    /// A started future, to wait for.
    type Started<T: Send + 'static>: StartedTask<T>;
    /// A timer of the runtime.
    type Timer: Timer;

    /// The state that was made with [`LoopState::new`] for this loop.
    fn state(&self) -> &Arc<LoopState>;

    /// The loop that `state` belongs to, if it is one of these: how code that runs on a loop
    /// finds it again, by the [current state](crate::event_loop::context::current_state).
    fn from_state(state: &Arc<LoopState>) -> Option<Self>;

    /// Starts a future on the runtime, without polling it inside the call.
    fn start<F>(&self, future: F) -> Self::Started<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Runs `work` on a thread that may block. It never panics.
    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static;

    /// Blocks this thread, which runs no loop, until the loop has made `future` ready.
    /// A loop that takes turns with its threads has to know of such a wait.
    fn wait_on_thread<F: Future>(&self, future: F) -> F::Output {
        park::wait(future)
    }

    /// A sentence if this thread must not wait for the loop, because a runtime is polling
    /// on it and would stand still: for [`wait_on_thread`](Self::wait_on_thread) on behalf
    /// of a user. Core has already ruled out that a loop is running here.
    fn refuses_to_wait(&self) -> Option<String> {
        None
    }

    /// A number to seed a generator with. A loop whose runs can be repeated gives the
    /// same ones again.
    fn random_seed(&self) -> u64 {
        fastrand::u64(..)
    }

    /// A timer that is ready at `deadline`, or as soon as the runtime can after
    /// it; never before.
    fn timer(&self, deadline: Instant) -> Self::Timer;

    /// A timer that is ready when `delay` has passed, counted from the loop's clock. For a
    /// loop that reckons in something faster than an [`Instant`].
    fn timer_after(&self, delay: Duration) -> Self::Timer {
        self.timer(after(self.state().now(), delay))
    }

    /// The wall clock.
    fn system_time(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Looks a host name up, in the order of the resolver: what is asked unless a user has
    /// [replaced](crate::Resolve::set_resolver) it. An empty answer says that there is no such
    /// name or address, an error that the question could not be answered. The default asks
    /// the operating system, on threads of its own: those of
    /// [`start_blocking`](Self::start_blocking) may all be taken (LOOP-46).
    fn lookup(&self, query: Query) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        let answer = lookup::ask(query);
        async move {
            answer
                .await
                .unwrap_or_else(|failure: Failure| Err(io::Error::other(failure)))
        }
    }
}

/// A backend that can make the calling thread run the loop.
pub trait MainBackend: Backend {
    /// Polls `future` on this thread until it is ready, and drives whatever of the
    /// loop needs this thread to be driven.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// A sentence if the loop can't be run from here and now, because a runtime would
    /// panic or stand still: what stands in the way, and what to do. Core has already
    /// ruled out that a loop is running here.
    fn refuses_to_block(&self) -> Option<String> {
        None
    }
}

/// Makes a loop say that it runs, and makes the calls that wait for that, because the
/// run of another one drives it: for a backend that drives several loops from one run.
/// `None` if it runs already.
///
/// Each time the loop is asked to [stop](crate::Lifecycle::stop), `stopped` is woken; the
/// backend then [winds it up](wind_up).
pub fn join_run<B: Backend>(backend: &B, stopped: Waker) -> Option<JoinedRun> {
    JoinedRun::join(backend, stopped)
}

/// Ends what is left on a loop, as [`run`](crate::MainLoop::run) does at its end: for
/// a backend that drives several loops from one run.
pub async fn wind_up<B: MainBackend>(backend: &B) {
    crate::event_loop::wind_up(backend).await;
    backend.state().revive();
}

/// A future that a runtime has started.
///
/// Ready with `None` if the runtime dropped the future before it finished.
/// Dropping the handle leaves the future running.
pub trait StartedTask<T>: Future<Output = Option<T>> + Send + Unpin {
    /// Whether the output is there, or never will be.
    fn is_finished(&self) -> bool;
}

/// A timer of a runtime: ready at its deadline, and movable.
pub trait Timer: Future<Output = ()> + Send {
    /// Moves the deadline, earlier or later, also after the timer was ready.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}
