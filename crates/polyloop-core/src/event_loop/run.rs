//! Running a loop, and winding it up.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use thiserror::Error;

use crate::event_loop::backend::{Backend, MainBackend};
use crate::event_loop::calls::Calls as _;
use crate::event_loop::calls::after;
use crate::event_loop::context::{self, Entered};
use crate::event_loop::lifecycle::{LoopClosed, ShutdownPhase};
use crate::event_loop::state::LoopState;
use crate::event_loop::task::{self, first_turn};
use crate::promise::discard::discard;
use crate::promise::failure::Failure;
use crate::promise::{Promise as _, budget};
use crate::sync::primitive::Arc;

/// Why [`MainLoop::run`](crate::MainLoop::run) gave no value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A loop is running on this thread already (LOOP-04). Inside of a loop, await
    /// or spawn instead.
    #[error(
        "`run` on the {asked} loop was called from inside the {running} loop; await the future or spawn it instead"
    )]
    Nested {
        /// The loop that was to be run.
        asked: &'static str,
        /// The loop that is running on this thread.
        running: &'static str,
    },
    /// Another thread is running this loop.
    #[error("the {name} loop is being run by another thread already")]
    AlreadyRunning {
        /// The loop's name.
        name: &'static str,
    },
    /// The loop was closed.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
    /// [`Lifecycle::stop`](crate::Lifecycle::stop) was called before `main` was done
    /// (LOOP-11).
    #[error("the {name} loop was stopped before its main future was done")]
    StoppedEarly {
        /// The loop's name.
        name: &'static str,
    },
    /// The thread may not block, or the runtime below the loop is somebody else's to run.
    #[error("the {name} loop can't be run here: {reason}")]
    MayNotBlock {
        /// The loop's name.
        name: &'static str,
        /// What stands in the way, and what to do.
        reason: String,
    },
}

/// A loop runs until this is dropped, on every way out.
#[derive(Debug)]
#[must_use = "the run is over when this is dropped"]
pub struct JoinedRun(Arc<LoopState>);

impl JoinedRun {
    /// Begins a run, unless one is under way.
    fn begin<B: Backend>(backend: &B, stopped: Option<Waker>) -> Option<Self> {
        let state = backend.state();
        let waiting = state.begin_run(stopped)?;
        let run = Self(state.clone());
        for call in waiting {
            // Only a close refuses a call, and then nobody waits for it.
            let _ = backend.call_soon(move || call.into_inner()());
        }
        Some(run)
    }

    pub(crate) fn join<B: Backend>(backend: &B, stopped: Waker) -> Option<Self> {
        Self::begin(backend, Some(stopped))
    }
}

impl Drop for JoinedRun {
    fn drop(&mut self) {
        self.0.end_run();
    }
}

/// The run of a thread's own.
struct Running(JoinedRun);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.tasks.reopen();
    }
}

pub(crate) fn run<B: MainBackend, F: Future>(backend: &B, main: F) -> Result<F::Output, RunError> {
    let state = backend.state();
    let name = state.name();
    if let Some(running) = context::current_state() {
        return Err(RunError::Nested {
            asked: name,
            running: running.name(),
        });
    }
    state.check_open()?;
    if let Some(reason) = backend.refuses_to_block() {
        return Err(RunError::MayNotBlock { name, reason });
    }
    let Some(run) = JoinedRun::begin(backend, None) else {
        return Err(RunError::AlreadyRunning { name });
    };
    let _running = Running(run);

    let whole = async {
        // Boxed so that it can be dropped in place, as the current loop's, before
        // the loop is wound up.
        let mut main = Some(Box::pin(main));
        let mut slot = Some(state.clone());
        let ended = poll_fn(|cx| {
            if state.stop.is_asked(cx.waker()) {
                return Poll::Ready(Ended::Stopped);
            }
            let polled = as_current(&mut slot, || {
                let Some(main) = main.as_mut() else {
                    return Ok(Poll::Pending);
                };
                catch_unwind(AssertUnwindSafe(|| budget::turn(|| main.as_mut().poll(cx))))
            });
            match polled {
                Ok(Poll::Ready(value)) => Poll::Ready(Ended::Done(value)),
                Err(payload) => Poll::Ready(Ended::Panicked(payload)),
                Ok(Poll::Pending) => Poll::Pending,
            }
        })
        .await;
        // Whatever its destructors do, how it ended stands.
        as_current(&mut slot, || discard(main.take()));
        drop(slot);
        wind_up(backend).await;
        match ended {
            Ended::Done(value) => Ok(value),
            Ended::Panicked(payload) => resume_unwind(payload),
            Ended::Stopped => Err(RunError::StoppedEarly { name }),
        }
    };
    context::running(name, || backend.block_on(whole))
}

enum Ended<T> {
    Done(T),
    Panicked(Box<dyn std::any::Any + Send>),
    Stopped,
}

