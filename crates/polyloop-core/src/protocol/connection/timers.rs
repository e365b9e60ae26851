//! The timers of a connection, by key.

use std::time::Instant;

use crate::protocol::timer_key::TimerKey;

/// Those that are set. A protocol has a handful, or some hundred of one kind: they lie in
/// one list, sorted by key, which holds no allocation per timer.
#[derive(Default)]
pub(super) struct Timers {
    set: Vec<Timer>,
    /// None is due before this moment; the one that was may have gone or moved to later.
    /// `None` if there is none.
    earliest: Option<Instant>,
    next_place: u64,
}

struct Timer {
    key: TimerKey,
    /// Those due at one moment come in the order in which they were set.
    due: (Instant, u64),
}

impl Timers {
    fn find(&self, key: TimerKey) -> Result<usize, usize> {
        self.set.binary_search_by_key(&key, |timer| timer.key)
    }

    pub(super) fn set(&mut self, key: TimerKey, deadline: Instant) {
        let due = (deadline, self.next_place);
        self.next_place += 1;
        match self.find(key) {
            Ok(index) => self.set[index].due = due,
            Err(index) => self.set.insert(index, Timer { key, due }),
        }
        self.earliest = Some(self.earliest.map_or(deadline, |known| known.min(deadline)));
    }

    /// False if it was not set.
    pub(super) fn cancel(&mut self, key: TimerKey) -> bool {
        let found = self.find(key);
        if let Ok(index) = found {
            self.remove(index);
        }
        found.is_ok()
    }

    fn remove(&mut self, index: usize) -> TimerKey {
        let timer = self.set.remove(index);
        if self.set.is_empty() {
            self.earliest = None;
        }
        timer.key
    }

    /// When to look again, at the latest.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes the first that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<TimerKey> {
        // Most often this is all that is looked at.
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return None;
        }
        let (index, first) = self
            .set
            .iter()
            .enumerate()
            .min_by_key(|(_, timer)| timer.due)?;
        let deadline = first.due.0;
        if deadline > now {
            self.earliest = Some(deadline);
            return None;
        }
        Some(self.remove(index))
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
        assert_eq!(timers.take_due(begun + second(2)), None);
        assert_eq!(timers.earliest(), Some(begun + second(3)));
        assert!(timers.cancel(B));
        assert!(!timers.cancel(B));
        assert_eq!(timers.take_due(begun + second(5)), Some(A));
        assert!(!timers.cancel(A));
        assert_eq!(timers.earliest(), None);
    }
}
