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
mod spawn;
mod tcp;
mod timer;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use polyloop_core::LoopState;
use polyloop_core::backend::{Backend, MainBackend};
use tokio::runtime::{Builder, Handle, Runtime};

pub use ambient::is_inside_runtime;
pub use spawn::Spawned;
pub use tcp::{TokioTcpListener, TokioTcpStream};
pub use timer::TokioTimer;

/// A loop on a tokio runtime: its own, or one that an application has already.
#[derive(Clone)]
pub struct TokioLoop {
    state: Arc<LoopState>,
    handle: Handle,
}

/// What lives as long as the loop.
struct Shared {
    handle: Handle,
    runtime: Option<OwnedRuntime>,
}

/// A runtime that may be dropped anywhere: tokio's own panics when it is dropped
/// inside async code, because it waits for its threads. This one does not wait.
struct OwnedRuntime(Option<Runtime>);

impl Drop for OwnedRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl TokioLoop {
    /// A loop with a multi-thread runtime of its own, with a worker per core.
    pub fn new() -> io::Result<Self> {
        Self::own(&mut Builder::new_multi_thread())
    }

    /// A loop with a current-thread runtime of its own: everything runs on the thread
    /// that is inside [`run`](polyloop_core::MainLoop::run), and only while it is.
    pub fn current_thread() -> io::Result<Self> {
        Self::own(&mut Builder::new_current_thread())
    }

    /// A loop with a runtime of its own, built as `builder` says. Its I/O and time
    /// drivers are switched on.
    pub fn own(builder: &mut Builder) -> io::Result<Self> {
        let runtime = builder.enable_all().build()?;
        let handle = runtime.handle().clone();
        Ok(Self::with(handle, Some(OwnedRuntime(Some(runtime)))))
    }

    /// A loop on a runtime that the application has and keeps. It needs its I/O and
    /// time drivers (`enable_all`).
    ///
    /// Each call makes a loop of its own, with its own error hook and its own end;
    /// clone one to have the same.
    pub fn from_handle(handle: Handle) -> Self {
        Self::with(handle, None)
    }

    /// The handle of the runtime below.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The loop that `state` belongs to, if it is one of these.
    pub fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        let handle = state.backend::<Shared>()?.handle.clone();
        Some(Self {
            state: state.clone(),
            handle,
        })
    }

    fn with(handle: Handle, runtime: Option<OwnedRuntime>) -> Self {
        let shared = Shared {
            handle: handle.clone(),
            runtime,
        };
        // tokio's clock may be paused in a test, and its timers go by that one.
        let clock = || tokio::time::Instant::now().into_std();
        Self {
            state: LoopState::with_clock("tokio", shared, clock),
            handle,
        }
    }
}

impl Backend for TokioLoop {
    type Started<T: Send + 'static> = Spawned<T>;
    type Timer = TokioTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    #[track_caller]
    fn start<F>(&self, future: F) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawned::new(self.handle.spawn(future))
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        drop(self.handle.spawn_blocking(work));
    }

    fn timer(&self, deadline: Instant) -> TokioTimer {
        let _context = self.handle.enter();
        TokioTimer::new(deadline)
    }
}

impl MainBackend for TokioLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let shared = self.state.backend::<Shared>();
        match shared.and_then(|shared| shared.runtime.as_ref()?.0.as_ref()) {
            Some(runtime) => runtime.block_on(future),
            None => self.handle.block_on(future),
        }
    }

    fn refuses_to_block(&self) -> Option<String> {
        Handle::try_current().is_ok().then(|| {
            "this thread is inside a tokio runtime, which would panic; \
             await the future there, or make the loop with `TokioLoop::from_handle` \
             and spawn on it"
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
