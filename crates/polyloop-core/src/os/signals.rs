//! [`Signals`]: what other processes, terminals and the system tell this one with.
//!
//! | here | what |
//! | --- | --- |
//! | this file | the ability of a loop, and a backend's part of it |
//! | [`desk`](SignalDesk) | who of a loop wants to know of which signal |
//! | [`stream`](SignalStream) | signals as they come, for code that awaits |
//! | [`stopping`](StopOnSignals) | the loop stops in good order at the first, and at once at the second |
//! | `delivery` | how a signal comes from the system to a loop that watches descriptors |

#[cfg(unix)]
mod delivery;
mod desk;
mod error;
mod handler;
mod stopping;
mod stream;

use std::any::Any;

pub use desk::SignalDesk;
pub use error::SignalError;
pub use stopping::StopOnSignals;
pub use stream::SignalStream;

use crate::event_loop::backend::Backend;
use crate::os::signal::Signal;
use crate::sync::primitive::Arc;
use handler::Handler;

/// Catches signals.
///
/// A loop that [watches](crate::Watch) descriptors has this; so has a simulated one, where a
/// test raises signals on a host. Signals are the process's: every loop that asks for one is
/// told. Like the system's own, those that come faster than they are taken count once.
///
/// ```
/// use polyloop_core::{Signal, SignalError, Signals};
///
/// async fn reload_on_hangup<L: Signals>(lp: &L) -> Result<(), SignalError> {
///     let mut hangups = lp.signals([Signal::HUP])?;
///     // `None` once the loop was closed.
///     while let Some(signal) = hangups.next().await {
///         println!("{signal}: reading the configuration again");
///     }
///     Ok(())
/// }
/// ```
pub trait Signals: Backend {
    /// Where the loop's signals come from. For backends.
    fn signal_source(&self) -> Box<dyn SignalSource>;

    /// Raises `signal` in this process, as `kill` of another would; in a simulation, on this
    /// host. For tests above all: where nobody has asked for the signal, the system acts as
    /// it does by default, which for most is to end the process.
    fn raise_signal(&self, signal: Signal) -> Result<(), SignalError> {
        self.signal_source().raise(signal)
    }

    /// Calls `handler` on the loop at each arrival of `signal`, as one of its
    /// [calls](crate::Calls): asyncio's `add_signal_handler`. It takes the place of the
    /// handler that this loop had for the signal (SIG-02).
    ///
    /// A handler that panics is reported, and stays. It stays also when a run ends, until it
    /// is [removed](Self::remove_signal_handler) or the loop is closed; what comes between two
    /// runs of a loop that needs to be run is told in the next. One that comes while a run
    /// winds up goes with the calls of that run (SIG-08).
    ///
    /// A handler that holds its loop keeps that alive, as a task does: remove it, or close the
    /// loop.
    ///
    /// A signal that can't be caught or does not exist is an error (SIG-04).
    fn add_signal_handler<F>(&self, signal: Signal, handler: F) -> Result<(), SignalError>
    where
        F: FnMut() + Send + 'static,
    {
        let handler = Handler::new(Box::new(handler));
        SignalDesk::of(self).set_handler(self, signal, handler)
    }

    /// Takes the handler away that this loop has for the signal, and says whether there was
    /// one. Where nobody else in the process wants it, the default action is back, or
    /// whatever was there before (SIG-03).
    fn remove_signal_handler(&self, signal: Signal) -> bool {
        SignalDesk::of(self).remove_handler(signal)
    }

    /// The signals of these kinds, as they come from now on.
    fn signals<I>(&self, signals: I) -> Result<SignalStream, SignalError>
    where
        I: IntoIterator<Item = Signal>,
    {
        SignalStream::open(self, signals.into_iter().collect())
    }

    /// Stops the loop at the first `SIGINT` or `SIGTERM`, as
    /// [`stop`](crate::Lifecycle::stop) does: shutdown hooks run, connections end in good
    /// order. A second one ends the process at once, also where the loop is stuck (SIG-01).
    ///
    /// One that comes while nobody runs the loop stops its next run. A signal for which
    /// somebody else has seen to something else, or which the process was started to ignore
    /// (as `nohup` does), is left alone, as far as the system tells: on Linux (SIG-05).
    /// [`signals`](StopOnSignals::signals) says which are caught.
    fn stop_on_signals(&self) -> Result<StopOnSignals, SignalError> {
        StopOnSignals::new(self)
    }
}

/// Where signals come from: the system, or a test that raises them on a simulated host. For
/// backends; a loop that watches descriptors has the system's.
pub trait SignalSource {
    /// Has each arrival of `signal` [told](SignalDesk::tell) to the loop's desk, until what
    /// this gives is dropped. Then the system does with it what it did before.
    ///
    /// Core has ruled out what can't be caught.
    fn catch(&self, signal: Signal) -> Result<Caught, SignalError>;

    /// Has the system take its default action at the second of these signals that comes,
    /// whatever the loop is doing, until what this gives is dropped.
    fn end_at_second(&self, signals: &[Signal]) -> Result<Caught, SignalError>;

    /// See [`Signals::raise_signal`].
    fn raise(&self, signal: Signal) -> Result<(), SignalError>;

    /// Whether somebody beside polyloop has seen to it that something else than the default
    /// happens at this signal, as far as that can be known. Where asking fails, it is not to
    /// be guessed: that is an error.
    fn is_handled_elsewhere(&self, signal: Signal) -> Result<bool, SignalError> {
        let _ = signal;
        Ok(false)
    }
}

/// A signal is caught until this is dropped: what a backend gives for it.
pub struct Caught {
    _guard: Box<dyn Any + Send + Sync>,
}

impl Caught {
    /// `guard` ends it when it is dropped.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self {
            _guard: Box::new(guard),
        }
    }
}

impl std::fmt::Debug for Caught {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caught").finish_non_exhaustive()
    }
}

/// The loop's desk.
impl SignalDesk {
    fn of<B: Backend>(backend: &B) -> Arc<Self> {
        backend.state().attached()
    }
}
