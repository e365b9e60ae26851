//! A loop's time of day, as rustls asks for it: so a certificate expires by the clock of the
//! loop, which in a simulation is virtual.

use std::fmt;
use std::time::UNIX_EPOCH;

use polyloop_core::Timers;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The time of day of a loop.
pub(crate) struct LoopClock<T>(pub(crate) T);

impl<T: Timers> TimeProvider for LoopClock<T> {
    fn current_time(&self) -> Option<UnixTime> {
        let since = self.0.wall_time().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl<T> fmt::Debug for LoopClock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoopClock")
    }
}
