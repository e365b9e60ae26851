//! The runtime below a loop: whether it is there, and what it has.
//!
//! tokio panics when a timer or a socket is made on a runtime without the driver for it,
//! and when a timer is polled whose runtime was shut down. A loop is a value that outlives
//! both, so whoever makes one of them asks here first.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use polyloop_core::LoopState;
use tokio::runtime::{Handle, Runtime};
use tokio::task::AbortHandle;

/// What a loop and its timers know of their runtime.
#[derive(Debug, Default)]
pub(crate) struct Life {
    gone: AtomicBool,
    /// What became of the first timer.
    has_time: AtomicBool,
    no_time: AtomicBool,
    no_io: AtomicBool,
}

impl Life {
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Whether the runtime has timers. From then on making one does not panic.
    #[inline]
    pub(crate) fn has_time(&self, handle: &Handle) -> bool {
        !self.is_gone() && (self.has_time.load(Ordering::Relaxed) || self.look_for_time(handle))
    }

    /// tokio can't be asked, so the first time it has to be tried.
    #[cold]
    fn look_for_time(&self, handle: &Handle) -> bool {
        if self.no_time.load(Ordering::Relaxed) {
            return false;
        }
        let _context = handle.enter();
        let made = catch_unwind(|| drop(tokio::time::sleep(Duration::ZERO))).is_ok();
        let found = if made { &self.has_time } else { &self.no_time };
        found.store(true, Ordering::Relaxed);
        made
    }

    /// Makes a socket of the runtime's.
    pub(crate) fn socket<T>(
        &self,
        handle: &Handle,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_gone() {
            return Err(io::Error::other(
                "the tokio runtime below the loop was shut down; make a loop on another one",
            ));
        }
        if !self.no_io.load(Ordering::Relaxed) {
            let _context = handle.enter();
            if let Ok(made) = catch_unwind(AssertUnwindSafe(make)) {
                return made;
            }
            self.no_io.store(true, Ordering::Relaxed);
        }
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the tokio runtime below the loop has no I/O driver; build it with `enable_io` or \
             `enable_all`",
        ))
    }
}

/// What a loop's state remembers, to make another handle of.
pub(crate) enum Kept {
    /// It lives as long as the state, and so as long as a task does.
    Shared(Arc<Shared>),
    /// It lives as long as a handle.
    OfHandles(Weak<Shared>),
}

impl Kept {
    pub(crate) fn shared(&self) -> Option<Arc<Shared>> {
        match self {
            Self::Shared(shared) => Some(shared.clone()),
            Self::OfHandles(shared) => shared.upgrade(),
        }
    }
}

/// What all handles of a loop have in common.
pub(crate) struct Shared {
    pub(crate) handle: Handle,
    pub(crate) life: Arc<Life>,
    /// `None` if the application has it.
    runtime: Option<Owned>,
    /// The task that tells when the application's runtime has gone.
    witness: OnceLock<AbortHandle>,
}

impl Shared {
    pub(crate) fn of_own(runtime: Runtime) -> Self {
        let life = Arc::new(Life::default());
        Self {
            handle: runtime.handle().clone(),
            life: life.clone(),
            runtime: Some(Owned {
                runtime: Some(runtime),
                life,
            }),
            witness: OnceLock::new(),
        }
    }

    pub(crate) fn of_application(handle: Handle) -> Self {
        Self {
            handle,
            life: Arc::default(),
            runtime: None,
            witness: OnceLock::new(),
        }
    }

    pub(crate) fn own_runtime(&self) -> Option<&Runtime> {
        self.runtime.as_ref()?.runtime.as_ref()
    }

    /// Closes the loop of `state` when the application's runtime is shut down: a runtime
    /// drops its tasks first, and so this one.
    pub(crate) fn watch(&self, state: &Arc<LoopState>) {
        let witness = Witness::new(&self.life, state);
        let task = self.handle.spawn(async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        });
        // It is watched once.
        let _ = self.witness.set(task.abort_handle());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(witness) = self.witness.get() {
            witness.abort();
        }
    }
}

/// Learns by its drop that the runtime was shut down.
struct Witness {
    life: Arc<Life>,
    state: Weak<LoopState>,
}

impl Witness {
    fn new(life: &Arc<Life>, state: &Arc<LoopState>) -> Self {
        Self {
            life: life.clone(),
            state: Arc::downgrade(state),
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Without a loop it was only sent home.
        if let Some(state) = self.state.upgrade() {
            self.life.gone.store(true, Ordering::Release);
            state.runtime_lost();
        }
    }
}

/// Work for a thread. tokio does it, or drops it because the runtime was shut down.
pub(crate) struct Piece<F> {
    /// Dropped before the work, so that whoever waits for that is told by a loop that knows.
    witness: Witness,
    work: F,
}

impl<F: FnOnce()> Piece<F> {
    pub(crate) fn new(life: &Arc<Life>, state: &Arc<LoopState>, work: F) -> Self {
        Self {
            witness: Witness::new(life, state),
            work,
        }
    }

    pub(crate) fn run(mut self) {
        // It has nothing to tell.
        self.witness.state = Weak::new();
        (self.work)();
    }
}

/// A runtime that may be dropped anywhere: tokio's own panics when it is dropped
/// inside async code, because it waits for its threads. This one does not wait.
struct Owned {
    runtime: Option<Runtime>,
    life: Arc<Life>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // A timer may outlive its loop.
        self.life.gone.store(true, Ordering::Release);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
