//! [`Events`]: what a protocol has understood, where its test can look.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a protocol puts down what it has understood, since it is gone itself once its
/// connection is lost. Clones are the same.
///
/// ```
/// use polyloop_testing::Events;
///
/// let events = Events::new();
/// let protocols_own = events.clone();
/// protocols_own.push("hello");
/// assert_eq!(events.take(), ["hello"]);
/// assert!(events.take().is_empty());
/// ```
pub struct Events<E>(Arc<Mutex<Vec<E>>>);

impl<E> Events<E> {
    /// None so far.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    /// Puts an event down.
    pub fn push(&self, event: E) {
        self.lock().push(event);
    }

    /// Takes all that there are, in order.
    pub fn take(&self) -> Vec<E> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Clone for Events<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: fmt::Debug> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().iter()).finish()
    }
}
