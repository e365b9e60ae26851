//! [`Pace`]: how long and how often is measured.

use std::time::Duration;

use crate::options::Options;

/// How much time a session takes for each suite and loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How often all subjects are started anew: where a process happens to lie in
    /// memory is then no property of the program.
    pub(crate) sittings: usize,
    /// Turns that each subject has per sitting.
    pub(crate) turns: usize,
    /// How long a turn is meant to take.
    pub(crate) turn: Duration,
    /// How long each subject runs before it counts.
    pub(crate) warm_up: Duration,
    /// How long a turn is whose allocations are counted.
    pub(crate) counted: Duration,
    /// Operations of a turn whose system calls are counted; they are slow below strace.
    pub(crate) traced: u64,
    /// Calls that wait at once, where they are what is measured.
    pub(crate) alive: u64,
    /// How often the memory is measured.
    pub(crate) memory: usize,
    /// Only what has a bar, and the control, is measured.
    pub(crate) essentials: bool,
    /// Where the control strays, time is measured once more and instructions are counted.
    pub(crate) insists: bool,
}

impl Pace {
    /// As the options have it.
    pub(crate) fn of(options: &Options) -> Self {
        if options.smoke {
            Self::SMOKE
        } else if options.quick {
            Self::QUICK
        } else {
            Self::FULL
        }
    }

    const QUICK: Self = Self {
        sittings: 2,
        turns: 4,
        turn: Duration::from_millis(25),
        warm_up: Duration::from_millis(25),
        counted: Duration::from_millis(15),
        traced: 300,
        alive: 100_000,
        memory: 1,
        essentials: true,
        insists: true,
    };
    const FULL: Self = Self {
        sittings: 5,
        turns: 8,
        turn: Duration::from_millis(120),
        warm_up: Duration::from_millis(150),
        counted: Duration::from_millis(100),
        traced: 1000,
        alive: 100_000,
        memory: 3,
        essentials: false,
        insists: true,
    };

    /// To see whether everything works.
    const SMOKE: Self = Self {
        sittings: 1,
        turns: 2,
        turn: Duration::from_millis(2),
        warm_up: Duration::from_millis(2),
        counted: Duration::from_millis(2),
        traced: 50,
        alive: 1_000,
        memory: 1,
        essentials: false,
        insists: false,
    };

    /// How many operations fill `time`, if `operations` took `nanos`.
    pub(crate) fn operations(operations: u64, nanos: u64, time: Duration) -> u64 {
        let wanted = u128::from(operations) * time.as_nanos() / u128::from(nanos.max(1));
        u64::try_from(wanted).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    #[test]
    fn a_turn_is_filled_at_the_rate_seen_before() {
        assert_eq!(
            Pace::operations(1000, 5_000, Duration::from_micros(50)),
            10_000
        );
        assert_eq!(Pace::operations(1, 1_000_000, Duration::from_micros(1)), 1);
        assert_eq!(Pace::operations(7, 0, Duration::from_nanos(2)), 14);
    }
}
