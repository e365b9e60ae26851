//! [`AnyLoop`]: whichever loop was chosen, when the choice is made at run time.
//!
//! It maps and nothing else: each method matches on the loop inside and passes
//! the call on, so what is added to a read or a write is one predictable branch,
//! and no allocation. `choosing` is about names and the environment; `tasks`,
//! `timers`, `tcp`, `udp` and `watch` wrap what the loops hand out; `absent` is for when there is
//! none.

mod absent;
mod choosing;
mod tasks;
mod tcp;
mod timers;
#[cfg(unix)]
mod udp;
#[cfg(unix)]
mod watch;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

#[cfg(unix)]
pub use absent::AbsentWatcher;
pub use absent::{Absent, AbsentTask};
pub use choosing::ChooseError;
pub use tasks::AnyStarted;
pub use tcp::{AnyTcpListener, AnyTcpStream};
pub use timers::AnyTimer;
#[cfg(unix)]
pub use udp::AnyUdpSocket;
#[cfg(unix)]
pub use watch::AnyWatcher;

pub(crate) use choosing::{SIMULATED, VARIABLE, compiled_in};

use polyloop_core::backend::{Backend, MainBackend};
use polyloop_core::{LoopState, Query};

/// One of the loops that were compiled in; itself a [`Loop`](crate::Loop) and a
/// [`MainLoop`](crate::MainLoop).
///
/// ```
/// use polyloop::{AnyLoop, Lifecycle, MainLoop, Spawner};
///
/// for name in AnyLoop::available() {
///     let lp = AnyLoop::by_name(name)?;
///     let sum = lp.run(async { lp.spawn(async { 40 }).await.map(|n| n + 2) })??;
///     assert_eq!((lp.name(), sum), (*name, 42));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum AnyLoop {
    /// async-std's; with the feature `async-std`.
    #[cfg(feature = "async-std")]
    AsyncStd(crate::AsyncStdLoop),
    /// smol's; with the feature `smol`.
    #[cfg(feature = "smol")]
    Smol(crate::SmolLoop),
    /// tokio's; with the feature `tokio`.
    #[cfg(feature = "tokio")]
    Tokio(crate::TokioLoop),
    /// The simulated one; with the feature `sim`.
    #[cfg(feature = "sim")]
    Sim(crate::SimLoop),
    /// Never there: it lets the enum stand when no loop is compiled in.
    #[doc(hidden)]
    Absent(Absent),
}

/// Does one thing with whichever variant of an enum over the loops is there.
macro_rules! dispatch {
    ($Kind:ident, $value:expr, $inner:ident => $does:expr) => {
        match $value {
            #[cfg(feature = "async-std")]
            $Kind::AsyncStd($inner) => $does,
            #[cfg(feature = "smol")]
            $Kind::Smol($inner) => $does,
            #[cfg(feature = "tokio")]
            $Kind::Tokio($inner) => $does,
            #[cfg(feature = "sim")]
            $Kind::Sim($inner) => $does,
            $Kind::Absent($inner) => $does,
        }
    };
    // The same, with `$wrap` as the variant of `$To` that belongs to it.
    ($Kind:ident, $value:expr, $inner:ident => $To:ident as $wrap:ident: $does:expr) => {
        match $value {
            #[cfg(feature = "async-std")]
            $Kind::AsyncStd($inner) => {
                use $To::AsyncStd as $wrap;
                $does
            }
            #[cfg(feature = "smol")]
            $Kind::Smol($inner) => {
                use $To::Smol as $wrap;
                $does
            }
            #[cfg(feature = "tokio")]
            $Kind::Tokio($inner) => {
                use $To::Tokio as $wrap;
                $does
            }
            #[cfg(feature = "sim")]
            $Kind::Sim($inner) => {
                use $To::Sim as $wrap;
                $does
            }
            $Kind::Absent($inner) => {
                use $To::Absent as $wrap;
                $does
            }
        }
    };
}
use dispatch;

impl Backend for AnyLoop {
    type Started<T: Send + 'static> = AnyStarted<T>;
    type Timer = AnyTimer;

    fn state(&self) -> &Arc<LoopState> {
        dispatch!(Self, self, lp => lp.state())
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        type FromState = fn(&Arc<LoopState>) -> Option<AnyLoop>;
        const EACH: &[FromState] = &[
            #[cfg(feature = "async-std")]
            |state| crate::AsyncStdLoop::from_state(state).map(AnyLoop::AsyncStd),
            #[cfg(feature = "smol")]
            |state| crate::SmolLoop::from_state(state).map(AnyLoop::Smol),
            #[cfg(feature = "tokio")]
            |state| crate::TokioLoop::from_state(state).map(AnyLoop::Tokio),
            #[cfg(feature = "sim")]
            |state| crate::SimLoop::from_state(state).map(AnyLoop::Sim),
        ];
        EACH.iter().find_map(|from_state| from_state(state))
    }

    #[track_caller]
    fn start<F>(&self, future: F) -> AnyStarted<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        AnyStarted::start(self, future)
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        dispatch!(Self, self, lp => lp.start_blocking(work));
    }

    fn timer(&self, deadline: Instant) -> AnyTimer {
        AnyTimer::new(self, deadline)
    }

    fn system_time(&self) -> SystemTime {
        dispatch!(Self, self, lp => lp.system_time())
    }

    fn wait_on_thread<F: Future>(&self, future: F) -> F::Output {
        dispatch!(Self, self, lp => lp.wait_on_thread(future))
    }

    fn refuses_to_wait(&self) -> Option<String> {
        dispatch!(Self, self, lp => lp.refuses_to_wait())
    }

    fn random_seed(&self) -> u64 {
        dispatch!(Self, self, lp => lp.random_seed())
    }

    async fn lookup(&self, query: Query) -> io::Result<Vec<SocketAddr>> {
        dispatch!(Self, self, lp => lp.lookup(query).await)
    }
}

impl MainBackend for AnyLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        dispatch!(Self, self, lp => lp.block_on(future))
    }

    fn refuses_to_block(&self) -> Option<String> {
        dispatch!(Self, self, lp => lp.refuses_to_block())
    }
}

#[cfg(feature = "async-std")]
impl From<crate::AsyncStdLoop> for AnyLoop {
    fn from(lp: crate::AsyncStdLoop) -> Self {
        Self::AsyncStd(lp)
    }
}

#[cfg(feature = "smol")]
impl From<crate::SmolLoop> for AnyLoop {
    fn from(lp: crate::SmolLoop) -> Self {
        Self::Smol(lp)
    }
}

#[cfg(feature = "tokio")]
impl From<crate::TokioLoop> for AnyLoop {
    fn from(lp: crate::TokioLoop) -> Self {
        Self::Tokio(lp)
    }
}

#[cfg(feature = "sim")]
impl From<crate::SimLoop> for AnyLoop {
    fn from(lp: crate::SimLoop) -> Self {
        Self::Sim(lp)
    }
}

impl fmt::Debug for AnyLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dispatch!(Self, self, lp => fmt::Debug::fmt(lp, f))
    }
}
