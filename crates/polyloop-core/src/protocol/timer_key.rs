//! [`TimerKey`]: which of a connection's timers.

use std::fmt;

/// Names one of the timers of a connection.
///
/// A name tells the timers of different owners apart (a protocol, one that wraps it), a
/// number those of one owner.
///
/// ```
/// use polyloop_core::TimerKey;
///
/// const IDLE: TimerKey = TimerKey::new("idle");
///
/// fn resend(packet: u16) -> TimerKey {
///     TimerKey::numbered("resend", packet.into())
/// }
/// assert_eq!(resend(7).to_string(), "resend 7");
/// assert_ne!(resend(7), IDLE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    number: u64,
    name: &'static str,
}

impl TimerKey {
    /// The timer of that name.
    pub const fn new(name: &'static str) -> Self {
        Self::numbered(name, 0)
    }

    /// One of several of a name.
    pub const fn numbered(name: &'static str, number: u64) -> Self {
        Self { number, name }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Its number among those of its name: 0 unless given.
    pub const fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for TimerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.number > 0 {
            write!(f, " {}", self.number)?;
        }
        Ok(())
    }
}
