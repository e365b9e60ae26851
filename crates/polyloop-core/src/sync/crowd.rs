//! [`Crowd`]: those who wait for one thing and are all told at once.

use crate::promise::deferred::{Deferred, Resolver};

#[derive(Default)]
pub(super) struct Crowd {
    waiters: Vec<Resolver<()>>,
    /// How large it may get before those who left are taken out.
    tidy_at: usize,
}

impl Crowd {
    /// Joins it. What is to be dropped without the caller's lock comes along.
    pub(super) fn join(&mut self) -> (Deferred<()>, Vec<Resolver<()>>) {
        let mut left = Vec::new();
        if self.waiters.len() >= self.tidy_at {
            (left, self.waiters) = std::mem::take(&mut self.waiters)
                .into_iter()
                .partition(Resolver::is_abandoned);
            self.tidy_at = 16.max(2 * self.waiters.len());
        }
        let (resolver, promise) = Deferred::new();
        self.waiters.push(resolver);
        (promise, left)
    }

    /// Takes everybody out, to be [told](Told::tell) without the caller's lock.
    pub(super) fn leave(&mut self) -> Told {
        Told(std::mem::take(&mut self.waiters))
    }
}

#[must_use]
pub(super) struct Told(Vec<Resolver<()>>);

impl Told {
    pub(super) fn tell(self) {
        for waiter in self.0 {
            // One that no longer waits is passed over.
            let _ = waiter.resolve(());
        }
    }
}
