//! How often one kind of failure is reported.
//!
//! A peer that breaks the protocol is an everyday event, and one that does so on purpose
//! does it all day. What fails alike in one place is told a few times in full; what comes
//! behind is counted, and the count is told with the next.

use std::time::{Duration, Instant};

use crate::event_loop::calls::after;
use crate::promise::failure::{Failure, FailureKind};
use crate::sync::primitive::{Mutex, lock};

/// Told of one place in this time, by the loop's clock.
const AT_MOST: u32 = 10;
const WITHIN: Duration = Duration::from_secs(60);

/// So many places are kept apart. Those that come then are told apart no more.
const PLACES: usize = 64;

/// What is known of the places where something failed.
#[derive(Default)]
pub(crate) struct ReportLimits(Mutex<Vec<Place>>);

struct Place {
    likeness: Likeness,
    until: Instant,
    told: u32,
    left_out: u64,
    /// The last that was left out.
    last: Option<Failure>,
}

/// What makes two failures alike.
#[derive(Clone, PartialEq)]
struct Likeness {
    context: &'static str,
    of: &'static str,
    at: &'static std::panic::Location<'static>,
    failed: FailureKind,
}

/// Whether a failure is to be told.
#[derive(Debug, PartialEq)]
pub(crate) enum Admitted {
    Told {
        /// So many like it were not.
        left_out: u64,
    },
    LeftOut,
}

impl ReportLimits {
    pub(crate) fn admit(
        &self,
        context: &'static str,
        of: &'static str,
        failure: &Failure,
        now: Instant,
    ) -> Admitted {
        let likeness = Likeness {
            context,
            of,
            at: failure.location(),
            failed: failure.kind(),
        };
        let mut places = lock(&self.0);
        let known = places.iter().position(|place| place.likeness == likeness);
        let index = known.unwrap_or_else(|| {
            if places.len() < PLACES {
                places.push(Place::new(likeness, now));
            }
            places.len() - 1
        });
        places[index].admit(failure, now)
    }

    /// Where something was left out and nothing told since: how often, and the last of it.
    pub(crate) fn take_left_out(&self) -> Vec<(&'static str, Failure, u64)> {
        let places = std::mem::take(&mut *lock(&self.0));
        places
            .into_iter()
            .filter_map(|place| Some((place.likeness.context, place.last?, place.left_out)))
            .collect()
    }
}

impl Place {
    fn new(likeness: Likeness, now: Instant) -> Self {
        Self {
            likeness,
            until: after(now, WITHIN),
            told: 0,
            left_out: 0,
            last: None,
        }
    }

    fn admit(&mut self, failure: &Failure, now: Instant) -> Admitted {
        if now >= self.until {
            self.until = after(now, WITHIN);
            self.told = 0;
        }
        if self.told == AT_MOST {
            self.left_out += 1;
            self.last = Some(failure.clone());
            return Admitted::LeftOut;
        }
        self.told += 1;
        self.last = None;
        Admitted::Told {
            left_out: std::mem::take(&mut self.left_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_told_and_the_rest_is_counted() {
        let limits = ReportLimits::default();
        let begun = Instant::now();
        let here = Failure::message("here");
        let there = Failure::message("there");
        let admit = |failure, now| limits.admit("it failed", "P", failure, now);
        for _ in 0..AT_MOST {
            assert_eq!(admit(&here, begun), Admitted::Told { left_out: 0 });
        }
        for _ in 0..5 {
            assert_eq!(admit(&here, begun), Admitted::LeftOut);
        }
        assert_eq!(admit(&there, begun), Admitted::Told { left_out: 0 });
        let later = begun + WITHIN;
        assert_eq!(admit(&here, later), Admitted::Told { left_out: 5 });
        assert!(limits.take_left_out().is_empty());
    }

    #[test]
    fn what_was_never_told_is_told_at_the_end() {
        let limits = ReportLimits::default();
        let begun = Instant::now();
        let failure = Failure::message("here");
        for _ in 0..AT_MOST + 3 {
            limits.admit("it failed", "P", &failure, begun);
        }
        let left_out = limits.take_left_out();
        assert_eq!(left_out.len(), 1);
        assert_eq!((left_out[0].0, left_out[0].2), ("it failed", 3));
        assert!(limits.take_left_out().is_empty());
    }
}
