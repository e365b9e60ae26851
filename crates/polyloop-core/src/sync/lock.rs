//! [`Lock`]: one at a time, in turn.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};

use super::line::{Grant, Line};
use crate::promise::Promise;
use crate::sync::primitive::Arc;

/// A value that one task at a time may use: Twisted's `DeferredLock`, asyncio's
/// `Lock`.
///
/// It is granted in the order it was asked for (SYNC-01), and a release hands it
/// straight over: while somebody waits it never reads as free (SYNC-02). Only a
/// guard releases it, once, by being dropped (SYNC-03). A panic under the lock
/// releases it too, and leaves the value as it then was.
///
/// ```
/// use polyloop_core::{Failure, sync::Lock};
///
/// async fn withdraw(account: &Lock<u32>, amount: u32) -> Result<u32, Failure> {
///     let mut balance = account.lock().await?;
///     *balance = balance.checked_sub(amount).ok_or("the account has not that much")?;
///     Ok(*balance)
/// }
/// ```
///
/// Releasing twice does not compile:
///
/// ```compile_fail,E0382
/// # use polyloop_core::sync::Lock;
/// let lock = Lock::new(());
/// let guard = lock.try_lock().unwrap();
/// drop(guard);
/// drop(guard);
/// ```
pub struct Lock<T: Send> {
    // Boxed so that handing over moves a pointer, however large the value.
    line: Arc<Line<Box<T>>>,
}

impl<T: Send> Lock<T> {
    /// A lock that is free.
    pub fn new(value: T) -> Self {
        Self {
            line: Line::new(VecDeque::from([Box::new(value)])),
        }
    }

    /// Asks for the lock. The place in the line is taken by this call; dropping
    /// or cancelling the promise gives it up, and the lock itself if it was already
    /// granted (SYNC-04, SYNC-05).
    pub fn lock(&self) -> impl Promise<Value = LockGuard<T>> + Unpin + use<T> {
        self.line.take().then(|grant| Ok(LockGuard { grant }))
    }

    /// The lock if it is free, which it is only while nobody waits.
    pub fn try_lock(&self) -> Option<LockGuard<T>> {
        let grant = self.line.try_take()?;
        Some(LockGuard { grant })
    }

    /// Whether somebody holds it.
    pub fn is_locked(&self) -> bool {
        self.line.stored() == 0
    }

    /// Runs `work` under the lock, and holds it until the work is done, failed or
    /// dropped (SYNC-06).
    ///
    /// ```
    /// # use polyloop_core::sync::Lock;
    /// # async fn example(log: Lock<Vec<u32>>) {
    /// let length = log
    ///     .run(async |entries| {
    ///         entries.push(1);
    ///         entries.len()
    ///     })
    ///     .await;
    /// # }
    /// ```
    pub async fn run<F, R>(&self, work: F) -> R
    where
        F: AsyncFnOnce(&mut T) -> R,
    {
        let mut guard = self.lock().await.unwrap_or_else(|failure| {
            // `self` keeps the line, so nobody can break the promise or cancel it.
            unreachable!("a lock that is alive was not granted: {failure}")
        });
        work(&mut guard).await
    }
}

impl<T: Send> Clone for Lock<T> {
    fn clone(&self) -> Self {
        Self {
            line: self.line.clone(),
        }
    }
}

impl<T: Send + Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// The value of a [`Lock`], for as long as this is kept.
#[must_use = "dropping the guard releases the lock at once"]
pub struct LockGuard<T: Send> {
    grant: Grant<Box<T>>,
}

impl<T: Send> LockGuard<T> {
    /// The lock that it holds.
    pub fn lock(guard: &Self) -> Lock<T> {
        Lock {
            line: guard.grant.line().clone(),
        }
    }
}

impl<T: Send> Deref for LockGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.grant.get()
    }
}

impl<T: Send> DerefMut for LockGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.grant.get_mut()
    }
}

impl<T: Send + fmt::Debug> fmt::Debug for LockGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockGuard").field(&**self).finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_release_hands_over_without_a_gap() {
        let lock = Lock::new(1);
        let held = lock.try_lock().unwrap();
        let (first, second) = (lock.lock(), lock.lock());
        drop(held);
        assert!(lock.is_locked());
        assert!(lock.try_lock().is_none());
        assert!(!second.is_done());
        drop(first.now_or_never().unwrap());
        assert!(second.is_done());
        drop(second);
        assert!(!lock.is_locked());
    }

    #[test]
    fn a_panic_under_the_lock_releases_it() {
        let lock = Lock::new(1);
        let under = std::panic::AssertUnwindSafe(lock.run(async |_| panic!("on purpose")));
        assert!(under.catch_unwind().now_or_never().unwrap().is_err());
        assert!(!lock.is_locked());
    }

    #[test]
    fn the_helper_may_be_spawned() {
        fn spawnable<F: Future + Send + 'static>(future: F) -> F::Output {
            future.now_or_never().unwrap()
        }
        let lock = Lock::new(vec![1]);
        let handle = lock.clone();
        let sum = spawnable(async move {
            handle
                .run(async |values: &mut Vec<u32>| {
                    values.push(2);
                    std::future::ready(()).await;
                    values.iter().sum::<u32>()
                })
                .await
        });
        assert_eq!((sum, lock.try_lock().unwrap().len()), (3, 2));
    }

    #[test]
    fn a_guard_alone_keeps_the_lock_for_those_who_wait() {
        let lock = Lock::new(1);
        let held = lock.try_lock().unwrap();
        let waiting = lock.lock();
        drop(lock);
        assert!(!waiting.is_done());
        drop(held);
        assert_eq!(*waiting.now_or_never().unwrap().unwrap(), 1);
    }
}
