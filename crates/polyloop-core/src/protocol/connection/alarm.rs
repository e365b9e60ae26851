//! The one wake-up that a connection has for all its deadlines.

use std::task::Context;
use std::time::Instant;

use crate::event_loop::backend::Backend;
use crate::event_loop::calls::WakeUp;

/// Set for the earliest deadline, or for an earlier one that has gone or was moved: then
/// the task is woken once too often, which is cheaper than to move the wake-up each time.
#[derive(Default)]
pub(crate) struct Alarm {
    set: Option<(Instant, WakeUp)>,
}

impl Alarm {
    /// Has the task woken at `deadline`, which is still to come, or before it. False if
    /// nobody will: a closed loop keeps no time any more.
    pub(crate) fn set<B: Backend>(
        &mut self,
        backend: &B,
        now: Instant,
        deadline: Instant,
        cx: &Context<'_>,
    ) -> bool {
        if self
            .set
            .as_ref()
            .is_some_and(|(at, _)| *at > now && *at <= deadline)
        {
            return true;
        }
        // The old one goes first.
        self.set = None;
        self.set = WakeUp::at(backend, deadline, cx.waker())
            .ok()
            .map(|wake_up| (deadline, wake_up));
        self.set.is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.set = None;
    }
}
