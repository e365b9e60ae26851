//! [`StopOnSignals`]: a loop stops in good order at the first signal, and the process ends
//! at the second.

use std::fmt;

use super::{Caught, SignalDesk, SignalError, Signals};
use crate::os::signal::Signal;
use crate::sync::primitive::{Arc, Weak};

/// A loop stops at `SIGINT` and `SIGTERM` for as long as this is there: what
/// [`Signals::stop_on_signals`] gives.
#[must_use = "signals do what they did before when this is dropped; keep it until `run` has returned"]
pub struct StopOnSignals {
    signals: Vec<Signal>,
    desk: Weak<SignalDesk>,
    _second: Option<Caught>,
}

impl StopOnSignals {
    pub(super) fn new<L: Signals>(lp: &L) -> Result<Self, SignalError> {
        lp.state().check_open()?;
        let desk = SignalDesk::of(lp);
        let source = lp.signal_source();
        let mut signals = Vec::new();
        for signal in [Signal::INT, Signal::TERM] {
            if !source.is_handled_elsewhere(signal)? {
                signals.push(signal);
            }
        }
        let second = if signals.is_empty() {
            None
        } else {
            // Before they are told of, so that each of them is counted.
            Some(source.end_at_second(&signals)?)
        };
        desk.begin_stops();
        let mut stopping = Self {
            signals: Vec::new(),
            desk: Arc::downgrade(&desk),
            _second: second,
        };
        for signal in signals {
            desk.add_stop(lp, signal)?;
            stopping.signals.push(signal);
        }
        Ok(stopping)
    }

    /// The signal that has stopped the loop, or is about to: the first of them.
    pub fn stopped_by(&self) -> Option<Signal> {
        self.desk.upgrade()?.stopped_by()
    }

    /// The signals that stop the loop. One that is left alone, since somebody else has seen
    /// to something else, is not among them.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}

impl Drop for StopOnSignals {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.upgrade() {
            for signal in &self.signals {
                desk.remove_stop(*signal);
            }
        }
    }
}

impl fmt::Debug for StopOnSignals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StopOnSignals").field(&self.signals).finish()
    }
}
