//! The wrapper around every spawned future: it makes the loop current while the
//! future runs, keeps the span it was spawned in, catches panics, and obeys
//! cancellation.

use std::any::Any;
use std::future::Future;
use std::mem::needs_drop;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tracing::Span;
use tracing::level_filters::LevelFilter;

use super::first_turn::FirstTurn;
use super::standing;
use super::table::{Cancel, TaskId};
use crate::event_loop::context::Entered;
use crate::event_loop::state::LoopState;
use crate::promise::budget;
use crate::promise::discard::{caught, discard_in_place};
use crate::promise::failure::Failure;
use crate::promise::report::report_here;
use crate::sync::primitive::Arc;

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

    impl<F> PinnedDrop for Supervised<F> {
        // The runtime gave it up before it was done.
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.future.is_some() {
                let span = this.span.as_deref();
                within(&mut this.guard.state, span, || discard_in_place(this.future));
            }
        }
    }
}

/// Keeps the task in its loop's books, and ends it there on every way out.
pub(crate) struct Guard {
    /// While the future is polled, the loop that is current outside of it.
    state: Option<Arc<LoopState>>,
    id: TaskId,
    /// The waker that the table holds a clone of.
    known: Option<WakerMark>,
    location: &'static Location<'static>,
}

/// What a waker is told by as long as a clone of it is kept somewhere, in half the room of
/// one.
///
/// Because of the clone neither of its addresses is given to anything else meanwhile. Two
/// wakers of one kind always differ, and two of different kinds all but certainly; a
/// runtime has one kind.
#[derive(Clone, Copy, PartialEq, Eq)]
struct WakerMark(NonZero<usize>);

impl WakerMark {
    #[inline]
    fn of(waker: &Waker) -> Self {
        let vtable = std::ptr::from_ref(waker.vtable()).addr();
        let mark = waker.data().addr() ^ vtable.rotate_left(usize::BITS / 2);
        Self(NonZero::new(mark).unwrap_or(NonZero::<usize>::MAX))
    }
}

impl Guard {
    #[track_caller]
    pub(crate) fn new(state: &Arc<LoopState>) -> Self {
        Self {
            id: state.tasks.begin(),
            state: Some(state.clone()),
            known: None,
            location: Location::caller(),
        }
    }

    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    /// The task has ended. Gives its loop back the first time.
    #[inline]
    fn end(&mut self) -> Option<Arc<LoopState>> {
        let state = self.state.take()?;
        state.tasks.forget(self.id, self.known.is_some());
        state.tasks.end();
        Some(state)
    }

    #[inline]
    fn is_known_by(&self, waker: &Waker) -> bool {
        self.known
            .is_some_and(|known| known == WakerMark::of(waker))
    }

    /// Notes that the future waits, and how to wake it. False if it is to look again.
    fn suspend(&mut self, told_to_end: bool, waker: &Waker) -> bool {
        self.known = Some(WakerMark::of(waker));
        self.state.as_ref().is_none_or(|state| {
            state
                .tasks
                .suspend(self.id, told_to_end, waker, self.location)
        })
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if let Some(state) = self.end() {
            // There will be no outcome.
            state.tasks.close(self.id);
        }
    }
}

/// The span that a task is spawned in, if there is one.
#[inline]
fn current_span() -> Option<Box<Span>> {
    // Without a subscriber that listens, one number says so.
    if LevelFilter::current() == LevelFilter::OFF {
        return None;
    }
    look_for_span()
}

#[cold]
fn look_for_span() -> Option<Box<Span>> {
    let span = Span::current();
    (!span.is_none()).then(|| Box::new(span))
}

impl<F: Future> Supervised<F> {
    pub(crate) fn new(guard: Guard, future: F) -> Self {
        Self {
            future: Some(future),
            span: current_span(),
            catching: false,
            told_to_end: false,
            guard,
        }
    }
}

impl<F: Future> Future for Supervised<F> {
    type Output = Outcome<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let Some(state) = &this.guard.state else {
                // Only a poll after completion comes here.
                return Poll::Pending;
            };
            // Later the table knows of it.
            let _first = match this.guard.known {
                None => FirstTurn::begin(state.id(), this.guard.location),
                Some(_) => None,
            };
            let same_waker = this.guard.is_known_by(cx.waker());
            let turn = Turn {
                future: this.future.as_mut(),
                same_waker,
                catching: this.catching,
                location: this.guard.location,
            };
            let span = this.span.as_deref();
            // Two ways, so that the usual one carries nothing of the other.
            let step = match state.tasks.take_cancel(this.guard.id, this.told_to_end) {
                None => within(&mut this.guard.state, span, || turn.take(cx)),
                Some(cancel) => within(&mut this.guard.state, span, || turn.take_last(cx, cancel)),
            };
            let Poll::Ready(result) = step else {
                if same_waker || this.guard.suspend(*this.told_to_end, cx.waker()) {
                    return Poll::Pending;
                }
                continue;
            };
            let Some(state) = this.guard.end() else {
                return Poll::Pending;
            };
            return Poll::Ready(Outcome::new(result, state, this.guard));
        }
    }
}

/// Runs what belongs to the future in its loop and its span.
fn within<R>(
    state: &mut Option<Arc<LoopState>>,
    span: Option<&Span>,
    run: impl FnOnce() -> R,
) -> R {
    let _entered = Entered::new(state);
    let _in_span = span.map(Span::enter);
    budget::turn(run)
}

