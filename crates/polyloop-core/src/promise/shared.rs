//! [`Shared`]: one promise, many waiters.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use super::Promise;
use crate::promise::failure::Failure;
use crate::promise::report::report_here;
use crate::sync::primitive::atomic::{AtomicBool, Ordering};
use crate::sync::primitive::{Arc, Mutex, TryLockError, lock};

/// What [`Promise::shared`] returns. Each clone is a promise of its own with the
/// same outcome; any of them may cancel the work for all.
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct Shared<P: Promise> {
    inner: Arc<Inner<P>>,
    /// This clone's place among the waiters.
    place: Option<usize>,
}

struct Inner<P: Promise> {
    work: Mutex<Option<Pin<Box<P>>>>,
    waiters: Arc<Waiters>,
    outcome: Mutex<Settled<P::Value>>,
    /// A cancel that came while a waiter was polling the work.
    cancel: Mutex<Option<String>>,
    /// A waiter found the work locked. If it was not another waiter that polled it,
    /// whoever held it wakes the waiters.
    turned_away: AtomicBool,
}

impl<P: Promise> Inner<P> {
    /// Asks the work without polling it; `None` while a waiter polls it.
    fn ask(&self, f: impl FnOnce(&P) -> bool) -> Option<bool> {
        let work = match self.work.try_lock() {
            Ok(work) => work,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let answer = work.as_deref().is_some_and(f);
        drop(work);
        if self.turned_away.swap(false, Ordering::SeqCst) {
            Waker::from(self.waiters.clone()).wake();
        }
        Some(answer)
    }
}

struct Settled<T> {
    outcome: Option<Result<T, Failure>>,
    taken: bool,
}

#[derive(Default)]
struct Waiters(Mutex<Slab<Waker>>);

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        // One of them polls the work; the others look again when it is done. Who
        // that is can't be known here, since a waiter may be dropped at any time.
        let wakers: Vec<Waker> = lock(&self.0).iter().map(|(_, w)| w.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<P: Promise> Shared<P> {
    pub(super) fn new(promise: P) -> Self {
        Self {
            inner: Arc::new(Inner {
                work: Mutex::new(Some(Box::pin(promise))),
                waiters: Arc::default(),
                outcome: Mutex::new(Settled {
                    outcome: None,
                    taken: false,
                }),
                cancel: Mutex::new(None),
                turned_away: AtomicBool::new(false),
            }),
            place: None,
        }
    }
}

impl<P: Promise> Clone for Shared<P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            place: None,
        }
    }
}

impl<P: Promise> Shared<P>
where
    P::Value: Clone,
{
    fn outcome(&self) -> Option<Result<P::Value, Failure>> {
        let mut settled = lock(&self.inner.outcome);
        settled.taken |= settled.outcome.is_some();
        settled.outcome.clone()
    }

    fn wait(&mut self, waker: &Waker) {
        let mut waiters = lock(&self.inner.waiters.0);
        match self.place.and_then(|place| waiters.get_mut(place)) {
            Some(known) => known.clone_from(waker),
            None => self.place = Some(waiters.insert(waker.clone())),
        }
    }
}

impl<P: Promise> Future for Shared<P>
where
    P::Value: Clone + Send,
{
    type Output = Result<P::Value, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.outcome() {
            return Poll::Ready(outcome);
        }
        // Registered before the work is polled, so that no wake-up is missed.
        self.wait(cx.waker());
        let inner = self.inner.clone();
        let work = match inner.work.try_lock() {
            Err(TryLockError::WouldBlock) => {
                // Said before the second try: whoever lets go after it will see it.
                inner.turned_away.store(true, Ordering::SeqCst);
                inner.work.try_lock()
            }
            work => work,
        };
        let mut work = match work {
            Ok(work) => work,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another waiter polls it now, and the work will wake this one; or
            // somebody looks at it, and will.
            Err(TryLockError::WouldBlock) => return Poll::Pending,
        };
        if let Some(promise) = work.as_mut() {
            let waker = Waker::from(inner.waiters.clone());
            let mut polled = promise.as_mut().poll(&mut Context::from_waker(&waker));
            while polled.is_pending() {
                let Some(reason) = lock(&inner.cancel).take() else {
                    break;
                };
                promise.cancel(&reason);
                polled = promise.as_mut().poll(&mut Context::from_waker(&waker));
            }
            let Poll::Ready(outcome) = polled else {
                return Poll::Pending;
            };
            *work = None;
            lock(&inner.outcome).outcome = Some(outcome);
            drop(work);
            Waker::from(inner.waiters.clone()).wake();
        }
        match self.outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

impl<P: Promise> Promise for Shared<P>
where
    P::Value: Clone + Send,
{
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        if lock(&self.inner.outcome).outcome.is_some() {
            return false;
        }
        if let Some(answer) = self.inner.ask(|promise| promise.cancel(reason)) {
            answer
        } else {
            // A waiter is polling it, perhaps the very callback that cancels.
            *lock(&self.inner.cancel) = Some(reason.to_owned());
            Waker::from(self.inner.waiters.clone()).wake();
            true
        }
    }

    fn is_done(&self) -> bool {
        lock(&self.inner.outcome).outcome.is_some()
            || self.inner.ask(Promise::is_done) == Some(true)
    }

    /// Speaks for this clone alone: while there are others, the failure is theirs to
    /// take or to leave.
    fn ignore_failure(&self) {
        if Arc::strong_count(&self.inner) > 1 {
            return;
        }
        lock(&self.inner.outcome).taken = true;
        if let Ok(work) = self.inner.work.try_lock()
            && let Some(promise) = work.as_ref()
        {
            promise.ignore_failure();
        }
    }
}

impl<P: Promise> Drop for Shared<P> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            lock(&self.inner.waiters.0).try_remove(place);
        }
    }
}

impl<P: Promise> Drop for Inner<P> {
    fn drop(&mut self) {
        let settled = lock(&self.outcome);
        if let (Some(Err(failure)), false) = (&settled.outcome, settled.taken)
            && !failure.is_cancelled()
        {
            report_here(
                "a shared promise failed and nobody took the failure",
                failure,
            );
        }
    }
}

impl<P: Promise> std::fmt::Debug for Shared<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
