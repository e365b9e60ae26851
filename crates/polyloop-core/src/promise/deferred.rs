//! [`Deferred`] and its [`Resolver`]: a promise that any code settles by hand, from
//! any thread.
//!
//! The two share one allocation. Settling moves the value into it and wakes the
//! waiter; no callback ever runs inside `resolve` or `reject` (PROM-02).

mod adoption;
mod cell;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use adoption::Refused;
use cell::{Cell, Forward};

use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::promise::{Promise, budget};
use crate::sync::primitive::Arc;

/// A promise settled through its [`Resolver`]: Twisted's `Deferred`, asyncio's
/// `Future`.
///
/// Awaiting it takes the outcome. A failure that nobody has taken when the
/// `Deferred` is dropped goes to the error hook, exactly once (PROM-32); a
/// cancelled one does not (PROM-23), and neither does the lack of an outcome: when both
/// ends are dropped, as the fields of one struct are, nobody lost anything, in whatever
/// order they go (PROM-44).
///
/// ```
/// use polyloop_core::{Deferred, Promise};
///
/// # fn block_on<F: std::future::Future>(f: F) -> F::Output {
/// #     let mut f = std::pin::pin!(f);
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop { if let std::task::Poll::Ready(v) = f.as_mut().poll(&mut cx) { return v } }
/// # }
/// let (resolver, square) = Deferred::new();
/// let text = square.then(|n: u32| Ok(n * n)).then(|n| Ok(format!("{n}")));
/// std::thread::spawn(move || resolver.resolve(4));
/// assert_eq!(block_on(text).unwrap(), "16");
/// ```
#[must_use = "nobody learns its outcome unless it is awaited or chained"]
pub struct Deferred<T> {
    /// Empty once the outcome was taken.
    cell: Option<Arc<Cell<T>>>,
}

/// Settles one [`Deferred`], once by construction. Dropping it instead fails the
/// promise with [`Broken`](crate::FailureKind::Broken).
#[must_use = "dropping a resolver fails its promise with Broken"]
pub struct Resolver<T> {
    cell: Option<Arc<Cell<T>>>,
}

impl<T: Send> Deferred<T> {
    /// A pending promise and what settles it.
    pub fn new() -> (Resolver<T>, Self) {
        Self::with_cell(Cell::new(None))
    }

    /// The same with a canceller: what stops the work when the promise is
    /// cancelled. It runs once, inside [`cancel`](Promise::cancel), is given the
    /// reason, and may supply the outcome itself (PROM-17); with `None` the promise
    /// is cancelled. If it panics, the promise is cancelled and the panic reported
    /// (PROM-24).
    pub fn with_canceller<C>(canceller: C) -> (Resolver<T>, Self)
    where
        C: FnOnce(&str) -> Option<Result<T, Failure>> + Send + 'static,
    {
        Self::with_cell(Cell::new(Some(Guarded::new(Box::new(canceller)))))
    }

    /// A promise that is resolved already.
    pub fn resolved(value: T) -> Self {
        Self {
            cell: Some(Arc::new(Cell::settled(Ok(value)))),
        }
    }

    /// A promise that has failed already.
    #[track_caller]
    pub fn failed(failure: impl Into<Failure>) -> Self {
        Self {
            cell: Some(Arc::new(Cell::settled(Err(failure.into())))),
        }
    }

    fn with_cell(cell: Cell<T>) -> (Resolver<T>, Self) {
        let cell = Arc::new(cell);
        let resolver = Resolver {
            cell: Some(cell.clone()),
        };
        (resolver, Self { cell: Some(cell) })
    }
}

impl<T: Send> Future for Deferred<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let Some(cell) = &self.cell else {
                return Poll::Ready(Err(Failure::message(
                    "a deferred was polled again after it had given its outcome",
                )));
            };
            if budget::is_spent(cx.waker()) {
                return Poll::Pending;
            }
            match cell.poll(cx.waker()) {
                Forward::Here(Poll::Pending) => return Poll::Pending,
                Forward::Here(Poll::Ready(outcome)) => {
                    budget::spend();
                    self.cell = None;
                    return Poll::Ready(outcome);
                }
                // From now on this promise is the adopted one.
                Forward::To(next) => self.cell = Some(next),
            }
        }
    }
}

