//! The virtual clock: it moves when the simulation says so, and never back.
//!
//! It stands still while code runs, so that a callback sees its own deadline as now.
//! There is one exception, because a program that watches the clock until it moves
//! would wait for ever: whoever reads it very often in one turn is taken to be busy,
//! and each further reading takes a moment, a little longer each time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Readings in one turn that take no time.
const FREE_READINGS: u32 = 1_000;

/// What the first further reading takes, and how much more each one takes than the one
/// before it: who waits for a second need not ask a million times.
const PER_READING: Nanos = 1_000;

/// A reading takes no more than so many times that, so that a wait ends near its end.
const SLOWEST: u64 = 100;

/// A moment, counted from the beginning of the simulation, or a span of time: in
/// nanoseconds, which are faster to reckon with than a [`Duration`].
pub(crate) type Nanos = u64;

/// Seventy-three years: more than any run takes, and sums of some of them still fit.
pub(crate) const LONGEST: Nanos = Nanos::MAX / 8;

/// No run goes further: seventy years.
pub(crate) const END: Nanos = 70 * 365 * 24 * 3600 * 1_000_000_000;

/// The time in nanoseconds, or the [longest](LONGEST) there is.
pub(crate) fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).map_or(LONGEST, |time| time.min(LONGEST))
}

#[derive(Debug)]
pub(crate) struct Clock {
    /// What virtual time is counted from, so that `Instant` stays std's.
    base: Instant,
    nanos: AtomicU64,
    readings: AtomicU32,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            base: Instant::now(),
            nanos: AtomicU64::new(0),
            readings: AtomicU32::new(0),
        }
    }

    /// The time, as programs see it.
    pub(crate) fn read(&self) -> Instant {
        self.base + Duration::from_nanos(self.reading())
    }

    /// The same, counted from the beginning of the simulation.
    pub(crate) fn reading(&self) -> Nanos {
        // Two threads may count as one here; it is a rough measure anyway, and this is
        // read for each timer.
        let before = self.readings.load(Ordering::Relaxed);
        self.readings
            .store(before.saturating_add(1), Ordering::Relaxed);
        if let Some(further) = before.checked_sub(FREE_READINGS) {
            let takes = PER_READING * (u64::from(further) + 1).min(SLOWEST);
            self.nanos.fetch_add(takes, Ordering::AcqRel);
        }
        self.now()
    }

    /// Virtual time since the simulation began.
    pub(crate) fn now(&self) -> Nanos {
        self.nanos.load(Ordering::Acquire)
    }

    /// A deadline, counted from the beginning of the simulation.
    pub(crate) fn since_start(&self, deadline: Instant) -> Nanos {
        nanos(deadline.saturating_duration_since(self.base))
    }

    /// A turn begins: readings are free again.
    pub(crate) fn begin_turn(&self) {
        self.readings.store(0, Ordering::Relaxed);
    }

    /// Moves on to `to`, if that is not in the past.
    pub(crate) fn advance_to(&self, to: Nanos) {
        self.nanos.fetch_max(to, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_for_a_while_and_moves_for_whoever_watches_it() {
        let clock = Clock::new();
        let first = clock.read();
        assert!((1..FREE_READINGS).all(|_| clock.read() == first));
        let takes = Duration::from_nanos(PER_READING);
        assert_eq!(clock.read(), first + takes);
        assert_eq!(clock.read(), first + 3 * takes);
        clock.begin_turn();
        assert_eq!(clock.read(), first + 3 * takes);
        clock.advance_to(0);
        assert_eq!(clock.now(), 3 * PER_READING);
        while clock.now() < 1_000_000_000 {
            let before = clock.now();
            clock.read();
            assert!(clock.now() <= before + SLOWEST * PER_READING);
        }
    }
}
