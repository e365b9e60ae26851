//! One end of a connection: TCP's state machine.
//!
//! An end never sends by itself: what leaves is collected, and the network takes it
//! from there.

use std::net::SocketAddr;
use std::task::Waker;

use polyloop_core::TcpOptions;

use super::Nanos;
use super::alarm::{ACK_DELAY, Alarms, KEEPALIVE_IDLE, NEVER};
use super::errno::Errno;
use super::incoming::{Arrival, Incoming};
use super::listener::ListenerKey;
use super::outgoing::{Fin, Missing, Outgoing, Progress};
use super::packet::{Kind, Outbound};
use super::ports::Binding;
use crate::HostId;

/// The default size of either buffer.
const BUFFER: usize = 256 * 1024;

/// Where an end stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first segment of the handshake was sent.
    Connecting,
    /// It was answered.
    Answering,
    Open,
    /// Both directions have ended.
    Ended,
    /// Nothing comes or goes any more.
    Dead,
}

/// Who has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A descriptor.
    Program,
    /// It has not been accepted yet.
    Backlog(ListenerKey),
    /// It was closed.
    Nobody,
}

/// One end of a connection.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as in the system"
)]
pub(super) struct End {
    pub(super) host: HostId,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// The socket is of IPv6 while the connection is of IPv4.
    pub(super) mapped: bool,
    pub(super) phase: Phase,
    pub(super) owner: Owner,
    pub(super) error: Option<Errno>,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    pub(super) nodelay: bool,
    pub(super) keepalive: bool,
    pub(super) reset_on_close: bool,
    /// What it occupies, until it lets go.
    pub(super) binding: Option<Binding>,
    /// The pair of addresses is its alone.
    pub(super) paired: bool,
    /// It sent its end before it had the peer's: then its port rests for a while.
    pub(super) ended_first: bool,
    pub(super) alarms: Alarms,
    segment: usize,
    /// Segments that were not acknowledged yet.
    unanswered: u32,
    repeats: u32,
    heard_at: Nanos,
    /// Probes of an idle peer that were not answered.
    pub(super) probes: u32,
}

/// What an arrival means for whoever waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wakes {
    pub(super) reader: bool,
    pub(super) writer: bool,
}

impl End {
    pub(super) fn new(
        host: HostId,
        addresses: (SocketAddr, SocketAddr),
        owner: Owner,
        options: &TcpOptions,
        segment: usize,
        now: Nanos,
    ) -> Self {
        let segment = segment.max(1);
        let phase = match owner {
            Owner::Program => Phase::Connecting,
            _ => Phase::Answering,
        };
        Self {
            host,
            local: addresses.0,
            peer: addresses.1,
            mapped: false,
            phase,
            owner,
            error: None,
            outgoing: Outgoing::new(options.send_buffer_size.unwrap_or(BUFFER)),
            incoming: Incoming::new(options.recv_buffer_size.unwrap_or(BUFFER), segment),
            reader: None,
            writer: None,
            nodelay: options.nodelay,
            keepalive: options.keepalive,
            reset_on_close: false,
            binding: None,
            paired: false,
            ended_first: false,
            alarms: Alarms::new(),
            segment,
            unanswered: 0,
            repeats: 0,
            heard_at: now,
            probes: 0,
        }
    }

    /// Makes a segment; what was to be acknowledged is acknowledged with it.
    pub(super) fn emit(&mut self, out: &mut Vec<Outbound>, kind: Kind) {
        self.unanswered = 0;
        self.repeats = 0;
        self.alarms.ack = NEVER;
        out.push(Outbound {
            kind,
            ack: self.incoming.expected(),
            edge: self.incoming.offer(),
        });
    }

    /// Sends the first segment of the handshake, or its answer.
    pub(super) fn greet(&mut self, now: Nanos, out: &mut Vec<Outbound>) {
        self.alarms.sent_at = now;
        let kind = match self.phase {
            Phase::Connecting => Kind::Syn,
            _ => Kind::SynAck,
        };
        self.emit(out, kind);
    }

    /// The handshake is over, as far as this end knows.
    pub(super) fn establish(&mut self, now: Nanos) {
        self.phase = Phase::Open;
        self.heard_at = now;
        self.alarms.resend = NEVER;
        self.alarms.tries = 0;
        self.alarms.silent_since = None;
    }

    /// Sends whatever may leave.
    pub(super) fn send(&mut self, now: Nanos, out: &mut Vec<Outbound>) {
        if self.phase != Phase::Open {
            return;
        }
        let was_idle = !self.outgoing.in_flight();
        while let Some((offset, payload)) = self.outgoing.next_segment(self.segment, self.nodelay) {
            self.emit(out, Kind::Data { offset, payload });
            self.alarms.time(now, self.outgoing.sent_to());
        }
        if let Some(offset) = self.outgoing.next_fin() {
            self.ended_first = !self.incoming.has_ended();
            self.emit(out, Kind::Fin { offset });
        }
        if was_idle && self.outgoing.in_flight() {
            self.alarms.sent_at = now;
        }
        // The window may have been opened by a segment that was lost.
        if self.alarms.doubt.is_some() && self.alarms.resend == NEVER {
            self.arm_if_waiting(now);
        }
    }

    fn arm_if_waiting(&mut self, now: Nanos) {
        if self.outgoing.waits_for_window() {
            self.alarms.resend = now + self.alarms.wait();
        }
    }

