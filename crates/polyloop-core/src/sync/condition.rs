//! [`Condition`]: a value under a lock has changed.

use std::fmt;

use crate::sync::primitive::Arc;

use super::line::{Count, Line};
use super::lock::{Lock, LockGuard};

/// Waits, without holding a lock, until whoever changed what is under it says so:
/// asyncio's `Condition`.
///
/// [`wait`](Self::wait) takes the guard and gives one back, so nobody leaves it
/// without holding the lock; whoever is cancelled in it holds neither (SYNC-11).
///
/// ```
/// use polyloop_core::{Failure, sync::{Condition, Lock}};
///
/// /// Takes a job as soon as there is one.
/// async fn next_job(jobs: &Lock<Vec<u32>>, added: &Condition) -> Result<u32, Failure> {
///     let jobs = jobs.lock().await?;
///     let mut jobs = added.wait_while(jobs, |jobs| jobs.is_empty()).await;
///     Ok(jobs.remove(0))
/// }
///
/// async fn add_job(jobs: &Lock<Vec<u32>>, added: &Condition, job: u32) -> Result<(), Failure> {
///     jobs.lock().await?.push(job);
///     added.notify_one();
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Condition {
    line: Arc<Line<(), Count>>,
}

impl Condition {
    /// A condition that nobody waits for.
    pub fn new() -> Self {
        Self {
            line: Line::new(Count(0)),
        }
    }

    /// Gives up the lock, waits to be notified, and takes the lock again, in turn
    /// with others who want it.
    ///
    /// Cancel safe: a waiter that is dropped after it was notified passes that on to
    /// the next one. That one may then find nothing changed, so look again, as
    /// [`wait_while`](Self::wait_while) does.
    pub async fn wait<T: Send>(&self, guard: LockGuard<T>) -> LockGuard<T> {
        // A notice that was passed on when nobody waited is not for later ones.
        while let Some(stale) = self.line.try_take() {
            stale.keep();
        }
        let notice = self.line.take();
        let held: Lock<T> = LockGuard::lock(&guard);
        // Only now, so that no change made under the lock goes unnoticed.
        drop(guard);
        let notice = notice.await.ok();
        let guard = held.lock().await.unwrap_or_else(|failure| {
            // `held` keeps the line, so nobody can break the promise or cancel it.
            unreachable!("a lock that is alive was not granted: {failure}")
        });
        if let Some(notice) = notice {
            notice.keep();
        }
        guard
    }

    /// Waits for as long as `unmet` holds.
    pub async fn wait_while<T, F>(&self, mut guard: LockGuard<T>, mut unmet: F) -> LockGuard<T>
    where
        T: Send,
        F: FnMut(&mut T) -> bool,
    {
        while unmet(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Wakes whoever waits longest; nobody if nobody waits. Hold the lock, or have
    /// held it to make the change.
    pub fn notify_one(&self) {
        self.line.hand(());
    }

    /// Wakes all who wait now.
    pub fn notify_all(&self) {
        for _ in 0..self.line.waiting() {
            self.line.hand(());
        }
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("waiting", &self.line.waiting())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_waiter_comes_back_with_the_lock_once_it_is_free() {
        let (lock, condition) = (Lock::new(0), Condition::new());
        let mut waiting = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!((&mut waiting).now_or_never().is_none());
        let mut held = lock.try_lock().unwrap();
        *held = 5;
        condition.notify_one();
        assert!((&mut waiting).now_or_never().is_none(), "the lock is taken");
        drop(held);
        let guard = waiting.now_or_never().unwrap();
        assert!(lock.is_locked());
        assert_eq!(*guard, 5);
    }

    #[test]
    fn a_notified_waiter_that_leaves_passes_it_on_to_those_who_wait_and_no_others() {
        let (lock, condition) = (Lock::new(()), Condition::new());
        let mut first = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!((&mut second).now_or_never().is_none());
        condition.notify_one();
        drop(first);
        drop(second.now_or_never().unwrap());

        let mut third = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!((&mut third).now_or_never().is_none());
        condition.notify_one();
        drop(third);
        let mut late = Box::pin(condition.wait(lock.try_lock().unwrap()));
        assert!((&mut late).now_or_never().is_none());
    }

    #[test]
    fn all_wake_in_turn() {
        let (lock, condition) = (Lock::new(0), Condition::new());
        let mut waiting: Vec<_> = (0..3)
            .map(|_| {
                let mut one = Box::pin(condition.wait(lock.try_lock().unwrap()));
                assert!((&mut one).now_or_never().is_none());
                one
            })
            .collect();
        condition.notify_all();
        for one in &mut waiting {
            *one.now_or_never().unwrap() += 1;
        }
        assert_eq!(*lock.try_lock().unwrap(), 3);
    }
}
