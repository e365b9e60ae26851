//! When an end sends something again, and when it gives up.
//!
//! Real TCP runs a timer for whatever it has sent, in case it is lost. Here the network
//! knows what it loses. So an end runs its timers only where it is in doubt: where
//! something to it or from it was lost or is stuck. What a program sees is the same, and
//! a simulation in which every task waits in vain comes to rest instead of being kept
//! alive by probes that tell nothing new.

use super::Nanos;

const MILLISECOND: Nanos = 1_000_000;
const SECOND: Nanos = 1_000 * MILLISECOND;

/// An acknowledgement waits so long for data to travel with.
pub(super) const ACK_DELAY: Nanos = 40 * MILLISECOND;
/// The first wait for an answer to the first segment of the handshake; doubled each
/// time.
const FIRST_WAIT: Nanos = SECOND;
/// After so many tries a connect fails: 127 s, as on Linux.
pub(super) const SYN_TRIES: u32 = 6;
/// After so many a half-open connection is forgotten: 63 s.
pub(super) const SYN_ACK_TRIES: u32 = 5;
const SHORTEST_WAIT: Nanos = 200 * MILLISECOND;
const LONGEST_WAIT: Nanos = 120 * SECOND;
/// An established connection whose peer is silent for so long is lost: what comes of
/// 15 retries on Linux.
pub(super) const PATIENCE: Nanos = 924_600 * MILLISECOND;
/// The same where no program holds the connection any more: 8 retries.
pub(super) const ORPHAN_PATIENCE: Nanos = 102_200 * MILLISECOND;
/// How long one that nobody holds waits for the peer's end.
pub(super) const ORPHAN_LINGER: Nanos = 60 * SECOND;
/// A peer that has been silent for so long is probed, with keep-alive on.
pub(super) const KEEPALIVE_IDLE: Nanos = 7_200 * SECOND;
pub(super) const KEEPALIVE_INTERVAL: Nanos = 75 * SECOND;
pub(super) const KEEPALIVE_PROBES: u32 = 9;

/// No time at all.
pub(super) const NEVER: Nanos = Nanos::MAX;

/// When an end has to do something by itself.
#[derive(Debug)]
pub(super) struct Alarms {
    /// Something is sent again.
    pub(super) resend: Nanos,
    /// An acknowledgement that was put off leaves.
    pub(super) ack: Nanos,
    /// It is among those that settle what they have read.
    pub(super) settling: bool,
    /// An idle peer is probed.
    pub(super) keepalive: Nanos,
    /// The first entry for this end in the network's queue.
    pub(super) queued: Nanos,
    /// How often the same thing was sent again in vain.
    pub(super) tries: u32,
    /// The peer has not answered since.
    pub(super) silent_since: Option<Nanos>,
    /// Since then something may have been lost that this end would have to hear.
    pub(super) doubt: Option<Nanos>,
    /// When the oldest thing that is not acknowledged was last sent.
    pub(super) sent_at: Nanos,
    round_trip: Option<(Nanos, Nanos)>,
    /// What is being timed: the offset, and when it left.
    sample: Option<(u64, Nanos)>,
}

impl Alarms {
    pub(super) fn new() -> Self {
        Self {
            resend: NEVER,
            ack: NEVER,
            settling: false,
            keepalive: NEVER,
            queued: NEVER,
            tries: 0,
            silent_since: None,
            doubt: None,
            sent_at: 0,
            round_trip: None,
            sample: None,
        }
    }

    pub(super) fn next(&self) -> Nanos {
        self.resend.min(self.ack).min(self.keepalive)
    }

    pub(super) fn stop(&mut self) {
        self.resend = NEVER;
        self.ack = NEVER;
        self.keepalive = NEVER;
    }

    /// How long the handshake waits for an answer.
    pub(super) fn handshake_wait(&self) -> Nanos {
        FIRST_WAIT << self.tries
    }

    /// How long data waits for an answer.
    pub(super) fn wait(&self) -> Nanos {
        let once = match self.round_trip {
            Some((smoothed, variation)) => smoothed + (4 * variation).max(SHORTEST_WAIT),
            None => FIRST_WAIT,
        };
        once.saturating_mul(1 << self.tries.min(20))
            .clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// Data up to `offset` has left.
    pub(super) fn time(&mut self, now: Nanos, offset: u64) {
        self.sample.get_or_insert((offset, now));
    }

    /// What is sent again can't be timed.
    pub(super) fn forget_sample(&mut self) {
        self.sample = None;
    }

    /// The peer has everything before `offset`.
    pub(super) fn timed(&mut self, now: Nanos, offset: u64) {
        let Some((expected, left)) = self.sample else {
            return;
        };
        if offset < expected {
            return;
        }
        self.sample = None;
        let took = now.saturating_sub(left);
        self.round_trip = Some(match self.round_trip {
            None => (took, took / 2),
            Some((smoothed, variation)) => (
                smoothed - smoothed / 8 + took / 8,
                variation - variation / 4 + smoothed.abs_diff(took) / 4,
            ),
        });
    }
}
