//! [`Agenda`]: what is due at which moment.
//!
//! Most of what is entered is taken out again before it is due: a timeout, a timer that
//! is moved. So the order is a heap of small entries, which may be of something that is
//! gone; what they stand for lies beside it.

use std::cmp::Ordering;
use std::time::Duration;

use dary_heap::QuaternaryHeap;
use slab::Slab;

use crate::clock::to_nanos;
use crate::world::Due;

/// Names what was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    place: usize,
    number: u64,
}

/// An entry of the heap; the first one due is the greatest.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    at: u64,
    number: u64,
    place: usize,
}

impl Slot {
    /// In one number, which is compared without a branch.
    fn order(&self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.number)
    }

    fn is_there(self, dues: &Slab<(u64, Due)>) -> bool {
        dues.get(self.place)
            .is_some_and(|(known, _)| *known == self.number)
    }
}

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> Ordering {
        other.order().cmp(&self.order())
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    /// What the heap asks for at each step.
    fn le(&self, other: &Self) -> bool {
        self.order() >= other.order()
    }

    fn lt(&self, other: &Self) -> bool {
        self.order() > other.order()
    }
}

#[derive(Default)]
pub(crate) struct Agenda {
    order: QuaternaryHeap<Slot>,
    /// With their numbers.
    dues: Slab<(u64, Due)>,
    next: u64,
}

impl Agenda {
    pub(crate) fn enter(&mut self, at: Duration, due: Due) -> TimerKey {
        /// More places of what is gone than of what is there are not worth keeping.
        const SOME: usize = 64;

        if self.order.len() > 2 * self.dues.len() + SOME {
            let dues = &self.dues;
            self.order.retain(|slot| slot.is_there(dues));
        }
        let number = self.next;
        self.next += 1;
        let place = self.dues.insert((number, due));
        let at = to_nanos(at);
        self.order.push(Slot { at, number, place });
        TimerKey { place, number }
    }

    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut Due> {
        let (number, due) = self.dues.get_mut(key.place)?;
        (*number == key.number).then_some(due)
    }

    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<Due> {
        self.get_mut(key)?;
        Some(self.dues.remove(key.place).1)
    }

    /// Takes out all that `is_one` says yes to.
    pub(crate) fn remove_all(&mut self, is_one: impl Fn(&Due) -> bool) -> Vec<Due> {
        let dues = self.dues.iter().filter(|(_, (_, due))| is_one(due));
        let places: Vec<_> = dues.map(|(place, _)| place).collect();
        let removed = places.into_iter().map(|place| self.dues.remove(place).1);
        removed.collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.dues.is_empty()
    }

    /// When something is due next.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        while let Some(slot) = self.order.peek() {
            if slot.is_there(&self.dues) {
                return Some(Duration::from_nanos(slot.at));
            }
            self.order.pop();
        }
        None
    }

    /// Moves what is due by `now` to `into`, in the order it was entered.
    pub(crate) fn take_due(&mut self, now: Duration, into: &mut Vec<Due>) {
        let now = to_nanos(now);
        while let Some(slot) = self.order.peek().copied() {
            if slot.at > now {
                break;
            }
            self.order.pop();
            if slot.is_there(&self.dues) {
                into.push(self.dues.remove(slot.place).1);
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
        let at = Duration::from_secs;
        let first = agenda.enter(at(1), wake());
        assert!(agenda.remove(first).is_some());
        let second = agenda.enter(at(2), wake());
        assert!(agenda.remove(first).is_none() && agenda.get_mut(first).is_none());
        assert_eq!(agenda.next(), Some(at(2)));
        let mut due = Vec::new();
        agenda.take_due(at(1), &mut due);
        assert!(due.is_empty() && !agenda.is_empty());
        agenda.take_due(at(2), &mut due);
        assert_eq!(due.len(), 1);
        assert!(agenda.is_empty() && agenda.remove(second).is_none());
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn what_is_gone_does_not_pile_up() {
        let mut agenda = Agenda::default();
        for second in 0..10_000 {
            let key = agenda.enter(Duration::from_secs(1_000_000 - second), wake());
            agenda.remove(key);
        }
        assert!(agenda.order.len() < 100, "{}", agenda.order.len());
    }
}
