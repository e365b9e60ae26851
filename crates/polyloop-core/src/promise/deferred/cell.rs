//! What a `Deferred` and its `Resolver` share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

use crate::promise::failure::Failure;
use crate::promise::report::report_here;
use crate::sync::primitive::{Arc, Mutex, PoisonError, lock};

pub(super) type Canceller<T> = Box<dyn FnOnce(&str) -> Option<Result<T, Failure>> + Send>;

pub(super) struct Cell<T>(Mutex<State<T>>);

enum State<T> {
    Pending {
        waker: Option<Waker>,
        canceller: Option<Canceller<T>>,
    },
    /// `cancel` is running the canceller; the resolver may still come first.
    Cancelling {
        waker: Option<Waker>,
    },
    Settled(Result<T, Failure>),
    /// The outcome is that of another promise.
    Forwarded(Arc<Cell<T>>),
    /// The outcome was taken, or its waiter has gone.
    Gone,
}

/// An answer, or the cell to ask instead.
pub(super) enum Forward<T> {
    Here(Poll<Result<T, Failure>>),
    To(Arc<Cell<T>>),
}

impl<T> Cell<T> {
    pub(super) fn new(canceller: Option<Canceller<T>>) -> Self {
        Self(Mutex::new(State::Pending {
            waker: None,
            canceller,
        }))
    }

    pub(super) fn settled(outcome: Result<T, Failure>) -> Self {
        Self(Mutex::new(State::Settled(outcome)))
    }

    pub(super) fn forward(&self) -> Option<Arc<Self>> {
        match &*lock(&self.0) {
            State::Forwarded(next) => Some(next.clone()),
            _ => None,
        }
    }

    pub(super) fn poll(&self, by: &Waker) -> Forward<T> {
        let mut state = lock(&self.0);
        match &mut *state {
            State::Pending { waker, .. } | State::Cancelling { waker } => {
                let old = match waker {
                    Some(known) if known.will_wake(by) => None,
                    waker => waker.replace(by.clone()),
                };
                // A waker may be the last to hold its task.
                drop(state);
                drop(old);
                Forward::Here(Poll::Pending)
            }
            State::Forwarded(next) => Forward::To(next.clone()),
            State::Settled(_) | State::Gone => match std::mem::replace(&mut *state, State::Gone) {
                State::Settled(outcome) => Forward::Here(Poll::Ready(outcome)),
                _ => Forward::Here(Poll::Ready(Err(Failure::broken()))),
            },
        }
    }

    /// Gives the outcome back if it came too late.
    pub(super) fn settle(&self, outcome: Result<T, Failure>) -> Result<(), Result<T, Failure>> {
        self.enter(State::Settled(outcome))
            .map_err(|state| match state {
                State::Settled(outcome) => outcome,
                _ => Err(Failure::broken()),
            })
    }

    /// Gives the other promise back if it came too late.
    pub(super) fn settle_with(&self, inner: Arc<Self>) -> Result<(), Arc<Self>> {
        self.enter(State::Forwarded(inner.clone()))
            .map_err(|_| inner)
    }

    fn enter(&self, new: State<T>) -> Result<(), State<T>> {
        let mut state = lock(&self.0);
        let (waker, canceller) = match &mut *state {
            State::Pending { waker, canceller } => (waker.take(), canceller.take()),
            State::Cancelling { waker } => (waker.take(), None),
            _ => return Err(new),
        };
        *state = new;
        drop(state);
        // Both are code of a user, so the lock is gone by now.
        if let Some(waker) = waker {
            waker.wake();
        }
        drop(canceller);
        Ok(())
    }

    /// The resolver has gone. A cancel that is under way settles the promise itself,
    /// also where its own canceller let the resolver go.
    pub(super) fn break_promise(&self) {
        let pending = matches!(&*lock(&self.0), State::Pending { .. });
        if pending {
            // A cancel that comes in between is a promise nobody could keep, too.
            let _ = self.settle(Err(Failure::broken()));
        }
    }

    pub(super) fn cancel(&self, reason: &str) -> bool {
        let mut state = lock(&self.0);
        let canceller = match &mut *state {
            State::Pending { waker, canceller } => {
                let (waker, canceller) = (waker.take(), canceller.take());
                *state = State::Cancelling { waker };
                canceller
            }
            // A second cancel while the first runs does not run it again (PROM-20).
            State::Cancelling { .. } => return true,
            _ => return false,
        };
        drop(state);
        let supplied = canceller.and_then(|canceller| {
            catch_unwind(AssertUnwindSafe(|| canceller(reason))).unwrap_or_else(|payload| {
                report_here(
                    "a promise's canceller panicked",
                    &Failure::panicked(payload.as_ref()),
                );
                None
            })
        });
        let outcome = supplied.unwrap_or_else(|| Err(Failure::cancelled(reason.to_owned())));
        // The canceller may have made the resolver settle first; then that stands.
        let _ = self.settle(outcome);
        true
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(&*lock(&self.0), State::Settled(_))
    }

    pub(super) fn is_abandoned(&self) -> bool {
        match &*lock(&self.0) {
            State::Gone | State::Settled(Ok(_)) => true,
            State::Settled(Err(failure)) => failure.is_cancelled(),
            _ => false,
        }
    }

    /// Its waiter is about to go, and does not mind what it failed with.
    pub(super) fn ignore_failure(&self) {
        let mut state = lock(&self.0);
        if matches!(&*state, State::Settled(Err(_))) {
            let old = std::mem::replace(&mut *state, State::Gone);
            // The failure is dropped without the lock: it may hold anything.
            drop(state);
            drop(old);
        }
    }

    /// Its waiter has gone. Gives back the promise it had adopted, to be abandoned
    /// next.
    pub(super) fn abandon(&self) -> Option<Arc<Self>> {
        // The lock is gone before anything of a user is dropped.
        let old = std::mem::replace(&mut *lock(&self.0), State::Gone);
        match old {
            State::Settled(Err(failure)) if !failure.is_cancelled() => {
                report_here("a promise failed and nobody took the failure", &failure);
                None
            }
            State::Forwarded(next) => Some(next),
            _ => None,
        }
    }
}

impl<T> Drop for Cell<T> {
    /// A chain of adopted promises is taken apart link by link: the drop of a
    /// field would recurse once per link.
    fn drop(&mut self) {
        let mut next = take_forward(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
        while let Some(cell) = next {
            next = Arc::into_inner(cell).and_then(|mut cell| {
                take_forward(cell.0.get_mut().unwrap_or_else(PoisonError::into_inner))
            });
        }
    }
}

fn take_forward<T>(state: &mut State<T>) -> Option<Arc<Cell<T>>> {
    if !matches!(state, State::Forwarded(_)) {
        return None;
    }
    match std::mem::replace(state, State::Gone) {
        State::Forwarded(next) => Some(next),
        _ => None,
    }
}
