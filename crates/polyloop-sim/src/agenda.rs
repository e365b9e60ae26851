//! [`Agenda`]: what is due at which moment.
//!
//! Most of what is entered is taken out again before it is due: a timeout, a timer that
//! is moved. So the order is a heap of small entries, which may be of something that is
//! gone; what they stand for lies beside it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use slab::Slab;

use crate::clock::Nanos;
use crate::world::Due;

/// Names what was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    place: usize,
    number: u64,
}

/// A moment, and whose it is. The first one is the greatest. Those of one moment are equal:
/// which of them comes first is the same in each run, and who takes them out shuffles them.
#[derive(Clone, Copy)]
struct Slot {
    at: Nanos,
    place: usize,
}

impl Slot {
    /// One that is due at another moment has the place of one that is gone; which of two
    /// that are due at the same one is no matter.
    fn is_there(self, dues: &Slab<Entry>) -> bool {
        dues.get(self.place)
            .is_some_and(|entry| entry.at == self.at)
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Slot {}

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    /// What the heap asks for at each step.
    fn le(&self, other: &Self) -> bool {
        self.at >= other.at
    }
}

struct Entry {
    at: Nanos,
    /// Places are used again.
    number: u64,
    due: Due,
}

#[derive(Default)]
pub(crate) struct Agenda {
    order: BinaryHeap<Slot>,
    dues: Slab<Entry>,
    next: u64,
}

impl Agenda {
    pub(crate) fn enter(&mut self, at: Nanos, due: Due) -> TimerKey {
        /// More places of what is gone than of what is there are not worth keeping.
        const SOME: usize = 64;

        if self.order.len() > 2 * self.dues.len() + SOME {
            let dues = &self.dues;
            self.order.retain(|slot| slot.is_there(dues));
        }
        let number = self.next;
        self.next += 1;
        let place = self.dues.insert(Entry { at, number, due });
        self.order.push(Slot { at, place });
        TimerKey { place, number }
    }

    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut Due> {
        let entry = self.dues.get_mut(key.place)?;
        (entry.number == key.number).then_some(&mut entry.due)
    }

    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Due> {
        self.get_mut(key)?;
        Some(self.dues.remove(key.place).due)
    }

    /// Takes out all that `is_one` says yes to.
    pub(crate) fn remove_all(&mut self, is_one: impl Fn(&Due) -> bool) -> Vec<Due> {
        let dues = self.dues.iter().filter(|(_, entry)| is_one(&entry.due));
        let places: Vec<_> = dues.map(|(place, _)| place).collect();
        let removed = places.into_iter().map(|place| self.dues.remove(place).due);
        removed.collect()
    }

    /// When something is due next.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Nanos> {
        while let Some(slot) = self.order.peek().copied() {
            if slot.is_there(&self.dues) {
                return Some(slot.at);
            }
            self.order.pop();
        }
        None
    }

    /// Takes out the first of what is due by `now`.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<Due> {
        loop {
            let slot = self.order.peek().copied().filter(|slot| slot.at <= now)?;
            self.order.pop();
            if slot.is_there(&self.dues) {
                return Some(self.dues.remove(slot.place).due);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostId;
    use std::task::Waker;

    fn wake() -> Due {
        Due::Wake(HostId(0), Waker::noop().clone())
    }

    #[test]
    fn what_was_removed_is_never_due_and_its_place_is_another_s() {
        let mut agenda = Agenda::default();
        let first = agenda.enter(1, wake());
        assert!(agenda.remove(first).is_some());
        let second = agenda.enter(2, wake());
        assert!(agenda.remove(first).is_none() && agenda.get_mut(first).is_none());
        assert_eq!(agenda.next(), Some(2));
        assert!(agenda.pop_due(1).is_none());
        assert!(agenda.pop_due(2).is_some() && agenda.pop_due(2).is_none());
        assert!(agenda.remove(second).is_none());
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn a_place_that_is_used_again_for_the_same_moment_is_due_once() {
        let mut agenda = Agenda::default();
        let first = agenda.enter(3, wake());
        agenda.remove(first);
        let second = agenda.enter(3, wake());
        let earlier = agenda.enter(1, wake());
        assert!(agenda.pop_due(2).is_some() && agenda.remove(earlier).is_none());
        // This one has the place of the one that was due first.
        agenda.enter(4, wake());
        assert!(agenda.pop_due(3).is_some() && agenda.remove(second).is_none());
        assert!(agenda.pop_due(3).is_none());
        assert_eq!(agenda.next(), Some(4));
    }

    #[test]
    fn what_is_gone_does_not_pile_up() {
        let mut agenda = Agenda::default();
        for moment in 0..10_000 {
            let key = agenda.enter(1_000_000 - moment, wake());
            agenda.remove(key);
        }
        assert!(agenda.order.len() < 100, "{}", agenda.order.len());
    }
}
