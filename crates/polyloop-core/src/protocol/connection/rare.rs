//! What most connections never have: timers, watermarks of their own, an error that a
//! write ran into, a close that takes its time, a limit for its silence, more mail than one turn reads.

use std::time::Instant;

use super::alarm::Alarm;
use super::closing::Closing;
use super::driver::Backlog;
use super::idle::Idle;
use super::timers::Timers;
use crate::promise::failure::Failure;
use crate::protocol::transport::WriteLimits;

/// Made when the first of these is needed, and kept.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) timers: Timers,
    /// Instead of those that the connection was made with.
    pub(super) limits: Option<WriteLimits>,
    /// What a write found out inside a callback; the driver acts on it.
    pub(super) error: Option<Failure>,
    pub(super) closing: Closing,
    pub(super) idle: Idle,
    /// When to see whether a connection that is not read from is still whole.
    pub(super) probe: Option<Instant>,
    /// When the socket of a connection that is lost goes at the latest.
    pub(super) linger: Option<Instant>,
    pub(super) alarm: Alarm,
    pub(super) backlog: Option<Backlog>,
}

impl Rare {
    /// The earliest of all deadlines.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.timers.earliest(),
            self.closing.deadline(),
            self.idle.due(),
            self.probe,
            self.linger,
        ];
        deadlines.into_iter().flatten().min()
    }
}