    /// Something to or from this end was lost, or is stuck.
    pub(super) fn doubt(&mut self, now: Nanos) {
        self.alarms.doubt = Some(now);
        let alarms = &mut self.alarms;
        match self.phase {
            Phase::Ended | Phase::Dead => return,
            Phase::Connecting | Phase::Answering => {
                if alarms.resend == NEVER {
                    alarms.resend = now.max(alarms.sent_at + alarms.handshake_wait());
                }
                return;
            }
            Phase::Open => {}
        }
        if alarms.resend == NEVER {
            if self.outgoing.in_flight() {
                alarms.resend = now.max(alarms.sent_at + alarms.wait());
                alarms.silent_since.get_or_insert(alarms.sent_at);
            } else if self.owner == Owner::Nobody && self.outgoing.fin == Fin::Acknowledged {
                alarms.resend = now + super::alarm::ORPHAN_LINGER;
            } else {
                self.arm_if_waiting(now);
            }
        }
        self.watch(now);
    }

    /// Makes sure that an idle peer is probed, if that was asked for.
    pub(super) fn watch(&mut self, now: Nanos) {
        if self.keepalive && self.phase == Phase::Open && self.alarms.keepalive == NEVER {
            self.alarms.keepalive = now.max(self.heard_at + KEEPALIVE_IDLE);
        }
    }

    /// Sends again what is missing at the peer.
    pub(super) fn resend(&mut self, now: Nanos, out: &mut Vec<Outbound>) {
        self.alarms.sent_at = now;
        self.alarms.forget_sample();
        match self.outgoing.first_missing() {
            Some(Missing::Data(offset, payload)) => {
                self.emit(out, Kind::Data { offset, payload });
            }
            Some(Missing::Fin(offset)) => self.emit(out, Kind::Fin { offset }),
            None => {}
        }
    }

    /// A segment that left at `sent` has arrived; it is neither a reset nor of the
    /// handshake.
    pub(super) fn receive(
        &mut self,
        now: Nanos,
        sent: Nanos,
        segment: Outbound,
        out: &mut Vec<Outbound>,
    ) -> Wakes {
        let mut wakes = Wakes::default();
        self.heard(now, sent);
        let repeats = match segment.kind {
            Kind::Ack { repeats } => repeats,
            _ => 0,
        };
        wakes.writer = self.acknowledged(now, &segment, repeats, out);
        let had_gap = self.incoming.has_gap();
        let arrival = match segment.kind {
            Kind::Data { offset, payload } => Some(self.incoming.data(offset, payload)),
            Kind::Fin { offset } => Some(self.incoming.fin(offset)),
            Kind::Probe => {
                self.alarms.ack = now;
                None
            }
            _ => None,
        };
        match arrival {
            Some(Arrival::New) => {
                wakes.reader = true;
                self.unanswered += 1;
                // Whoever fills a gap waits for the word of it.
                let at_once = self.unanswered > 1 || had_gap || self.incoming.has_ended();
                let delay = if at_once { 0 } else { ACK_DELAY };
                self.alarms.ack = self.alarms.ack.min(now + delay);
            }
            Some(Arrival::Repeat) => {
                self.repeats += 1;
                self.alarms.ack = now;
            }
            None => {}
        }
        self.send(now, out);
        if self.incoming.has_ended() && self.outgoing.fin == Fin::Acknowledged {
            self.phase = Phase::Ended;
            self.alarms.resend = NEVER;
            self.alarms.keepalive = NEVER;
        }
        wakes
    }

    fn heard(&mut self, now: Nanos, sent: Nanos) {
        self.heard_at = now;
        self.probes = 0;
        let alarms = &mut self.alarms;
        if alarms.doubt.is_some_and(|since| since < sent) {
            alarms.doubt = None;
            alarms.silent_since = None;
            if !self.outgoing.in_flight() {
                alarms.resend = NEVER;
                alarms.tries = 0;
            }
        }
        if alarms.keepalive != NEVER {
            alarms.keepalive = now + KEEPALIVE_IDLE;
        }
    }

    /// Whether a writer should be woken.
    fn acknowledged(
        &mut self,
        now: Nanos,
        segment: &Outbound,
        repeats: u32,
        out: &mut Vec<Outbound>,
    ) -> bool {
        self.outgoing.open_window(segment.edge);
        match self.outgoing.acknowledge(segment.ack) {
            Progress::None => {
                if self.outgoing.repeated(segment.ack, repeats) {
                    self.outgoing.recover();
                    self.resend(now, out);
                }
                return false;
            }
            Progress::Partial => self.resend(now, out),
            Progress::Full => self.alarms.sent_at = now,
        }
        let alarms = &mut self.alarms;
        alarms.timed(now, segment.ack);
        alarms.tries = 0;
        alarms.silent_since = None;
        if alarms.resend != NEVER {
            alarms.resend = if self.outgoing.in_flight() {
                now + alarms.wait()
            } else {
                NEVER
            };
        }
        self.outgoing.wakes_writer()
    }

    /// Sends the acknowledgement that was put off.
    pub(super) fn acknowledge(&mut self, out: &mut Vec<Outbound>) {
        let repeats = self.repeats;
        self.emit(out, Kind::Ack { repeats });
    }

    /// Something was read. The peer is told, and this gives true, if that made room worth telling of, and that
    /// everything it sent was taken: at the end of this instant, unless the program
    /// answers before, and the word travels with the answer.
    pub(super) fn was_read(&mut self, now: Nanos) -> bool {
        let all_taken = self.unanswered > 0 && self.incoming.unread() == 0;
        let tells = self.phase == Phase::Open && (all_taken || self.incoming.has_news());
        if tells {
            self.alarms.ack = now;
        }
        tells
    }

    /// Whether no program will ever see this end again.
    pub(super) fn is_over(&self) -> bool {
        self.owner == Owner::Nobody && matches!(self.phase, Phase::Ended | Phase::Dead)
    }
}
