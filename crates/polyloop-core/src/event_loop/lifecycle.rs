//! A loop's life: its name, its error hook, running, stopping and closing it.

mod shutdown;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use thiserror::Error;

pub(crate) use shutdown::ShutdownHooks;
pub use shutdown::{ShutdownHook, ShutdownPhase};

use crate::event_loop::backend::Backend;
use crate::event_loop::calls::Calls as _;
use crate::event_loop::error_hook::ErrorHook;
use crate::promise::failure::Failure;
use crate::promise::report::ErrorReport;
use crate::sync::primitive::Arc;

/// What every loop can say and be told about itself.
///
/// ```
/// # use polyloop_core::{Lifecycle, NotRunning};
/// fn describe<L: Lifecycle>(lp: &L) -> String {
///     lp.set_error_hook(|report| eprintln!("{report}"));
///     // Nothing runs it yet, so there is nothing to stop.
///     assert!(matches!(lp.stop(), Err(NotRunning { .. })));
///     format!("the {} loop", lp.name())
/// }
/// ```
pub trait Lifecycle {
    /// The name that chooses this loop: `"tokio"`, `"async-std"`, `"smol"`.
    fn name(&self) -> &'static str;

    /// Whether some thread is inside [`run`](crate::MainLoop::run) (LOOP-01).
    fn is_running(&self) -> bool;

    /// Makes [`run`](crate::MainLoop::run) return early. The callback that calls
    /// this runs to its end (LOOP-05).
    ///
    /// A run that winds up already, whose shutdown hooks run, is ending anyway: asking
    /// it once more is accepted and changes nothing (LOOP-48).
    fn stop(&self) -> Result<(), NotRunning>;

    /// Ends the loop for good: cancels its tasks and drops its pending calls.
    /// Later use gives [`LoopClosed`]; closing twice is harmless (LOOP-37).
    fn close(&self) -> Result<(), StillRunning>;

    /// Whether it was closed.
    fn is_closed(&self) -> bool;

    /// Sends the reports of errors that no caller receives to `hook`, instead of
    /// to `tracing` and standard error. Among them are the panics of destructors that the
    /// loop comes to run, such as that of a task's value which nobody took (ERR-09).
    fn set_error_hook<H>(&self, hook: H)
    where
        H: Fn(&ErrorReport) + Send + Sync + 'static;

    /// Goes back to the default reporting.
    fn reset_error_hook(&self);

    /// Reports an error as the loop itself reports those of its callbacks.
    fn report(&self, context: &str, failure: &Failure);

    /// Runs `hook` at the end of the current or the next run, once, in its phase.
    ///
    /// The hooks of a phase run side by side, and the next phase waits for all of
    /// them (LOOP-07), within the [limit](Self::set_shutdown_limit) for each. One that
    /// fails is reported and holds nobody up (LOOP-08).
    ///
    /// ```
    /// use polyloop_core::{Failure, Loop, ShutdownPhase};
    ///
    /// async fn serve<L: Loop>(lp: L) -> Result<(), Failure> {
    /// #   struct Echo;
    /// #   impl polyloop_core::Protocol for Echo {
    /// #       fn data_received(&mut self, transport: &mut dyn polyloop_core::Transport, data: &[u8]) -> Result<(), Failure> {
    /// #           transport.write(data)?;
    /// #           Ok(())
    /// #       }
    /// #   }
    ///     let server = lp.serve("127.0.0.1:7000", || Echo).await?;
    ///     let ending = server.clone();
    ///     // Whatever ends the run: main, a `stop`, a signal.
    ///     lp.on_shutdown(ShutdownPhase::Before, move || async move {
    ///         ending.close();
    ///         ending.drained().await;
    ///         Ok(())
    ///     });
    ///     lp.on_shutdown(ShutdownPhase::After, || async {
    ///         println!("all connections have ended");
    ///         Ok(())
    ///     });
    ///     server.closed().await;
    ///     Ok(())
    /// }
    /// ```
    fn on_shutdown<F, R>(&self, phase: ShutdownPhase, hook: F) -> ShutdownHook
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static;

