//! How long a connection has been silent, and how long it may be.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::event_loop::calls::after;
use crate::promise::failure::Failure;

/// A connection was closed because nothing came and nothing was sent for too long
/// (POL-03).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("nothing came and nothing was sent for {limit:?}, the connection's idle limit")]
#[non_exhaustive]
pub struct IdleLimitPassed {
    /// The limit.
    pub limit: Duration,
}

impl From<IdleLimitPassed> for Failure {
    #[track_caller]
    fn from(error: IdleLimitPassed) -> Self {
        Self::new(error)
    }
}

/// What a connection that has a limit knows of its silence.
#[derive(Default)]
pub(super) struct Idle {
    limit: Option<Duration>,
    /// When it will have been silent for too long; none once it has been.
    due: Option<Instant>,
}

impl Idle {
    pub(super) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Sets another limit, from now on, and gives back the one before.
    pub(super) fn set(&mut self, now: Instant, limit: Option<Duration>) -> Option<Duration> {
        self.due = limit.map(|limit| after(now, limit));
        std::mem::replace(&mut self.limit, limit)
    }

    /// Something happened. Nothing, if it was too late or there is no limit (POL-02).
    pub(super) fn reset(&mut self, now: Instant) {
        if let (Some(limit), Some(due)) = (self.limit, &mut self.due) {
            *due = after(now, limit);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it has been silent for too long: said once.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// The connection is on its way out, which has limits of its own.
    pub(super) fn end(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once_and_what_comes_later_changes_nothing() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let five = Some(Duration::from_secs(5));
        let mut idle = Idle::default();
        idle.reset(begun);
        assert_eq!(idle.due(), None);
        assert_eq!(idle.set(begun, five), None);
        idle.reset(at(3));
        assert!(!idle.take_due(at(7)));
        assert!(idle.take_due(at(8)) && !idle.take_due(at(9)));
        idle.reset(at(9));
        assert_eq!((idle.due(), idle.limit()), (None, five));
        assert_eq!(idle.set(at(10), Some(Duration::MAX)), five);
        assert!(idle.due().is_some_and(|due| due > at(1_000_000)));
        assert!(idle.set(at(10), None).is_some() && idle.due().is_none());
    }
}
