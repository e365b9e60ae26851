//! The wrapper around every spawned future: it makes the loop current while the
//! future runs, keeps the span it was spawned in, catches panics, and obeys
//! cancellation.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, RawWakerVTable, Waker};

use pin_project_lite::pin_project;
use tracing::Span;
use tracing::level_filters::LevelFilter;

use super::catch_cancel;
use super::table::{Cancel, TaskId};
use crate::context::Entered;
use crate::failure::Failure;
use crate::lifecycle::LoopClosed;
use crate::state::LoopState;

pin_project! {
    /// A future on its way through a loop. The fields are dropped in order: the
    /// future goes before the guard that tells the loop it has gone.
    pub(crate) struct Supervised<F> {
        #[pin]
        future: Option<F>,
        // Most often there is none, and a task is as small as it can be.
        span: Option<Box<Span>>,
        // The future is suspended inside `catch_cancel`, which takes a cancel
        // instead of letting the future be dropped.
        catching: bool,
        told_to_end: bool,
        guard: Guard,
    }
}

/// Ends the task in the loop's books, on every way out.
struct Guard {
    /// Empty only while it is the current loop of the polling thread.
    state: Option<Arc<LoopState>>,
    id: TaskId,
    /// The waker that the table holds a clone of.
    known: Option<KnownWaker>,
    location: &'static Location<'static>,
}

/// What a waker is told by as long as a clone of it is kept somewhere.
struct KnownWaker {
    vtable: &'static RawWakerVTable,
    data: usize,
}

impl KnownWaker {
    fn of(waker: &Waker) -> Self {
        Self {
            vtable: waker.vtable(),
            data: waker.data().addr(),
        }
    }

    fn is(&self, waker: &Waker) -> bool {
        std::ptr::eq(self.vtable, waker.vtable()) && self.data == waker.data().addr()
    }
}

impl Guard {
    /// The task has ended. Gives its loop back the first time.
    fn end(&mut self) -> Option<Arc<LoopState>> {
        let state = self.state.take()?;
        if self.known.is_some() || state.tasks.may_be_cancelled(self.id) {
            state.tasks.forget(self.id);
        }
        state.tasks.end();
        Some(state)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

/// The span that a task is spawned in, if there is one.
fn current_span() -> Option<Box<Span>> {
    // Without a subscriber that listens, one number says so.
    if LevelFilter::current() == LevelFilter::OFF {
        return None;
    }
    let span = Span::current();
    (!span.is_none()).then(|| Box::new(span))
}

impl<F: Future> Supervised<F> {
    #[track_caller]
    pub(crate) fn new(state: &Arc<LoopState>, future: F) -> Result<Self, LoopClosed> {
        state.check_open()?;
        Ok(Self {
            future: Some(future),
            span: current_span(),
            catching: false,
            told_to_end: false,
            guard: Guard {
                id: state.tasks.begin(),
                state: Some(state.clone()),
                known: None,
                location: Location::caller(),
            },
        })
    }

    pub(crate) fn id(&self) -> TaskId {
        self.guard.id
    }
}

impl<F: Future> Future for Supervised<F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let Some(state) = this.guard.state.as_ref() else {
                // Only a poll after completion, or one on a thread that is being
                // torn down, comes here.
                return Poll::Pending;
            };
            let cancel = state.tasks.take_cancel(this.guard.id, this.told_to_end);

            let entered = Entered::new(&mut this.guard.state);
            let in_span = this.span.as_ref().map(|span| span.enter());
            let step = match cancel {
                Some(Cancel::Kill) => Step::Cancelled("the loop ended".to_owned()),
                Some(Cancel::Ask(reason)) if !*this.catching => Step::Cancelled(reason),
                Some(Cancel::Ask(reason)) => {
                    step(this.future.as_mut(), cx, Some(reason), this.catching)
                }
                None => step(this.future.as_mut(), cx, None, this.catching),
            };
            // The future goes before its outcome is seen, in its own span and loop.
            let dropped = if matches!(step, Step::Pending) {
                Ok(())
            } else {
                catch_unwind(AssertUnwindSafe(|| this.future.set(None)))
            };
            drop((in_span, entered));

            let location = this.guard.location;
            if let (Err(payload), Some(state)) = (&dropped, &this.guard.state) {
                state.report(
                    &format!("dropping the task spawned at {location} panicked"),
                    &Failure::panicked(payload.as_ref()),
                );
            }
            let result = match step {
                Step::Ready(value) => Ok(value),
                Step::Panicked(failure) => Err(failure.at(location)),
                Step::Cancelled(reason) => Err(Failure::cancelled(reason).at(location)),
                Step::Pending => {
                    if this
                        .guard
                        .known
                        .as_ref()
                        .is_some_and(|known| known.is(cx.waker()))
                    {
                        return Poll::Pending;
                    }
                    this.guard.known = Some(KnownWaker::of(cx.waker()));
                    let asleep = this.guard.state.as_ref().is_none_or(|state| {
                        state
                            .tasks
                            .suspend(this.guard.id, *this.told_to_end, cx.waker(), location)
                    });
                    if asleep {
                        return Poll::Pending;
                    }
                    continue;
                }
            };
            return Poll::Ready(Outcome {
                result: Some(result),
                id: this.guard.id,
                state: this.guard.end(),
                location,
            });
        }
    }
}

enum Step<T> {
    Ready(T),
    Pending,
    Panicked(Failure),
    Cancelled(String),
}

fn step<F: Future>(
    future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
    cancel: Option<String>,
    catching: &mut bool,
) -> Step<F::Output> {
    let Some(future) = future.as_pin_mut() else {
        return Step::Pending;
    };
    // Neither scope is left by a panic.
    let poll = || catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
    let polled;
    let mut untaken = None;
    match cancel {
        None => (polled, *catching) = catch_cancel::scope(poll),
        Some(reason) => {
            (polled, *catching, untaken) = catch_cancel::scope_of_cancelled(reason, poll);
        }
    }
    match (polled, untaken) {
        (Ok(Poll::Ready(value)), _) => Step::Ready(value),
        (Ok(Poll::Pending), None) => Step::Pending,
        (Ok(Poll::Pending), Some(reason)) => Step::Cancelled(reason),
        (Err(payload), _) => Step::Panicked(Failure::panicked(payload.as_ref())),
    }
}

/// What a task ended with, on its way to whoever awaits it. A failure that
/// nobody takes is reported when it is dropped; a cancelled one is not
/// (PROM-23, PROM-32).
pub struct Outcome<T> {
    result: Option<Result<T, Failure>>,
    state: Option<Arc<LoopState>>,
    id: TaskId,
    location: &'static Location<'static>,
}

impl<T> Outcome<T> {
    pub(crate) fn into_result(mut self) -> Result<T, Failure> {
        self.result
            .take()
            .unwrap_or_else(|| Err(Failure::cancelled("the outcome was taken before")))
    }
}

impl<T> std::fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome").finish_non_exhaustive()
    }
}

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        let Some(state) = &self.state else {
            return;
        };
        let ignored = state.tasks.is_failure_ignored(self.id);
        if let Some(Err(failure)) = &self.result
            && !failure.is_cancelled()
        {
            if ignored {
                tracing::debug!(
                    target: "polyloop",
                    %failure,
                    "the task spawned at {} failed; it was said that nobody minds",
                    self.location
                );
                return;
            }
            state.report(
                &format!(
                    "the task spawned at {} failed and nobody awaited it",
                    self.location
                ),
                failure,
            );
        }
    }
}
