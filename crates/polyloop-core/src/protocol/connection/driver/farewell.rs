//! The end of a connection: what a close waits for, what the end of the loop leaves it,
//! and what becomes of the socket.

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::turn::{TURNS_PER_POLL, Turn};
use super::{Driver, Origin, Phase};
use crate::event_loop::backend::Backend as _;
use crate::event_loop::calls::after;
use crate::promise::failure::Failure;
use crate::protocol::connection::closing::CutShort;
use crate::protocol::connection::io::network_failure;
use crate::protocol::stream::Stream;
use crate::protocol::{CloseReason, Protocol};

/// How long a peer that has everything may take to end its side.
///
/// Closing a socket with unread input makes the system send a reset, which may
/// overtake what was sent before it. So the socket is kept, what comes is thrown away, and
/// it is closed when the peer has ended, too, or after this time.
const LINGER: Duration = Duration::from_secs(2);

/// How often a connection that is not read from is looked at, where nobody tells of its
/// break.
const PROBE: Duration = Duration::from_secs(1);

impl<P: Protocol, O: Origin, S: Stream> Driver<P, O, S> {
    fn now(&self) -> Instant {
        self.origin.backend().state().now()
    }

    /// Both sides have ended.
    pub(super) fn close_by_itself(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        self.call(cx, |_, transport| {
            transport.close();
            Ok(())
        })
    }