/// What one turn of a future needs. After it, the future has been dropped unless it is
/// pending: it goes before its outcome is seen.
struct Turn<'a, F> {
    future: Pin<&'a mut Option<F>>,
    /// It is polled with the waker that its suspended task is found by.
    same_waker: bool,
    catching: &'a mut bool,
    location: &'static Location<'static>,
}

type Step<T> = Poll<Result<T, Failure>>;
type Panic = Box<dyn Any + Send>;

impl<F: Future> Turn<'_, F> {
    fn take(mut self, cx: &mut Context<'_>) -> Step<F::Output> {
        let mut value = None;
        let polled;
        // The scope is not left by a panic.
        (polled, *self.catching) = standing::scope(self.same_waker, || {
            poll(self.future.as_mut(), cx, &mut value)
        });
        match (polled, value) {
            (Ok(()), None) => Poll::Pending,
            (Ok(()), Some(value)) => Poll::Ready(Ok(value)),
            (Err(payload), value) => Poll::Ready(self.panicked(value, payload)),
        }
    }

    /// The same for a task that was cancelled.
    #[cold]
    fn take_last(mut self, cx: &mut Context<'_>, cancel: Cancel) -> Step<F::Output> {
        let reason = match cancel {
            Cancel::Ask(reason) if *self.catching => reason,
            cancel => {
                let reason = cancel.into_reason();
                return Poll::Ready(self.failed(Failure::cancelled_in_loop(reason)));
            }
        };
        let mut value = None;
        let (polled, untaken);
        (polled, *self.catching, untaken) =
            standing::scope_of_cancelled(self.same_waker, reason, || {
                poll(self.future.as_mut(), cx, &mut value)
            });
        match (polled, value, untaken) {
            (Ok(()), None, None) => Poll::Pending,
            (Ok(()), None, Some(reason)) => {
                Poll::Ready(self.failed(Failure::cancelled_in_loop(reason)))
            }
            (Ok(()), Some(value), _) => Poll::Ready(Ok(value)),
            (Err(payload), value, _) => Poll::Ready(self.panicked(value, payload)),
        }
    }

    /// With a value, it was dropping the future that panicked.
    #[cold]
    fn panicked(self, value: Option<F::Output>, payload: Panic) -> Result<F::Output, Failure> {
        let failure = caught(payload);
        let Some(value) = value else {
            return self.failed(failure);
        };
        report_torn(self.location, &failure);
        Ok(value)
    }

    #[cold]
    fn failed(mut self, failure: Failure) -> Result<F::Output, Failure> {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.future.set(None))) {
            report_torn(self.location, &caught(payload));
        }
        Err(failure)
    }
}

/// Polls the future and, if it is ready, drops it.
fn poll<F: Future>(
    mut future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
    value: &mut Option<F::Output>,
) -> Result<(), Panic> {
    catch_unwind(AssertUnwindSafe(|| {
        let Some(running) = future.as_mut().as_pin_mut() else {
            return;
        };
        if let Poll::Ready(ready) = running.poll(cx) {
            *value = Some(ready);
            future.set(None);
        }
    }))
}

fn report_torn(location: &Location<'_>, failure: &Failure) {
    let context = format!("dropping the task spawned at {location} panicked");
    report_here(&context, failure);
}

/// What a task ended with, on its way to whoever awaits it. A failure that
/// nobody takes is reported when it is dropped; a cancelled one is not
/// (PROM-23, PROM-32).
pub struct Outcome<T>(End<T>);

enum End<T> {
    Done(Done<T>),
    Failed(Box<Unheard>),
}

/// A value that nobody has taken yet, or the books without one.
struct Done<T> {
    value: Option<T>,
    books: Books,
}

/// Where the handle may have left notes for the task.
struct Books {
    state: Arc<LoopState>,
    id: TaskId,
}

/// A failure that nobody has taken yet.
struct Unheard {
    failure: Option<Failure>,
    location: &'static Location<'static>,
    books: Books,
}

impl<T> Outcome<T> {
    fn new(result: Result<T, Failure>, state: Arc<LoopState>, guard: &Guard) -> Self {
        let books = Books {
            state,
            id: guard.id,
        };
        let location = guard.location;
        Self(match result {
            Ok(value) => End::Done(Done {
                value: Some(value),
                books,
            }),
            Err(failure) => End::Failed(Box::new(Unheard {
                failure: Some(failure.at(location)),
                location,
                books,
            })),
        })
    }

    #[inline]
    pub(crate) fn into_result(self) -> Result<T, Failure> {
        match self.0 {
            End::Done(mut done) => done.value.take().ok_or_else(taken_before),
            End::Failed(unheard) => Err((*unheard).hear()),
        }
    }
}

impl<T> Drop for Done<T> {
    /// Nobody took the value, and whoever drops it here, often a runtime, is not to suffer
    /// from its destructor.
    #[inline]
    fn drop(&mut self) {
        if needs_drop::<T>()
            && let Some(value) = self.value.take()
        {
            self.books.state.discard(value);
        }
    }
}

#[cold]
fn taken_before() -> Failure {
    Failure::cancelled("the outcome was taken before")
}

impl Unheard {
    #[cold]
    fn hear(mut self) -> Failure {
        self.failure.take().unwrap_or_else(taken_before)
    }
}

impl<T> std::fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome").finish_non_exhaustive()
    }
}

impl Drop for Books {
    #[inline]
    fn drop(&mut self) {
        self.state.tasks.close(self.id);
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let Some(failure) = &self.failure else {
            return;
        };
        let Books { state, id } = &self.books;
        if failure.is_cancelled() {
            return;
        }
        if state.tasks.is_failure_ignored(*id) {
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
