//! [`Crowd`]: those who wait for one thing and are told together.
//!
//! A promise says nothing when its waiter goes, so those who left have to be looked for,
//! or they pile up. Looking at each new one would make many waiters cost the square of
//! their number. So it is done when the list is full, and leaves it no more than half full:
//! whoever joins costs a steady number of looks.

use super::deferred::{Deferred, Resolver};

/// Somebody who waits, and may stop.
pub(crate) trait Waits {
    /// It waits no longer.
    fn has_left(&self) -> bool;
}

impl<T: Send> Waits for Resolver<T> {
    fn has_left(&self) -> bool {
        self.is_abandoned()
    }
}

pub(crate) struct Crowd<W>(Vec<W>);

/// The least room that a crowd with somebody in it has.
const ROOM: usize = 4;

impl<W: Waits> Crowd<W> {
    /// Joins it. Gives back those who left, to be dropped without the caller's lock.
    #[must_use]
    pub(crate) fn join(&mut self, waiter: W) -> Vec<W> {
        let mut left = Vec::new();
        if self.0.len() == self.0.capacity() {
            (left, self.0) = std::mem::take(&mut self.0)
                .into_iter()
                .partition(Waits::has_left);
            self.0.reserve(ROOM.max(self.0.len()));
        }
        self.0.push(waiter);
        left
    }
}

impl<T: Send> Crowd<Resolver<T>> {
    /// Joins it with a promise of its own.
    pub(crate) fn wait(&mut self) -> (Deferred<T>, Vec<Resolver<T>>) {
        let (resolver, promise) = Deferred::new();
        (promise, self.join(resolver))
    }
}

impl<W> Crowd<W> {
    /// Takes everybody out, in the order they came, to be told without the caller's lock.
    #[must_use]
    pub(crate) fn leave(&mut self) -> Vec<W> {
        std::mem::take(&mut self.0)
    }

    /// Takes those out of whom it is true.
    #[must_use]
    pub(crate) fn leave_if(&mut self, leaves: impl FnMut(&mut W) -> bool) -> Vec<W> {
        self.0.extract_if(.., leaves).collect()
    }
}

impl<W> Default for Crowd<W> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Resolves the promises of all who waited. One that waits no longer is passed over.
pub(crate) fn tell(waiters: Vec<Resolver<()>>) {
    for waiter in waiters {
        let _ = waiter.resolve(());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Counts how often anybody is looked at.
    struct Counted {
        looks: Rc<Cell<usize>>,
        has_left: bool,
    }

    impl Waits for Counted {
        fn has_left(&self) -> bool {
            self.looks.set(self.looks.get() + 1);
            self.has_left
        }
    }

    /// How often anybody is looked at while so many join, of whom every `stay`th stays.
    fn looks(number: usize, stay: usize) -> (usize, usize) {
        let looks = Rc::new(Cell::new(0));
        let mut crowd = Crowd::default();
        for place in 0..number {
            let waiter = Counted {
                looks: looks.clone(),
                has_left: place % stay > 0,
            };
            drop(crowd.join(waiter));
        }
        (looks.get(), crowd.leave().len())
    }

    #[test]
    fn who_joins_costs_a_steady_number_of_looks() {
        for number in [1_000, 20_000] {
            for stay in [1, 2, 1_000] {
                let (looks, _) = looks(number, stay);
                assert!(
                    looks <= 2 * number,
                    "{looks} looks at {number}, 1 in {stay}"
                );
            }
        }
    }

    #[test]
    fn those_who_left_do_not_pile_up() {
        let (_, kept) = looks(20_000, 20_000);
        assert!(kept <= 2 * ROOM, "{kept} are kept, of whom one waits");
    }

    #[test]
    fn a_promise_that_goes_leaves_the_crowd() {
        let mut crowd = Crowd::<Resolver<()>>::default();
        let (stays, _) = crowd.wait();
        for _ in 0..1_000 {
            let (goes, left) = crowd.wait();
            drop((goes, left));
        }
        let waiters = crowd.leave();
        assert!(waiters.len() <= 2 * ROOM);
        tell(waiters);
        assert!(crate::promise::Promise::is_done(&stays));
    }
}
