//! What core takes of `std::sync` and `std::thread`, in one place: the ground floor,
//! which every room stands on.
//!
//! Nothing else in core names those modules, so that a model checker puts its own in
//! their place: in core's own tests, with `--cfg shuttle` or `--cfg loom`. In every other
//! build these are std's and nothing more.
//!
//! What outlives a run of a model, such as the list of the process's loops, is taken from
//! [`process`], which is std's always.

#[cfg(all(test, shuttle))]
pub(crate) mod exploring;
#[cfg(all(test, any(shuttle, loom)))]
mod swapped;

pub(crate) use std::sync::{Arc, PoisonError, Weak};

#[cfg(not(all(test, any(shuttle, loom))))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, OnceLock, atomic},
    thread, thread_local,
};
#[cfg(all(test, shuttle))]
pub(crate) use swapped::LocalKey;
#[cfg(all(test, any(shuttle, loom)))]
pub(crate) use swapped::{Mutex, MutexGuard, OnceLock, atomic, thread, thread_local};

/// For statics: a model checker forgets what it made when a run ends.
pub(crate) mod process {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock};
    pub(crate) use std::{thread, thread_local};
}

/// The one way to take a [`Mutex`]: poison is ignored.
///
/// No callback of a user runs under a lock of core's (a shared factory's own excepted), so
/// a panic can't leave what it guards half changed, and poison would only spread a panic
/// that has already been reported.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