    /// Brings a close further: over once the peer's system has everything, as far as can
    /// be known (TRAN-34).
    pub(super) fn close_on(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Result<Turn, CloseReason> {
        self.throw_input_away(cx, scratch)?;
        // A layered stream has the last word in any case.
        let ends_here = !self.io.eof_received || self.io.is_layered();
        if !self.io.has_output() && !self.io.eof_sent && ends_here {
            self.io.end_output();
            self.flush(cx)?;
            if !self.io.has_output() && !self.io.eof_received {
                // The peer may well be quicker to end its side than this side to ask.
                return self.look_at_rest(false, None);
            }
        }
        let sending = self.io.has_output();
        let eof_received = self.io.eof_received;
        // What the peer had room for in any case is left to the system, which goes on
        // sending when the socket is closed: nothing that comes can reset it any more.
        if !sending && eof_received && !self.io.much_sent {
            return Ok(self.good_end());
        }
        let now = self.now();
        let due = self.io.rare_or_new().closing.is_due(now, sending);
        if !due && self.can_only_wait() {
            return Ok(Turn::Wait);
        }
        let known = self.unconfirmed()?;
        if !sending && self.is_over(known, now) {
            return Ok(self.good_end());
        }
        self.end_behind_output(cx)?;
        self.look_at_rest(sending, known)
    }

    /// Whether a look before it is due would find no more than at the last one.
    fn can_only_wait(&self) -> bool {
        self.io.has_output() || !self.io.eof_received
    }

    /// The peer has ended and lacks something: it gets the end behind it.
    fn end_behind_output(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        if !self.io.has_output() && !self.io.eof_sent {
            self.io.end_output();
            self.flush(cx)?;
        }
        Ok(())
    }

    fn good_end(&self) -> Turn {
        let said = self.io.rare_ref().and_then(|rare| rare.closing.reason());
        Turn::Over(match said {
            Some(failure) => CloseReason::Error(failure.clone()),
            None => CloseReason::Clean,
        })
    }

    fn is_over(&mut self, known: Option<u64>, now: Instant) -> bool {
        match known {
            Some(left) => left == 0,
            None => self.io.eof_received || self.io.rare_or_new().closing.grace_is_over(now),
        }
    }

    fn look_at_rest(&mut self, sending: bool, known: Option<u64>) -> Result<Turn, CloseReason> {
        let now = self.now();
        let left = known.unwrap_or(1) + self.io.buffered() as u64;
        let closing = &mut self.io.rare_or_new().closing;
        match closing.look(now, sending, left) {
            Ok(()) => Ok(Turn::Wait),
            Err(cut) => Err(self.cut(cut)),
        }
    }

    fn cut(&mut self, cut: CutShort) -> CloseReason {
        let said = self.io.rare().and_then(|rare| rare.closing.reason());
        CloseReason::Error(said.cloned().unwrap_or_else(|| Failure::new(cut)))
    }

    /// What the peer's system has not confirmed, if that is known.
    fn unconfirmed(&mut self) -> Result<Option<u64>, CloseReason> {
        match &self.io.stream {
            Some(stream) => stream.unconfirmed().map_err(|error| self.broken(error)),
            None => Ok(None),
        }
    }

    /// The network broke a connection that was closing; if the protocol had said why, that
    /// stays the reason.
    fn broken(&self, error: io::Error) -> CloseReason {
        let said = self.io.rare_ref().and_then(|rare| rare.closing.reason());
        CloseReason::Error(said.cloned().unwrap_or_else(|| network_failure(error)))
    }

    /// Nothing is delivered any more; but a peer that is not read from may never get to
    /// read itself, and its end and its reset are to be seen.
    fn throw_input_away(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Result<(), CloseReason> {
        for _ in 0..TURNS_PER_POLL {
            let (Some(stream), false) = (&mut self.io.stream, self.io.eof_received) else {
                return Ok(());
            };
            match stream.poll_read(cx, scratch) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => self.io.eof_received = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // Below a layer the stream ended without its goodbye: nothing of what came
                // before it was wanted any more.
                Poll::Ready(Err(error))
                    if error.kind() == io::ErrorKind::UnexpectedEof && self.io.is_layered() =>
                {
                    self.io.eof_received = true;
                }
                Poll::Ready(Err(error)) => return Err(self.broken(error)),
            }
        }
        self.busy = true;
        Ok(())
    }

    /// Sees to a connection that is not read from, which would not learn of its break
    /// otherwise (PROTO-15).
    pub(super) fn look_for_break(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        let unread = (self.io.reading_paused || self.io.eof_received) && !self.io.closing;
        if !unread {
            if let Some(rare) = self.io.rare() {
                rare.probe = None;
            }
            return Ok(());
        }
        let Some(stream) = &mut self.io.stream else {
            return Ok(());
        };
        if !stream.wakes_when_broken() {
            let now = self.origin.backend().state().now();
            let probe = &mut self.io.rare_or_new().probe;
            let due = probe.is_some_and(|probe| now >= probe);
            if due || probe.is_none() {
                *probe = Some(after(now, PROBE));
            }
            if !due {
                return Ok(());
            }
        }
        let Some(stream) = &mut self.io.stream else {
            return Ok(());
        };
        match stream.poll_broken(cx) {
            Poll::Ready(error) => Err(CloseReason::Error(network_failure(error))),
            Poll::Pending => Ok(()),
        }
    }

    /// Fires the first timer that is due, and has the task woken for whatever comes next.
    pub(super) fn serve_deadlines(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        let backend = self.origin.backend();
        let stirred = std::mem::take(&mut self.io.stirred);
        let closing = self.io.closing;
        let Some(rare) = self.io.rare() else {
            return Ok(());
        };
        if closing {
            rare.idle.end();
        } else if stirred && rare.idle.due().is_some() {
            rare.idle.reset(backend.state().now());
        }
        let Some(deadline) = rare.deadline() else {
            rare.alarm.clear();
            return Ok(());
        };
        let now = backend.state().now();
        if now < deadline {
            rare.alarm.set(backend, now, deadline, cx);
            return Ok(());
        }
        // What else is due is seen to in the next turn.
        self.busy = true;
        if let Some(key) = rare.timers.take_due(now) {
            return self.call(cx, |p, t| p.timer_fired(t, key));
        }
        if rare.idle.take_due(now) {
            return self.call(cx, |p, t| p.went_idle(t));
        }
        Ok(())
    }

    /// The loop ends. What was asked for before counts: a close that is under way goes on
    /// for as long as the loop waits for its tasks; everything else is over.
    pub(super) fn hurry(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        if self.phase != Phase::New {
            // There may be no other turn: what is left of a delivery, and what came since.
            self.read_mail(cx, usize::MAX)?;
        }
        let state = self.origin.backend().state();
        if !self.io.closing || state.check_open().is_err() {
            return Err(self.torn());
        }
        let (now, limit) = (state.now(), most_of(state.shutdown_limit()));
        let rare = self.io.rare_or_new();
        rare.closing.limit(now, limit, None);
        // The end of the run has taken the wake-ups of all.
        rare.alarm.clear();
        Ok(())
    }

    /// The same for a connection that is lost.
    pub(super) fn hurry_lingering(&mut self) {
        let state = self.origin.backend().state();
        if state.check_open().is_err() {
            self.phase = Phase::Done;
            return;
        }
        let until = after(state.now(), most_of(state.shutdown_limit()));
        let rare = self.io.rare_or_new();
        rare.linger = Some(rare.linger.map_or(until, |known| known.min(until)));
        rare.alarm.clear();
    }

    /// What a connection is told that nobody drives any more.
    pub(super) fn torn(&mut self) -> CloseReason {
        if !self.io.closing || self.io.aborted {
            return CloseReason::Aborted;
        }
        let known = self.unconfirmed().ok().flatten();
        let unsent = known.unwrap_or(1) + self.io.buffered() as u64;
        self.cut(CutShort::LoopEnded { unsent })
    }

    /// Keeps the socket for a while, for what is on its way from the peer.
    pub(super) fn linger(&mut self) {
        if !self.io.eof_received {
            self.phase = Phase::Lingering;
            let until = after(self.now(), LINGER);
            self.io.rare_or_new().linger = Some(until);
        }
    }

    /// Ready when the socket can go.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<()> {
        if self.phase != Phase::Lingering {
            return Poll::Ready(());
        }
        let backend = self.origin.backend();
        if let Some(rare) = self.io.rare()
            && let Some(until) = rare.linger
        {
            let now = backend.state().now();
            if now >= until || !rare.alarm.set(backend, now, until, cx) {
                return Poll::Ready(());
            }
        }
        let Some(stream) = &mut self.io.stream else {
            return Poll::Ready(());
        };
        for _ in 0..TURNS_PER_POLL {
            match stream.poll_read(cx, scratch) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Within the limit, so that the loop has not to say who exceeded it.
fn most_of(limit: Duration) -> Duration {
    limit.saturating_sub(limit / 10)
}
