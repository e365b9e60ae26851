//! How far a graceful close has come, and what cuts it short.
//!
//! A close lasts until the peer's system has everything. How long that takes is the
//! peer's affair, as long as it makes progress; one that takes nothing at all is not
//! waited for for ever.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::event_loop::calls::after;
use crate::promise::failure::Failure;

/// A peer that takes nothing for so long after a close is cut.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where nobody can know what the peer's system has, it is given so long to end its side.
const GRACE: Duration = Duration::from_secs(2);

/// While this side has output, the system says when it takes more, and what the peer took
/// is looked at so often.
const WHILE_SENDING: Duration = Duration::from_secs(5);

/// When the system has everything, nothing tells of what the peer takes: it is looked at
/// soon, and then less and less often, down to this.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const SELDOM: Duration = Duration::from_millis(250);

/// Why a close did not come to its end: the connection was cut, and the peer saw a reset.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutShort {
    /// The peer took nothing any more.
    #[error(
        "the closing connection was cut with about {unsent} bytes unsent: the peer took nothing for {limit:?}"
    )]
    Stalled {
        /// About how many bytes have not reached its system, the end of stream included.
        unsent: u64,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The limit that the close was given has passed.
    #[error(
        "the closing connection was cut with about {unsent} bytes unsent: its close was given {limit:?}"
    )]
    LimitPassed {
        /// About how many bytes have not reached the peer's system, the end of stream
        /// included.
        unsent: u64,
        /// What was given.
        limit: Duration,
    },
    /// The loop ended, and its shutdown limit was not enough.
    #[error("the closing connection was cut with about {unsent} bytes unsent: its loop ended")]
    LoopEnded {
        /// About how many bytes have not reached the peer's system, the end of stream
        /// included.
        unsent: u64,
    },
}

impl From<CutShort> for Failure {
    #[track_caller]
    fn from(error: CutShort) -> Self {
        Self::new(error)
    }
}

/// What is known of a close; nothing as long as none is under way.
#[derive(Default)]
pub(super) struct Closing {
    /// What the protocol said that it fails with.
    reason: Option<Failure>,
    limit: Option<Limit>,
    watch: Option<Watch>,
}

struct Limit {
    until: Instant,
    /// As it was given; `None` is the end of the loop.
    given: Option<Duration>,
}

struct Watch {
    sending: bool,
    begun: Instant,
    /// What the peer did not have when it was last looked at, and since when.
    left: u64,
    since: Instant,
    /// How long until the next look, and when it is.
    pace: Duration,
    next: Instant,
}

impl Closing {
    pub(super) fn fail(&mut self, reason: Failure) {
        self.reason.get_or_insert(reason);
    }

    pub(super) fn reason(&self) -> Option<&Failure> {
        self.reason.as_ref()
    }

    /// The lower of several limits counts. `given` is `None` at the end of the loop.
    pub(super) fn limit(&mut self, now: Instant, limit: Duration, given: Option<Duration>) {
        let until = after(now, limit);
        if self.limit.as_ref().is_none_or(|known| until < known.until) {
            self.limit = Some(Limit { until, given });
        }
    }

    /// When to look again, at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let next = self.watch.as_ref().map(|watch| watch.next);
        let until = self.limit.as_ref().map(|limit| limit.until);
        match (next, until) {
            (Some(next), Some(until)) => Some(next.min(until)),
            (one, other) => one.or(other),
        }
    }

    /// Whether it is time to look at what is left. `sending`: this side has output.
    pub(super) fn is_due(&self, now: Instant, sending: bool) -> bool {
        match &self.watch {
            Some(watch) if watch.sending == sending => {
                self.deadline().is_some_and(|deadline| now >= deadline)
            }
            _ => true,
        }
    }

    /// Whether the peer had its time, where nothing more can be known.
    pub(super) fn grace_is_over(&self, now: Instant) -> bool {
        self.watch
            .as_ref()
            .is_some_and(|watch| now >= after(watch.begun, GRACE))
    }

    /// Notes what is left, and when to look again.
    pub(super) fn look(&mut self, now: Instant, sending: bool, left: u64) -> Result<(), CutShort> {
        if let Some(limit) = &self.limit
            && now >= limit.until
        {
            return Err(match limit.given {
                Some(limit) => CutShort::LimitPassed {
                    unsent: left,
                    limit,
                },
                None => CutShort::LoopEnded { unsent: left },
            });
        }
        let fresh = || Watch {
            sending,
            begun: now,
            left,
            since: now,
            pace: if sending { WHILE_SENDING } else { FIRST_LOOK },
            next: now,
        };
        let watch = self.watch.get_or_insert_with(fresh);
        if watch.sending != sending {
            *watch = fresh();
        }
        if left < watch.left {
            watch.left = left;
            watch.since = now;
        }
        let end = after(watch.since, PATIENCE);
        if now >= end {
            return Err(CutShort::Stalled {
                unsent: left,
                limit: PATIENCE,
            });
        }
        if now >= watch.next {
            watch.next = after(now, watch.pace).min(end);
            watch.pace = if sending {
                WHILE_SENDING
            } else {
                (watch.pace * 2).min(SELDOM)
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_buys_time_and_a_standstill_ends_it() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut closing = Closing::default();
        assert!(closing.is_due(begun, true));
        let mut left = 1000;
        for minute in 0..10 {
            assert_eq!(closing.look(at(minute * 59), true, left), Ok(()));
            left -= 1;
        }
        let cut = closing.look(at(9 * 59 + 60), true, left + 1);
        assert_eq!(
            cut,
            Err(CutShort::Stalled {
                unsent: left + 1,
                limit: PATIENCE
            })
        );
    }

    #[test]
    fn looks_become_rarer() {
        let begun = Instant::now();
        let mut closing = Closing::default();
        let (mut now, mut looks) = (begun, 0);
        while now < begun + Duration::from_secs(10) {
            closing.look(now, false, 1).unwrap();
            now = closing.deadline().unwrap();
            assert!(closing.is_due(now, false));
            looks += 1;
        }
        assert!((40..60).contains(&looks), "{looks} looks in 10 s");
    }

    #[test]
    fn the_lower_limit_counts_and_says_whose_it_is() {
        let begun = Instant::now();
        let mut closing = Closing::default();
        let second = Duration::from_secs(1);
        closing.limit(begun, second * 5, Some(second * 5));
        closing.limit(begun, second * 9, None);
        assert_eq!(closing.deadline(), Some(begun + second * 5));
        let cut = closing.look(begun + second * 5, true, 7);
        assert_eq!(
            cut,
            Err(CutShort::LimitPassed {
                unsent: 7,
                limit: second * 5
            })
        );
        closing.limit(begun, second * 3, None);
        let cut = closing.look(begun + second * 3, false, 7);
        assert_eq!(cut, Err(CutShort::LoopEnded { unsent: 7 }));
    }
}
