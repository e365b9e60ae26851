//! What a model checker has in place of std's.

#[cfg(shuttle)]
mod local;

#[cfg(shuttle)]
pub(crate) use local::{LocalKey, thread_local};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};
// Only the table of tasks runs under loom, which uses neither.
#[cfg(loom)]
pub(crate) use std::{thread, thread_local};

/// std's, which no checker has, with a choice of who goes on before each look at it.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    /// An access to it is what a checker stops at.
    touched: atomic::AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            value: std::sync::OnceLock::new(),
            touched: atomic::AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.touched.load(atomic::Ordering::SeqCst);
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.touched.store(true, atomic::Ordering::SeqCst);
        self.value.set(value)
    }
}
