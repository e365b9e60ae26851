//! One way to take a [`Mutex`]: poison is ignored.
//!
//! No callback of a user runs under a lock of core's (a shared factory's own
//! excepted), so a panic can't leave
//! what it guards half changed, and poison would only spread a panic that has
//! already been reported.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
