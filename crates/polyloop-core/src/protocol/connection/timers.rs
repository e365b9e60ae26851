//! The timers of a connection, by key.

use std::collections::HashMap;
use std::time::Instant;

use slab::Slab;

use crate::event_loop::calls::Deadlines;
use crate::protocol::timer_key::TimerKey;

/// Those that are set: most often one, but a protocol may have one for each of the
/// thousands of messages that it waits for an answer to. None is looked at for another's
/// sake, and a timer that is moved, or set again once it has fired, allocates nothing.
#[derive(Default)]
pub(crate) struct Timers {
    /// A slot for each that is set.
    keys: Slab<TimerKey>,
    slots: HashMap<TimerKey, usize>,
    /// Those due at one moment come in the order in which they were set.
    deadlines: Deadlines<(Instant, u64)>,
    next_place: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, key: TimerKey, deadline: Instant) {
        let due = (deadline, self.next_place);
        self.next_place += 1;
        if let Some(slot) = self.slots.get(&key) {
            self.deadlines.change(*slot, due);
        } else {
            let slot = self.keys.insert(key);
            self.slots.insert(key, slot);
            self.deadlines.insert(slot, due);
        }
    }

    /// False if it was not set.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> bool {
        let Some(slot) = self.slots.remove(&key) else {
            return false;
        };
        self.keys.remove(slot);
        self.deadlines.remove(slot);
        true
    }

    /// When the first is due.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.deadlines.first().map(|((deadline, _), _)| deadline)
    }

    /// Takes the first that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<TimerKey> {
        let ((deadline, _), slot) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let key = *self.keys.get(slot)?;
        self.cancel(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: TimerKey = TimerKey::new("a");
    const B: TimerKey = TimerKey::new("b");

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn they_come_in_the_order_they_are_due_and_then_were_set() {
        let begun = Instant::now();
        let mut timers = Timers::default();
        for number in [3, 1, 2] {
            timers.set(TimerKey::numbered("t", number), begun + second(number));
        }
        timers.set(B, begun + second(2));
        timers.set(A, begun + second(2));
        assert_eq!(timers.take_due(begun), None);
        let mut order = Vec::new();
        while let Some(key) = timers.take_due(begun + second(2)) {
            order.push(key.to_string());
        }
        assert_eq!(order, ["t 1", "t 2", "b", "a"]);
        assert_eq!(timers.earliest(), Some(begun + second(3)));
    }

    #[test]
    fn moving_and_cancelling_leave_no_timer_behind() {
        let begun = Instant::now();
        let mut timers = Timers::default();
        timers.set(A, begun + second(1));
        timers.set(A, begun + second(5));
        timers.set(B, begun + second(3));
        assert_eq!(timers.earliest(), Some(begun + second(3)));
        assert_eq!(timers.take_due(begun + second(2)), None);
        assert!(timers.cancel(B));
        assert!(!timers.cancel(B));
        assert_eq!(timers.take_due(begun + second(5)), Some(A));
        assert!(!timers.cancel(A));
        assert_eq!(timers.earliest(), None);
    }

    #[test]
    fn a_hundred_thousand_are_set_moved_cancelled_and_fire_in_their_order() {
        const ALL: u64 = 100_000;
        // One timer has nothing to do with the others: were all looked at for each, this
        // would take ten thousand million steps.
        let begun = Instant::now();
        let key = |number| TimerKey::numbered("t", number);
        let mut timers = Timers::default();
        for number in 0..ALL {
            timers.set(key(number), begun + second(ALL));
        }
        for number in (0..ALL).rev() {
            timers.set(key(number), begun + second(number / 2));
        }
        for number in (0..ALL).step_by(4) {
            assert!(timers.cancel(key(number)));
        }
        let mut fired = Vec::new();
        while let Some(key) = timers.take_due(begun + second(ALL)) {
            // What fires is set again, and taken back.
            timers.set(key, begun);
            assert!(timers.cancel(key));
            fired.push(key.number());
        }
        let expected: Vec<u64> = (0..ALL / 2)
            .flat_map(|pair| [2 * pair + 1, 2 * pair])
            .filter(|number| number % 4 != 0)
            .collect();
        assert_eq!(fired, expected);
        assert_eq!(timers.earliest(), None);
    }
}