impl<T: Send> Promise for Deferred<T> {
    type Value = T;

    fn cancel(&self, reason: &str) -> bool {
        let mut asked = false;
        let answer = self
            .cell
            .as_ref()
            .is_some_and(|cell| cell.ask(|cell| cell.cancel(reason, &mut asked)));
        answer || asked
    }

    fn is_done(&self) -> bool {
        self.cell
            .as_ref()
            .is_some_and(|cell| cell.ask(Cell::is_settled))
    }

    fn ignore_failure(&self) {
        if let Some(cell) = &self.cell {
            cell.ask(Cell::ignore_failure);
        }
    }
}

impl<T> Drop for Deferred<T> {
    fn drop(&mut self) {
        let mut next = self.cell.take();
        while let Some(cell) = next {
            next = cell.abandon();
        }
    }
}

impl<T: Send> Resolver<T> {
    /// Settles the promise with a value. Gives the value back if nobody waits for
    /// it any more: the promise was cancelled or dropped (PROM-16).
    pub fn resolve(mut self, value: T) -> Result<(), T> {
        match self.cell.take() {
            Some(cell) => cell.settle(Ok(value)).map_err(|outcome| match outcome {
                Ok(value) => value,
                Err(_) => unreachable!("a resolved outcome comes back as one"),
            }),
            None => Err(value),
        }
    }

    /// Fails the promise. Gives the failure back if nobody waits for it any more.
    #[track_caller]
    pub fn reject(mut self, failure: impl Into<Failure>) -> Result<(), Failure> {
        let failure = failure.into();
        match self.cell.take() {
            Some(cell) => match cell.settle(Err(failure.clone())) {
                Ok(()) => Ok(()),
                Err(_) => Err(failure),
            },
            None => Err(failure),
        }
    }

    /// Fails the promise with something that is nobody's loss if nobody takes it: the end
    /// of what it waited for.
    pub(crate) fn dismiss(mut self, failure: Failure) {
        if let Some(cell) = self.cell.take() {
            cell.settle_quietly(failure);
        }
    }

    /// Settles the promise with whatever `inner` will be settled with (PROM-10),
    /// and passes a cancel on to it (PROM-21), also one that comes while this is called,
    /// or whose canceller calls this (PROM-43). However long a chain of adopted
    /// promises gets, it settles and drops without recursion, and the next promise is
    /// adopted at the same cost (PROM-12).
    ///
    /// If nobody waits any more, `inner` is cancelled and given back. A promise
    /// that would wait for itself, alone or through others, is given back as well, and has
    /// failed: nobody else holds it, and dropping it reports that (PROM-13). An `inner` that
    /// had given its outcome before fails the promise.
    pub fn adopt(mut self, mut inner: Deferred<T>) -> Result<(), Deferred<T>> {
        let Some(cell) = self.cell.take() else {
            return Err(inner);
        };
        let Some(target) = inner.cell.take() else {
            let _ = cell.settle(Err(Failure::message(
                "the promise that was adopted had given its outcome before",
            )));
            return Ok(());
        };
        match cell.adopt(target) {
            Ok(()) => Ok(()),
            Err(Refused::Ring(own)) => {
                let _ = own.settle(Err(Failure::message(
                    "a promise was resolved with itself and would never settle",
                )));
                inner.cell = Some(own);
                Err(inner)
            }
            Err(Refused::TooLate(target)) => {
                inner.cell = Some(target);
                inner.cancel("the promise that adopted it has no waiter any more");
                Err(inner)
            }
        }
    }

    /// Whether the promise was cancelled or dropped, so that the work may stop.
    pub fn is_abandoned(&self) -> bool {
        self.cell.as_ref().is_none_or(|cell| cell.is_abandoned())
    }
}

impl<T> Drop for Resolver<T> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            cell.break_promise();
        }
    }
}

impl<T> std::fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for Resolver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}
