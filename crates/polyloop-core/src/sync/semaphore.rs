//! [`Semaphore`]: so many at a time, in turn.

use std::fmt;

use thiserror::Error;

use super::line::{Count, Grant, Line};
use crate::promise::Promise;
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};

/// Some permits, for limiting how many do something at once: Twisted's
/// `DeferredSemaphore`, asyncio's `BoundedSemaphore`.
///
/// Permits are granted in the order they were asked for, and a newcomer never
/// overtakes one who waits (SYNC-09). There are never more than were given to it:
/// a [`Permit`] comes back once, and [`release`](Self::release) takes back only one
/// that was [forgotten](Permit::forget) (SYNC-08).
///
/// ```
/// use polyloop_core::{Failure, sync::Semaphore};
///
/// async fn fetch(at_once: Semaphore, page: u32) -> Result<(), Failure> {
///     let _permit = at_once.acquire().await?; // back when this function ends
///     println!("fetching {page}");
///     Ok(())
/// }
/// # let _ = fetch(Semaphore::new(8), 1);
/// ```
#[derive(Clone)]
pub struct Semaphore {
    line: Arc<Line<(), Count>>,
    forgotten: Arc<AtomicUsize>,
}

impl Semaphore {
    /// A semaphore with so many permits. With none it is a gate that
    /// [`add_permits`](Self::add_permits) opens (SYNC-07). Any number costs the same, up to
    /// [`usize::MAX`], which limits nothing (SYNC-17).
    pub fn new(permits: usize) -> Self {
        Self {
            line: Line::new(Count(permits)),
            forgotten: Arc::default(),
        }
    }

    /// Asks for a permit. The place in the line is taken by this call; dropping or
    /// cancelling the promise gives it up, and the permit itself if it was already
    /// granted (SYNC-04, SYNC-05).
    pub fn acquire(&self) -> impl Promise<Value = Permit> + Unpin + use<> {
        let forgotten = self.forgotten.clone();
        self.line
            .take()
            .then(move |grant| Ok(Permit { grant, forgotten }))
    }

    /// A permit if one is free, which is so only while nobody waits.
    pub fn try_acquire(&self) -> Option<Permit> {
        let grant = self.line.try_take()?;
        Some(Permit {
            grant,
            forgotten: self.forgotten.clone(),
        })
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.line.stored()
    }

    /// How many wait for one.
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }

    /// Makes more permits, for those who wait and for later (SYNC-17). More than
    /// [`usize::MAX`] in all are as good as that many.
    pub fn add_permits(&self, permits: usize) {
        self.line.give_many(permits);
    }

    /// Gives back a permit that was [forgotten](Permit::forget): for one that is
    /// taken in one place and released in another. Refused if there is none.
    pub fn release(&self) -> Result<(), NotAcquired> {
        self.forgotten
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1))
            .map_err(|_| NotAcquired)?;
        self.line.give(());
        Ok(())
    }

    /// Runs `work` with a permit, and holds it until the work is done, failed or
    /// dropped (SYNC-06).
    pub async fn run<F, R>(&self, work: F) -> R
    where
        F: AsyncFnOnce() -> R,
    {
        let _permit = self.acquire().await.unwrap_or_else(|failure| {
            // `self` keeps the line, so nobody can break the promise or cancel it.
            unreachable!("a semaphore that is alive was not granted: {failure}")
        });
        work().await
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// One permit of a [`Semaphore`], given back when dropped.
#[must_use = "dropping the permit gives it back at once"]
pub struct Permit {
    grant: Grant<(), Count>,
    forgotten: Arc<AtomicUsize>,
}

impl Permit {
    /// Keeps the permit taken without the guard; [`Semaphore::release`] gives it
    /// back.
    pub fn forget(self) {
        self.grant.keep();
        self.forgotten.fetch_add(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// [`Semaphore::release`] without a permit to give back.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "every permit of the semaphore is free or held by a guard, so there is none to release; use `add_permits` to make more"
)]
#[non_exhaustive]
pub struct NotAcquired;

impl From<NotAcquired> for Failure {
    #[track_caller]
    fn from(error: NotAcquired) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_release_needs_a_forgotten_permit() {
        let semaphore = Semaphore::new(2);
        assert_eq!(semaphore.release(), Err(NotAcquired));
        semaphore.try_acquire().unwrap().forget();
        assert_eq!(semaphore.available(), 1);
        assert_eq!(semaphore.release(), Ok(()));
        assert_eq!(semaphore.release(), Err(NotAcquired));
        assert_eq!(semaphore.available(), 2);
    }

    #[test]
    fn a_gate_opens_for_those_who_wait() {
        let gate = Semaphore::new(0);
        let (first, second) = (gate.acquire(), gate.acquire());
        gate.add_permits(1);
        assert!(gate.try_acquire().is_none());
        assert!(first.is_done() && !second.is_done());
        drop(first);
        assert!(second.now_or_never().is_some());
    }
}
