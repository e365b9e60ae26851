//! How many bytes have passed, as the time that they are worth.

use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::event_loop::calls::after;
use crate::sync::primitive::{Mutex, lock};

/// What may pass at once, as time.
const BURST: Duration = Duration::from_secs(1);

const NANOSECONDS: u128 = 1_000_000_000;

/// The bytes of several connections that share one rate.
pub(super) struct Meter {
    /// Bytes a second.
    rate: NonZero<u64>,
    /// Until when what has passed is worth, the burst included.
    worth: Mutex<Option<Instant>>,
}

impl Meter {
    pub(super) fn new(rate: NonZero<u64>) -> Self {
        Self {
            rate,
            worth: Mutex::new(None),
        }
    }

    pub(super) fn rate(&self) -> NonZero<u64> {
        self.rate
    }

    /// As much of `wanted` as passes in one go: no more than one second's worth.
    pub(super) fn at_once(&self, wanted: usize) -> usize {
        usize::try_from(self.rate.get()).map_or(wanted, |rate| wanted.min(rate))
    }

    /// Until when nothing may pass, if something has to wait.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        // `worth` is a burst ahead of what has to be waited for.
        let until = (*lock(&self.worth))?.checked_sub(BURST)?;
        (until > now).then_some(until)
    }

    /// So many bytes have passed.
    pub(super) fn passed(&self, now: Instant, bytes: usize) {
        let nanoseconds = bytes as u128 * NANOSECONDS / u128::from(self.rate.get());
        let seconds = u64::try_from(nanoseconds / NANOSECONDS).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanoseconds % NANOSECONDS).unwrap_or(0);
        let mut worth = lock(&self.worth);
        let begin = worth.map_or(now, |worth| worth.max(now));
        *worth = Some(after(begin, Duration::new(seconds, rest)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_first_second_is_waited_for() {
        let begun = Instant::now();
        let at = |tenths: u64| begun + Duration::from_millis(tenths * 100);
        let meter = Meter::new(NonZero::new(10).unwrap());
        assert_eq!(meter.rests_until(begun), None);
        assert_eq!(meter.at_once(25), 10);
        meter.passed(begun, 10);
        assert_eq!(meter.rests_until(begun), None);
        meter.passed(begun, 15);
        assert_eq!(meter.rests_until(begun), Some(at(15)));
        assert_eq!(meter.rests_until(at(15)), None);
        // It may go on at the rate, and there is no new burst yet.
        meter.passed(at(15), 1);
        assert_eq!(meter.rests_until(at(15)), Some(at(16)));
        // Time in which nothing passed buys one second and no more.
        meter.passed(at(100), 10);
        assert_eq!(meter.rests_until(at(100)), None);
        meter.passed(at(100), 1);
        assert_eq!(meter.rests_until(at(100)), Some(at(101)));
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let begun = Instant::now();
        let fast = Meter::new(NonZero::<u64>::MAX);
        fast.passed(begun, usize::MAX);
        assert!(fast.rests_until(begun).is_none());
        let slow = Meter::new(NonZero::<u64>::MIN);
        assert_eq!(slow.at_once(usize::MAX), 1);
        slow.passed(begun, usize::MAX);
        assert!(slow.rests_until(begun).is_some());
    }
}
