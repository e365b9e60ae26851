//! What a step of the network leaves for the loop to do.

use std::task::Waker;

use super::Nanos;
use crate::trace::Event;

/// What has to happen outside the network once it is done: it never calls a waker
/// itself, since that runs code of others, who may be holding a lock.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// To be woken, in this order.
    pub(crate) wake: Vec<Waker>,
    /// Of no use any more. Dropping a waker can run code too, so they are handed out.
    pub(crate) discard: Vec<Waker>,
    /// What happened, in order; empty if nothing is recorded.
    pub(crate) records: Vec<(Nanos, Event)>,
    recording: bool,
    payload: bool,
}

impl Effects {
    pub(super) fn recording() -> Self {
        Self {
            recording: true,
            ..Self::default()
        }
    }

    pub(super) fn set_recording(&mut self, on: bool) {
        self.recording = on;
    }

    pub(super) fn set_payload(&mut self, on: bool) {
        self.payload = on;
    }

    /// Records what `event` makes of content, if anybody wants to know.
    pub(super) fn record_payload<E: Into<Event>>(&mut self, now: Nanos, event: impl FnOnce() -> E) {
        if self.payload {
            self.record(now, event);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wake.is_empty() && self.discard.is_empty() && self.records.is_empty()
    }

    /// Records what `event` makes, if anybody wants to know.
    pub(super) fn record<E: Into<Event>>(&mut self, now: Nanos, event: impl FnOnce() -> E) {
        if self.recording {
            self.records.push((now, event().into()));
        }
    }

    /// Wakes whoever is in `place`.
    pub(super) fn wake(&mut self, place: &mut Option<Waker>) {
        self.wake.extend(place.take());
    }

    /// Remembers `waker` in `place` instead of whoever was there.
    pub(super) fn remember(&mut self, place: &mut Option<Waker>, waker: &Waker) {
        if !place.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.discard.extend(place.replace(waker.clone()));
        }
    }
}
