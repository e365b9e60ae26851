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
const PER_READING: Duration = Duration::from_micros(1);

/// A reading takes no more than so many times that, so that a wait ends near its end.
const SLOWEST: u32 = 100;

/// No run goes further: seventy years, which the network's clock can tell apart.
pub(crate) const END: Duration = Duration::from_secs(70 * 365 * 24 * 3600);

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
        let before = self.readings.fetch_add(1, Ordering::Relaxed);
        if let Some(further) = before.checked_sub(FREE_READINGS) {
            let takes = PER_READING * (further + 1).min(SLOWEST);
            self.nanos.fetch_add(to_nanos(takes), Ordering::AcqRel);
        }
        self.base + self.elapsed()
    }

    /// Virtual time since the simulation began.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }

    /// A deadline, counted from the beginning of the simulation.
    pub(crate) fn since_start(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.base)
    }

    /// A turn begins: readings are free again.
    pub(crate) fn begin_turn(&self) {
        self.readings.store(0, Ordering::Relaxed);
    }

    /// Moves on to `to`, if that is not in the past.
    pub(crate) fn advance_to(&self, to: Duration) {
        self.nanos.fetch_max(to_nanos(to), Ordering::AcqRel);
    }
}

/// Five hundred years fit.
pub(crate) fn to_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_for_a_while_and_moves_for_whoever_watches_it() {
        let clock = Clock::new();
        let first = clock.read();
        assert!((1..FREE_READINGS).all(|_| clock.read() == first));
        assert_eq!(clock.read(), first + PER_READING);
        assert_eq!(clock.read(), first + 3 * PER_READING);
        clock.begin_turn();
        assert_eq!(clock.read(), first + 3 * PER_READING);
        clock.advance_to(Duration::ZERO);
        assert_eq!(clock.elapsed(), 3 * PER_READING);
        while clock.elapsed() < Duration::from_secs(1) {
            let before = clock.elapsed();
            clock.read();
            assert!(clock.elapsed() <= before + SLOWEST * PER_READING);
        }
    }
}
