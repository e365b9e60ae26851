//! Adoption: one promise takes its outcome from another, and that from another still.
//!
//! The cells form chains that end in the one cell that will have the outcome. Three rules
//! keep them right under every interleaving:
//!
//! - A link is made with both cells locked, from a cell without a link to another without
//!   one. So there is never a ring: whoever would close it finds itself at the end of its
//!   own chain, and is told.
//! - A link is never taken back while the chain has a waiter. Whatever is asked of a
//!   promise goes from cell to cell, and goes on where it finds that one was linked
//!   meanwhile: no cancel falls between two links.
//! - Whoever walks a chain shortens it. So a promise at the head of a long one costs no
//!   more, however often it is asked or adopted (PROM-12).

use super::cell::{Cell, Forward, Inside, State};
use crate::sync::primitive::process::{AtomicU64, Ordering};
use crate::sync::primitive::{Arc, MutexGuard, PoisonError, lock};

/// Why nothing was adopted, with the promise that should have been.
pub(super) enum Refused<T> {
    /// It waits for the one that should adopt it.
    Ring(Arc<Cell<T>>),
    /// Nobody waits any more.
    TooLate(Arc<Cell<T>>),
}

impl<T> Cell<T> {
    /// Lets this cell's outcome be that of `other`.
    pub(super) fn adopt(&self, other: Arc<Self>) -> Result<(), Refused<T>> {
        let mut target = other;
        loop {
            // Straight to the cell that will have the outcome, so that chains of chains
            // stay short however they are put together.
            target = target.end();
            if std::ptr::eq(self, Arc::as_ptr(&target)) {
                return Err(Refused::Ring(target));
            }
            let (mut own, mut theirs) = lock_both(self, &target);
            if matches!(theirs.state, State::Forwarded(_)) {
                // It adopted one itself, a moment ago.
                continue;
            }
            let entered = own.enter(State::Forwarded(target.clone()));
            if entered.is_ok() {
                theirs.quiet |= own.quiet;
            }
            drop((own, theirs));
            return match entered {
                Ok(left) => {
                    left.release();
                    Ok(())
                }
                Err(_) => Err(Refused::TooLate(target)),
            };
        }
    }

    /// Follows the links to the cell that has none, without recursion however many
    /// there are. Every second one on the way is made to lead two cells further.
    pub(super) fn end(self: &Arc<Self>) -> Arc<Self> {
        let mut at = self.clone();
        while let Some(next) = at.link() {
            let Some(over) = next.link() else {
                return next;
            };
            at.lead_to(over.clone());
            at = over;
        }
        at
    }

    /// Asks the cell that will have the outcome, wherever that is by now.
    pub(super) fn ask<R>(self: &Arc<Self>, mut question: impl FnMut(&Self) -> Forward<T, R>) -> R {
        let mut at = self.end();
        loop {
            match question(&at) {
                Forward::Here(answer) => return answer,
                Forward::To(next) => at = next.end(),
            }
        }
    }

    fn link(&self) -> Option<Arc<Self>> {
        #[cfg(test)]
        steps::count();
        match &lock(&self.inside).state {
            State::Forwarded(next) => Some(next.clone()),
            _ => None,
        }
    }

    fn lead_to(&self, further: Arc<Self>) {
        let mut inside = lock(&self.inside);
        let old = match &mut inside.state {
            State::Forwarded(next) => std::mem::replace(next, further),
            _ => further,
        };
        // It may be the last to hold that cell.
        drop(inside);
        drop(old);
    }
}

/// In the order of their ranks, so that two who want the same two never wait for each other.
fn lock_both<'a, T>(
    one: &'a Cell<T>,
    other: &'a Cell<T>,
) -> (MutexGuard<'a, Inside<T>>, MutexGuard<'a, Inside<T>>) {
    if one.rank.get() < other.rank.get() {
        let first = lock(&one.inside);
        (first, lock(&other.inside))
    } else {
        let first = lock(&other.inside);
        (lock(&one.inside), first)
    }
}

/// When a cell first took part in an adoption. An address would do as well, were it the same
/// in each run: a model that is run again has to find the same order.
pub(super) struct Rank(AtomicU64);

impl Rank {
    pub(super) const fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    fn get(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let known = self.0.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        // Another thread may rank it at the same time; the first number stands.
        let ranked = self
            .0
            .compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed);
        ranked.map_or_else(|known| known, |_| new)
    }
}

impl<T> Drop for Cell<T> {
    /// A chain is taken apart link by link: the drop of a field would recurse once per
    /// link.
    fn drop(&mut self) {
        let mut next = take_link(self);
        while let Some(cell) = next {
            next = Arc::into_inner(cell).and_then(|mut cell| take_link(&mut cell));
        }
    }
}

fn take_link<T>(cell: &mut Cell<T>) -> Option<Arc<Cell<T>>> {
    let inside = cell
        .inside
        .get_mut()
        .unwrap_or_else(PoisonError::into_inner);
    if !matches!(inside.state, State::Forwarded(_)) {
        return None;
    }
    match std::mem::replace(&mut inside.state, State::Gone) {
        State::Forwarded(next) => Some(next),
        _ => None,
    }
}

/// How many cells were looked at, on this thread.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local! {
        static TAKEN: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        TAKEN.set(TAKEN.get() + 1);
    }

    pub(in super::super) fn taken() -> usize {
        TAKEN.get()
    }
}

#[cfg(test)]
mod tests {
    use super::steps;
    use crate::promise::Promise;
    use crate::promise::deferred::Deferred;

    const LENGTH: usize = 20_000;

    /// Asked after each link, a chain that grows at its far end costs a few steps a time,
    /// and not its length.
    #[test]
    fn the_head_of_a_growing_chain_is_asked_at_a_steady_cost() {
        let (mut resolver, head) = Deferred::<u32>::new();
        let before = steps::taken();
        for _ in 0..LENGTH {
            let (next, inner) = Deferred::new();
            assert!(resolver.adopt(inner).is_ok());
            resolver = next;
            assert!(!head.is_done());
        }
        let steps = steps::taken() - before;
        assert!(steps < 10 * LENGTH, "{steps} steps for {LENGTH} links");
        assert!(head.cancel("enough"));
        assert!(resolver.is_abandoned());
    }

    /// A long chain, adopted at its head again and again, is walked through once.
    #[test]
    fn the_head_of_a_long_chain_is_adopted_at_a_steady_cost() {
        let (mut resolver, mut head) = Deferred::<u32>::new();
        for _ in 0..LENGTH {
            let (next, inner) = Deferred::new();
            assert!(resolver.adopt(inner).is_ok());
            resolver = next;
        }
        let before = steps::taken();
        for _ in 0..LENGTH {
            let (outer, promise) = Deferred::new();
            assert!(outer.adopt(head).is_ok());
            head = promise;
        }
        let steps = steps::taken() - before;
        assert!(steps < 10 * LENGTH, "{steps} steps for {LENGTH} adoptions");
        assert!(resolver.resolve(7).is_ok());
        assert!(head.is_done());
    }
}