    /// Makes the call in the first pass of the next run, in the order asked; in the
    /// next pass if the loop is running (LOOP-31).
    fn call_when_running<F>(&self, call: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce() + Send + 'static;

    /// How long the end of a run waits for tasks that were asked to end before it
    /// drops them, and for work on threads before it leaves that behind; 10 s unless set.
    /// Connections that are closing are waited for as well, and cut shortly before it is up
    /// (TRAN-34).
    fn set_shutdown_limit(&self, limit: Duration);

    /// How many tasks are alive: running, suspended or waiting for their first
    /// turn. Connections and servers count as tasks.
    fn task_count(&self) -> usize;
}

impl<B: Backend> Lifecycle for B {
    fn name(&self) -> &'static str {
        self.state().name()
    }

    fn is_running(&self) -> bool {
        self.state().is_running()
    }

    fn stop(&self) -> Result<(), NotRunning> {
        if self.state().stop.ask() {
            Ok(())
        } else {
            Err(NotRunning { name: self.name() })
        }
    }

    fn close(&self) -> Result<(), StillRunning> {
        if self.state().is_running() {
            return Err(StillRunning { name: self.name() });
        }
        self.state().close();
        Ok(())
    }

    fn is_closed(&self) -> bool {
        self.state().is_closed()
    }

    fn set_error_hook<H>(&self, hook: H)
    where
        H: Fn(&ErrorReport) + Send + Sync + 'static,
    {
        let hook: ErrorHook = Arc::new(hook);
        self.state().set_hook(Some(hook));
    }

    fn reset_error_hook(&self) {
        self.state().set_hook(None);
    }

    fn report(&self, context: &str, failure: &Failure) {
        self.state().report(context, failure);
    }

    fn on_shutdown<F, R>(&self, phase: ShutdownPhase, hook: F) -> ShutdownHook
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.state().shutdown_hooks.add(phase, hook)
    }

    fn call_when_running<F>(&self, call: F) -> Result<(), Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        if let Err(closed) = self.state().check_open() {
            return Err(Rejected { call, closed });
        }
        match self.state().wait_for_run(call) {
            None => Ok(()),
            Some(call) => self.call_soon(call).map(|_| ()),
        }
    }

    fn set_shutdown_limit(&self, limit: Duration) {
        self.state().set_shutdown_limit(limit);
    }

    fn task_count(&self) -> usize {
        usize::try_from(self.state().tasks.alive()).unwrap_or(usize::MAX)
    }
}

/// The loop was closed, so it takes no more work.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the {name} loop is closed, or the runtime below it was shut down, so it takes no more \
     work; make a new one"
)]
#[non_exhaustive]
pub struct LoopClosed {
    /// The loop's name.
    pub name: &'static str,
}

/// [`Lifecycle::stop`] on a loop that no thread runs (LOOP-02).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the {name} loop is not inside `run`, so there is nothing to stop")]
#[non_exhaustive]
pub struct NotRunning {
    /// The loop's name.
    pub name: &'static str,
}

/// [`Lifecycle::close`] on a loop that a thread runs (LOOP-37).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the {name} loop is inside `run`; call `stop` and close it when `run` has returned")]
#[non_exhaustive]
pub struct StillRunning {
    /// The loop's name.
    pub name: &'static str,
}

/// Nobody drives the loop, so what is asked of it would never be done (LOOP-48).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "nobody runs the {name} loop, which has no threads of its own, so the call would never be \
     made; call while some thread is inside `run`, or ask with `call_when_running`"
)]
#[non_exhaustive]
pub struct NobodyRuns {
    /// The loop's name.
    pub name: &'static str,
}

/// A call that a closed loop did not take, given back so that it is not lost
/// (LOOP-25).
#[derive(Error)]
#[error("{closed}")]
#[non_exhaustive]
pub struct Rejected<F> {
    /// The closure, never called.
    pub call: F,
    /// Which loop refused it.
    pub closed: LoopClosed,
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl<F> From<Rejected<F>> for Failure {
    #[track_caller]
    fn from(rejected: Rejected<F>) -> Self {
        Self::new(rejected.closed)
    }
}

impl From<NobodyRuns> for Failure {
    #[track_caller]
    fn from(error: NobodyRuns) -> Self {
        Self::new(error)
    }
}

impl From<LoopClosed> for Failure {
    #[track_caller]
    fn from(closed: LoopClosed) -> Self {
        Self::new(closed)
    }
}
