//! What most connections never have: a timer, watermarks of their own, and an error
//! that a write ran into.

use std::task::Context;
use std::time::Instant;

use crate::event_loop::backend::Backend;
use crate::event_loop::calls::WakeUp;
use crate::promise::failure::Failure;
use crate::protocol::transport::WriteLimits;

/// Made when the first of these is needed, and kept.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) timer: ConnectionTimer,
    /// Instead of those that the connection was made with.
    pub(super) limits: Option<WriteLimits>,
    /// What a write found out inside a callback; the driver acts on it.
    pub(super) error: Option<Failure>,
}

#[derive(Default)]
pub(super) struct ConnectionTimer {
    /// `None` while it is not set.
    deadline: Option<Instant>,
    /// When the task will be woken: at the deadline or, if that was moved to later,
    /// before it. Then it is armed again.
    wake_up: Option<(Instant, WakeUp)>,
}

impl ConnectionTimer {
    pub(super) fn set(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// False if it was not set.
    pub(super) fn clear(&mut self) -> bool {
        self.wake_up = None;
        self.deadline.take().is_some()
    }

    /// Whether something will wake the task for it.
    pub(super) fn is_armed(&self) -> bool {
        self.wake_up
            .as_ref()
            .is_some_and(|(_, wake_up)| wake_up.is_pending())
    }

    /// Whether it is due; otherwise makes sure that the task is woken for it.
    pub(super) fn poll<B: Backend>(&mut self, backend: &B, cx: &Context<'_>) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        let now = backend.state().now();
        if now >= deadline {
            self.clear();
            return true;
        }
        let armed = self
            .wake_up
            .as_ref()
            .is_some_and(|(at, _)| *at > now && *at <= deadline);
        if !armed {
            // The old one goes first. A closed loop wakes nobody: its end does.
            self.wake_up = None;
            self.wake_up = WakeUp::at(backend, deadline, cx.waker())
                .ok()
                .map(|wake_up| (deadline, wake_up));
        }
        false
    }
}
