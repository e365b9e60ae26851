//! [`TokioLoop`]: polyloop on tokio.
//!
//! This crate only maps; how things behave is decided in `polyloop-core`. One
//! matter is tokio's own: its sockets and timers are *made* in the context of a
//! runtime. The loop enters the runtime it was made for whenever it makes one, so
//! its users never have to, and nothing of theirs ends up on another runtime that
//! happens to be current.
//!
//! ```
//! use polyloop_core::{MainLoop, Timers};
//! use polyloop_tokio::TokioLoop;
//! use std::time::Duration;
//!
//! let lp = TokioLoop::current_thread()?;
//! let answer = lp.run(async {
//!     lp.sleep(Duration::from_millis(1)).await;
//!     42
//! })?;
//! assert_eq!(answer, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ambient;
mod runtime;
mod spawn;
mod tcp;
mod timer;
#[cfg(unix)]
mod watch;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use polyloop_core::LoopState;
use polyloop_core::backend::{Backend, MainBackend};
use tokio::runtime::{Builder, Handle, RuntimeFlavor};

pub use ambient::is_inside_runtime;
pub use spawn::Spawned;
pub use tcp::{TokioTcpListener, TokioTcpStream};
pub use timer::TokioTimer;
#[cfg(unix)]
pub use watch::TokioWatcher;

use runtime::{Kept, Shared};

/// A loop on a tokio runtime: its own, or one that an application has already.
#[derive(Clone)]
pub struct TokioLoop {
    state: Arc<LoopState>,
    shared: Arc<Shared>,
}

impl TokioLoop {
    /// A loop with a multi-thread runtime of its own, with a worker per core.
    pub fn new() -> io::Result<Self> {
        Self::own(&mut Builder::new_multi_thread())
    }

    /// A loop with a current-thread runtime of its own: everything runs on the thread
    /// that is inside [`run`](polyloop_core::MainLoop::run), and only while it is.
    ///
    /// With the last handle the runtime goes, and the tasks on it that had no turn
    /// (LOOP-51). One that holds a handle itself, as most do, keeps them both, in a circle
    /// that nobody sees; `run(async {})` ends it, since a run ends all tasks.
    pub fn current_thread() -> io::Result<Self> {
        Self::own(&mut Builder::new_current_thread())
    }

    /// A loop with a runtime of its own, built as `builder` says. Its I/O and time
    /// drivers are switched on.
    pub fn own(builder: &mut Builder) -> io::Result<Self> {
        let shared = Arc::new(Shared::of_own(builder.enable_all().build()?));
        if shared.handle.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return Ok(Self::with(&shared, Kept::Shared(shared.clone())));
        }
        // Its tasks hold the state, and with the last handle the last goes who could run
        // them. So only handles hold the runtime.
        let lp = Self::with(&shared, Kept::OfHandles(Arc::downgrade(&shared)));
        lp.state.set_needs_run();
        Ok(lp)
    }

    /// A loop on a runtime that the application has and keeps, and should have built with
    /// `enable_all`. Without an I/O driver each socket is refused with an error; without a
    /// time driver the loop's timers come from a thread of its own. tokio can't be asked
    /// what a runtime has: the first socket or timer finds out by a panic of tokio's, which
    /// is caught, but which the panic hook sees.
    ///
    /// When the application shuts the runtime down, the loop is closed, and what it is
    /// asked from then on fails with [`LoopClosed`](polyloop_core::LoopClosed); a sleep
    /// that is under way still ends at its time. tokio tells of it by dropping the tasks.
    /// Somebody's task that blocks its thread holds that up after a `shutdown_background`:
    /// then the loop learns of it by the first work that is [handed to a
    /// thread](polyloop_core::Threads::run_in_thread), which tokio refuses at once, and
    /// tasks that are spawned before wait as long as tokio's own.
    ///
    /// The loop of a current-thread runtime goes on while the application is inside that
    /// runtime's `block_on`: spawn on it there. It can't be
    /// [run](polyloop_core::MainLoop::run), since a handle drives no timers and sockets.
    ///
    /// Each call makes a loop of its own, with its own error hook and its own end;
    /// clone one to have the same.
    pub fn from_handle(handle: Handle) -> Self {
        let shared = Arc::new(Shared::of_application(handle));
        let lp = Self::with(&shared, Kept::Shared(shared.clone()));
        shared.watch(&lp.state);
        lp
    }

    /// The handle of the runtime below.
    pub fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    /// Makes a socket of the runtime's, wherever this is called.
    fn socket<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.shared.life.socket(&self.shared.handle, make)
    }

    fn with(shared: &Arc<Shared>, kept: Kept) -> Self {
        // tokio's clock may be paused in a test, and its timers go by that one.
        let clock = || tokio::time::Instant::now().into_std();
        Self {
            state: LoopState::with_clock("tokio", kept, clock),
            shared: shared.clone(),
        }
    }
}

impl Backend for TokioLoop {
    type Started<T: Send + 'static> = Spawned<T>;
    type Timer = TokioTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        Some(Self {
            shared: state.backend::<Kept>()?.shared()?,
            state: state.clone(),
        })
    }

    #[track_caller]
    fn start<F>(&self, future: F) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawned::new(self.shared.handle.spawn(future))
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let piece = runtime::Piece::new(&self.shared.life, &self.state, work);
        drop(self.shared.handle.spawn_blocking(move || piece.run()));
    }

    fn timer(&self, deadline: Instant) -> TokioTimer {
        TokioTimer::new(&self.shared.life, &self.shared.handle, deadline)
    }

    fn refuses_to_wait(&self) -> Option<String> {
        ambient::is_polled_by_tokio().then(|| {
            "this thread is inside a tokio runtime that is polling on it and would stand still; \
             await what you spawn on the loop, or use `call_soon`"
                .to_owned()
        })
    }
}

impl MainBackend for TokioLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.shared.own_runtime() {
            Some(runtime) => runtime.block_on(future),
            None => self.shared.handle.block_on(future),
        }
    }

    fn refuses_to_block(&self) -> Option<String> {
        let is_own = self.shared.own_runtime().is_some();
        let flavor = self.shared.handle.runtime_flavor();
        if !is_own && flavor == RuntimeFlavor::CurrentThread {
            return Some(
                "it was made from the handle of a current-thread runtime, and only `block_on` of \
                 that runtime drives its timers and sockets; spawn on the loop inside of it, or \
                 make the loop with `TokioLoop::current_thread`"
                    .to_owned(),
            );
        }
        ambient::is_polled_by_tokio().then(|| {
            "this thread is inside a tokio runtime that is polling on it and would panic; \
             await the future there, make the loop with `TokioLoop::from_handle` and spawn on \
             it, or run it in `spawn_blocking`"
                .to_owned()
        })
    }
}

impl fmt::Debug for TokioLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioLoop")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