fn as_current<R>(state: &mut Option<Arc<LoopState>>, f: impl FnOnce() -> R) -> R {
    let _entered = Entered::new(state);
    f()
}

/// Asks every task to end and waits, for blocking work too; then drops the tasks that
/// would not; then says what is left.
pub(crate) async fn wind_up<B: MainBackend>(backend: &B) {
    let state = backend.state();
    // What was due in the pass that stopped the loop is still called (LOOP-05,
    // LOOP-06), as long as it does not block for ever.
    let winding_up = state.stop.wind_up();
    let pass = poll_fn(|cx| state.calls.poll_between_passes(cx.waker()));
    within(backend, state.shutdown_limit(), pass).await;
    state.drop_calls();
    // Hooks may need calls of their own.
    state.calls.resume();
    run_hooks(backend, ShutdownPhase::Before).await;
    run_hooks(backend, ShutdownPhase::During).await;
    state.drop_calls();
    state.tasks.end_all();
    // What threads are at may be what a task waits for, and may itself need the loop.
    let all_done = async {
        until_idle(|waker| state.tasks.wake_when_idle(waker)).await;
        until_idle(|waker| state.work.wake_when_idle(waker)).await;
    };
    let all_done = within(backend, state.shutdown_limit(), all_done).await;
    if !all_done {
        report_work(state);
        end_stubborn_tasks(backend).await;
    }
    // Ending tasks may have asked for calls.
    state.drop_calls();
    state.tasks.reopen();
    run_hooks(backend, ShutdownPhase::After).await;
    // What is left from before has been waited for, and told.
    let handed_over = until_idle(|waker| state.work.wake_when_idle(waker));
    if all_done && !within(backend, state.shutdown_limit(), handed_over).await {
        report_work(state);
    }
    state.drop_calls();
    drop(winding_up);
    state.report_left_out();
}

/// Drops the tasks that would not end, and says which.
async fn end_stubborn_tasks<B: MainBackend>(backend: &B) {
    /// A task that is dropped from outside needs a turn of its own to go.
    const AFTER_KILL: Duration = Duration::from_secs(1);

    let state = backend.state();
    if state.tasks.alive() == 0 {
        return;
    }
    let mut stubborn = state.tasks.locations();
    stubborn.extend(first_turn::places(state.id()));
    state.tasks.kill_all();
    let gone = until_idle(|waker| state.tasks.wake_when_idle(waker));
    let gone = within(backend, AFTER_KILL, gone).await;
    state.report(
        &format!(
            "the {} loop ended with tasks that did not end within {:?} (spawned at: {}){}",
            state.name(),
            state.shutdown_limit(),
            listed(&stubborn),
            if gone {
                String::new()
            } else {
                format!("; {} still block their thread", state.tasks.alive())
            },
        ),
        &Failure::timed_out(state.shutdown_limit()),
    );
}

/// Says which work on threads has not returned.
fn report_work(state: &LoopState) {
    let places = state.work.places();
    if places.is_empty() {
        return;
    }
    state.report(
        &format!(
            "the {} loop ended while work on threads had not returned within {:?} (handed over \
             at: {}); it goes on beside the program",
            state.name(),
            state.shutdown_limit(),
            listed(&places),
        ),
        &Failure::timed_out(state.shutdown_limit()),
    );
}

fn listed(places: &[&Location<'_>]) -> String {
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    places.join(", ")
}

/// Runs the hooks of a phase side by side; what fails or takes too long is reported
/// and holds nobody up (LOOP-08).
async fn run_hooks<B: MainBackend>(backend: &B, phase: ShutdownPhase) {
    let state = backend.state();
    let hooks = state.shutdown_hooks.take(phase);
    if hooks.is_empty() {
        return;
    }
    // As tasks, so that each is on the loop, and its panic its own affair.
    let running: Vec<_> = hooks
        .into_iter()
        .map(|hook| task::spawn(backend, async move { hook.into_inner()().await }))
        .collect();
    for task in running {
        let outcome = task.timeout(backend, state.shutdown_limit()).await;
        if let Err(failure) | Ok(Err(failure)) = outcome {
            state.report(&format!("a shutdown hook ({phase:?}) failed"), &failure);
        }
    }
}

/// Waits until `wake_when` says that nothing is left.
async fn until_idle(wake_when: impl Fn(&Waker) -> bool) {
    poll_fn(|cx| {
        if wake_when(cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Whether `future` is done within `limit`.
async fn within<B: MainBackend>(
    backend: &B,
    limit: Duration,
    future: impl Future<Output = ()>,
) -> bool {
    let mut future = pin!(future);
    let mut timer = None;
    poll_fn(|cx| {
        if future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        // Most often there is nothing to wait for, and so no timer.
        let timer = timer
            .get_or_insert_with(|| Box::pin(backend.timer(after(backend.state().now(), limit))));
        timer.as_mut().poll(cx).map(|()| false)
    })
    .await
}
