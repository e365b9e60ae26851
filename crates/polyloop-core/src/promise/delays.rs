//! [`Delays`]: all that a time limit needs of a loop.

use std::future::Future;
use std::time::Duration;

/// Lets time pass. It is the least that a limit on a promise asks for, so that promises
/// know no loop.
///
/// Whatever has [`Timers`](crate::Timers) has it, so every loop does, and so does a clock
/// that a test made for itself. Call [`Timers::sleep`](crate::Timers::sleep) to sleep.
pub trait Delays: Send + Sync {
    /// What [`delay`](Self::delay) returns.
    type Delay: Future<Output = ()> + Send;

    /// Is ready when `duration` has passed, never before. Zero is one turn.
    ///
    /// Cancel safe: dropping it forgets it.
    fn delay(&self, duration: Duration) -> Self::Delay;
}
