//! What a `Deferred` and its `Resolver` share: one small state behind one lock.
//!
//! Every step below is one look under that lock, and nothing of a user runs while it is
//! held. What a call finds to do for others (a waker, a canceller, an outcome that came
//! too late) it does after it has let go. How cells are joined is [`adoption`](super::adoption)'s
//! matter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

use super::adoption::Rank;
use crate::promise::discard::{Guarded, caught, discard, wake};
use crate::promise::failure::Failure;
use crate::promise::report::report_here;
use crate::sync::primitive::{Arc, Mutex, lock};

pub(super) type Canceller<T> = Guarded<Box<dyn FnOnce(&str) -> Option<Result<T, Failure>> + Send>>;

pub(super) struct Cell<T> {
    pub(super) inside: Mutex<Inside<T>>,
    pub(super) rank: Rank,
}

pub(super) struct Inside<T> {
    pub(super) state: State<T>,
    /// A failure in it is nobody's loss: its waiter said so, or both ends just went.
    pub(super) quiet: bool,
}

pub(super) enum State<T> {
    Pending {
        waker: Option<Waker>,
        canceller: Option<Canceller<T>>,
    },
    /// `cancel` is running the canceller; the resolver may still come first.
    Cancelling {
        waker: Option<Waker>,
    },
    Settled(Result<T, Failure>),
    /// The outcome is that of another promise. It stays so until the waiter goes.
    Forwarded(Arc<Cell<T>>),
    /// The outcome was taken, or its waiter has gone.
    Gone,
}

/// An answer, or the cell to ask instead.
pub(super) enum Forward<T, R> {
    Here(R),
    To(Arc<Cell<T>>),
}

/// What a cell that is about to be settled leaves behind: code of a user, to be run or
/// dropped once the lock is gone.
pub(super) struct Left<T> {
    waker: Option<Waker>,
    canceller: Option<Canceller<T>>,
}

impl<T> Left<T> {
    pub(super) fn release(self) {
        if let Some(waker) = self.waker {
            wake(waker);
        }
        drop(self.canceller);
    }
}

impl<T> Inside<T> {
    /// Settles or forwards it, unless that was done before; then `new` comes back.
    pub(super) fn enter(&mut self, new: State<T>) -> Result<Left<T>, State<T>> {
        let left = match &mut self.state {
            State::Pending { waker, canceller } => Left {
                waker: waker.take(),
                canceller: canceller.take(),
            },
            State::Cancelling { waker } => Left {
                waker: waker.take(),
                canceller: None,
            },
            _ => return Err(new),
        };
        self.state = new;
        Ok(left)
    }
}

impl<T> Cell<T> {
    pub(super) fn new(canceller: Option<Canceller<T>>) -> Self {
        Self::of(State::Pending {
            waker: None,
            canceller,
        })
    }

    pub(super) fn settled(outcome: Result<T, Failure>) -> Self {
        Self::of(State::Settled(outcome))
    }

    fn of(state: State<T>) -> Self {
        Self {
            inside: Mutex::new(Inside {
                state,
                quiet: false,
            }),
            rank: Rank::none(),
        }
    }

    pub(super) fn poll(&self, by: &Waker) -> Forward<T, Poll<Result<T, Failure>>> {
        let mut inside = lock(&self.inside);
        match &mut inside.state {
            State::Pending { waker, .. } | State::Cancelling { waker } => {
                let old = match waker {
                    Some(known) if known.will_wake(by) => None,
                    waker => waker.replace(by.clone()),
                };
                // A waker may be the last to hold its task.
                drop(inside);
                discard(old);
                Forward::Here(Poll::Pending)
            }
            State::Forwarded(next) => Forward::To(next.clone()),
            State::Settled(_) | State::Gone => {
                match std::mem::replace(&mut inside.state, State::Gone) {
                    State::Settled(outcome) => Forward::Here(Poll::Ready(outcome)),
                    _ => Forward::Here(Poll::Ready(Err(Failure::broken()))),
                }
            }
        }
    }

    /// Gives the outcome back if it came too late.
    pub(super) fn settle(&self, outcome: Result<T, Failure>) -> Result<(), Result<T, Failure>> {
        let entered = lock(&self.inside).enter(State::Settled(outcome));
        match entered {
            Ok(left) => {
                left.release();
                Ok(())
            }
            Err(State::Settled(outcome)) => Err(outcome),
            Err(_) => Err(Err(Failure::broken())),
        }
    }

