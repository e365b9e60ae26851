//! The timer of the calls' driver, whatever runtime it is of.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::event_loop::backend::Timer;

pub(super) struct Alarm {
    timer: Pin<Box<dyn Timer>>,
    /// What it was set to, while that has yet to come.
    armed: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(timer: impl Timer + 'static) -> Self {
        Self {
            timer: Box::pin(timer),
            armed: None,
        }
    }

    pub(super) fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.armed != Some(until) {
            self.timer.as_mut().reset(until);
            self.armed = Some(until);
        }
        let rang = self.timer.as_mut().poll(cx);
        if rang.is_ready() {
            self.armed = None;
        }
        rang
    }
}
