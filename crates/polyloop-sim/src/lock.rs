//! One way to take a [`Mutex`]: poison is ignored.
//!
//! No code of a user runs under a lock of the simulation's, so a panic can't leave
//! what it guards half changed.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
