//! What an end does when its alarms go off.

use super::Nanos;
use super::alarm::{
    KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, NEVER, ORPHAN_PATIENCE, PATIENCE, SYN_ACK_TRIES,
    SYN_TRIES,
};
use super::end::{End, Owner, Phase};
use super::outgoing::Fin;
use super::packet::{Kind, Outbound};

/// What becomes of an end whose alarm went off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    Alive,
    /// Its peer is taken to be gone.
    TimedOut,
}

impl End {
    /// Something that should have been answered was not.
    pub(super) fn on_resend(&mut self, now: Nanos, out: &mut Vec<Outbound>) -> Outcome {
        self.alarms.resend = NEVER;
        let most = match self.phase {
            Phase::Connecting => SYN_TRIES,
            Phase::Answering => SYN_ACK_TRIES,
            Phase::Open => return self.on_data_resend(now, out),
            Phase::Ended | Phase::Dead => return Outcome::Alive,
        };
        if self.alarms.tries >= most {
            return Outcome::TimedOut;
        }
        self.alarms.tries += 1;
        self.greet(now, out);
        self.alarms.resend = now + self.alarms.handshake_wait();
        Outcome::Alive
    }

    fn on_data_resend(&mut self, now: Nanos, out: &mut Vec<Outbound>) -> Outcome {
        let in_flight = self.outgoing.in_flight();
        let orphan = self.owner == Owner::Nobody;
        if !in_flight && orphan && self.outgoing.fin == Fin::Acknowledged {
            // It has waited long enough for the peer's end.
            return Outcome::TimedOut;
        }
        if !in_flight && !self.outgoing.waits_for_window() {
            return Outcome::Alive;
        }
        let sent_at = self.alarms.sent_at;
        let silent = *self
            .alarms
            .silent_since
            .get_or_insert(if in_flight { sent_at } else { now });
        let patience = if orphan { ORPHAN_PATIENCE } else { PATIENCE };
        if now - silent >= patience {
            return Outcome::TimedOut;
        }
        self.alarms.tries += 1;
        if in_flight {
            self.outgoing.recover();
            self.resend(now, out);
        } else {
            self.emit(out, Kind::Probe);
        }
        self.alarms.resend = now + self.alarms.wait();
        Outcome::Alive
    }

    /// The peer has been silent for long. `in_order` says that nothing stands between
    /// the two: then there is no need to ask.
    pub(super) fn on_keepalive(
        &mut self,
        now: Nanos,
        in_order: bool,
        out: &mut Vec<Outbound>,
    ) -> Outcome {
        self.alarms.keepalive = NEVER;
        if in_order || !self.keepalive || self.phase != Phase::Open {
            self.probes = 0;
            return Outcome::Alive;
        }
        // What is in flight is asked after anyway.
        if !self.outgoing.in_flight() {
            if self.probes >= KEEPALIVE_PROBES {
                return Outcome::TimedOut;
            }
            self.probes += 1;
            self.emit(out, Kind::Probe);
        }
        self.alarms.keepalive = now + KEEPALIVE_INTERVAL;
        Outcome::Alive
    }
}