    /// The same with a failure that is nobody's loss if nobody takes it.
    pub(super) fn settle_quietly(&self, failure: Failure) {
        let mut inside = lock(&self.inside);
        if let Ok(left) = inside.enter(State::Settled(Err(failure))) {
            inside.quiet = true;
            drop(inside);
            left.release();
        }
    }

    /// The resolver has gone. A cancel that is under way settles the promise itself,
    /// also where its own canceller let the resolver go.
    ///
    /// If the waiter goes, too, without having looked, then both ends have gone and
    /// nobody lost anything. Were that told, it would depend on which of the two goes
    /// first, and in a struct that holds both that is the order of its fields.
    pub(super) fn break_promise(&self) {
        let is_pending = matches!(lock(&self.inside).state, State::Pending { .. });
        if is_pending {
            // Made without the lock: it may capture a backtrace.
            let broken = Failure::broken();
            let mut inside = lock(&self.inside);
            if matches!(inside.state, State::Pending { .. })
                && let Ok(left) = inside.enter(State::Settled(Err(broken)))
            {
                inside.quiet = true;
                drop(inside);
                left.release();
            }
        }
    }

    /// Whether there was something to cancel; or, if the outcome will come from another
    /// promise, the one to be cancelled next. That may have been adopted while the
    /// canceller ran, by the canceller itself or by another thread; then `asked` says
    /// that the cancel had begun here.
    pub(super) fn cancel(&self, reason: &str, asked: &mut bool) -> Forward<T, bool> {
        let mut inside = lock(&self.inside);
        let canceller = match &mut inside.state {
            State::Pending { waker, canceller } => {
                let (waker, canceller) = (waker.take(), canceller.take());
                inside.state = State::Cancelling { waker };
                canceller
            }
            // A second cancel while the first runs does not run it again (PROM-20). The
            // first passes on to what is adopted meanwhile.
            State::Cancelling { .. } => return Forward::Here(true),
            State::Forwarded(next) => return Forward::To(next.clone()),
            State::Settled(_) | State::Gone => return Forward::Here(false),
        };
        drop(inside);
        *asked = true;
        let supplied = canceller.and_then(|canceller| {
            catch_unwind(AssertUnwindSafe(|| canceller.into_inner()(reason))).unwrap_or_else(
                |payload| {
                    report_here("a promise's canceller panicked", &caught(payload));
                    None
                },
            )
        });
        let outcome = supplied.unwrap_or_else(|| Err(Failure::cancelled(reason.to_owned())));
        let mut inside = lock(&self.inside);
        if let State::Forwarded(next) = &inside.state {
            let next = next.clone();
            drop(inside);
            discard(outcome);
            return Forward::To(next);
        }
        // If the resolver came first, what it settled with stands.
        let entered = inside.enter(State::Settled(outcome));
        drop(inside);
        match entered {
            Ok(left) => left.release(),
            Err(late) => discard(late),
        }
        Forward::Here(true)
    }

    pub(super) fn is_settled(&self) -> Forward<T, bool> {
        match &lock(&self.inside).state {
            State::Forwarded(next) => Forward::To(next.clone()),
            State::Settled(_) => Forward::Here(true),
            _ => Forward::Here(false),
        }
    }

    /// For the resolver, which has not settled it.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(lock(&self.inside).state, State::Gone | State::Settled(_))
    }

    /// Its waiter is about to go, and does not mind what it fails with, now or later.
    pub(super) fn ignore_failure(&self) -> Forward<T, ()> {
        let mut inside = lock(&self.inside);
        if let State::Forwarded(next) = &inside.state {
            return Forward::To(next.clone());
        }
        inside.quiet = true;
        Forward::Here(())
    }

    /// Its waiter has gone. Gives back the promise it had adopted, to be abandoned
    /// next.
    pub(super) fn abandon(&self) -> Option<Arc<Self>> {
        // The lock is gone before anything of a user is dropped.
        let (old, quiet) = {
            let mut inside = lock(&self.inside);
            let old = std::mem::replace(&mut inside.state, State::Gone);
            (old, inside.quiet)
        };
        match old {
            State::Settled(Err(failure)) if !quiet && !failure.is_cancelled() => {
                report_here("a promise failed and nobody took the failure", &failure);
                None
            }
            State::Settled(Ok(value)) => {
                discard(value);
                None
            }
            State::Forwarded(next) => Some(next),
            State::Pending { waker, .. } | State::Cancelling { waker } => {
                discard(waker);
                None
            }
            _ => None,
        }
    }
}
