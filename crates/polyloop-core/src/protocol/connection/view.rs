//! [`View`]: the transport as a callback sees it, for the time of that callback.

use std::cell::OnceCell;
use std::io;
use std::task::Context;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::carrier::Carrier;
use super::driver::Origin;
use super::io::{Io, Pressure, network_failure};
use super::write_buffer::WORTH_KEEPING;
use super::{Mailbox, TransportHandle};
use crate::event_loop::backend::Backend as _;
use crate::event_loop::calls::after;
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::protocol::stream::Stream;
use crate::protocol::timer_key::TimerKey;
use crate::protocol::transport::{Flow, Transport, WriteError, WriteLimits};
use crate::protocol::upgrade::{Upgrade, UpgradeError};
use crate::sync::primitive::Arc;

/// A write at least this large into an empty buffer goes to the system at once:
/// copying it would cost more than the call.
const DIRECT: usize = 16 * 1024;

/// The transport as a callback sees it.
pub(super) struct View<'a, 'c, O, S> {
    pub(super) io: &'a mut Io<S>,
    pub(super) cx: &'a mut Context<'c>,
    pub(super) mailbox: &'a OnceCell<Arc<Mailbox>>,
    pub(super) origin: &'a O,
}

impl<O: Origin, S: Stream> View<'_, '_, O, S> {
    fn mailbox(&self) -> &Arc<Mailbox> {
        self.mailbox.get_or_init(|| self.origin.mailbox())
    }

    // Out of the way of the ordinary write.
    #[inline(never)]
    fn write_with_care(&mut self, data: &[u8]) -> Result<Flow, WriteError> {
        self.check_writable()?;
        let rest = self.write_past_the_buffer(data)?;
        if !rest.is_empty() {
            self.io.out().append(rest);
        }
        self.look_at_marks()
    }

    /// The same for bytes that need not be copied to be kept.
    pub(super) fn write_bytes(&mut self, data: &Bytes) -> Result<Flow, WriteError> {
        if data.len() < WORTH_KEEPING {
            return self.write(data);
        }
        self.check_writable()?;
        let rest = self.write_past_the_buffer(data)?;
        if rest.len() >= WORTH_KEEPING {
            self.io.out().append_piece(data.slice_ref(rest));
        } else if !rest.is_empty() {
            self.io.out().append(rest);
        }
        self.look_at_marks()
    }

    #[inline(never)]
    fn write_parts_with_care(&mut self, parts: &[&[u8]]) -> Result<Flow, WriteError> {
        self.check_writable()?;
        if parts.iter().any(|part| part.len() >= DIRECT) {
            for part in parts {
                self.write(part)?;
            }
            return Ok(self.flow());
        }
        for part in parts.iter().filter(|part| !part.is_empty()) {
            self.io.out().append(part);
        }
        self.look_at_marks()
    }

    fn check_writable(&self) -> Result<(), WriteError> {
        let io = &*self.io;
        if io.stream.is_none() || io.is_broken() || io.aborted {
            return Err(WriteError::Closed);
        }
        if io.closing {
            return Err(WriteError::Closing);
        }
        if io.eof_asked {
            return Err(WriteError::AfterEof);
        }
        Ok(())
    }

    /// Writes what is large enough for it straight to the system, if nothing waits before
    /// it; the rest is left.
    fn write_past_the_buffer<'d>(&mut self, data: &'d [u8]) -> Result<&'d [u8], WriteError> {
        if self.io.out.is_some() || data.len() < DIRECT {
            return Ok(data);
        }
        let left = self.io.write_direct(self.cx, data);
        left.map_err(|error| self.broken(error))
    }

    /// Sees how the buffer stands to its marks, and whether small writes need no care.
    fn look_at_marks(&mut self) -> Result<Flow, WriteError> {
        let high = self.write_limits().high();
        if !self.io.is_paused() && self.io.buffered() > high {
            // Before the writer is told to stop, the system gets a chance.
            if let Err(error) = self.io.send(self.cx) {
                return Err(self.broken(error));
            }
            if self.io.buffered() > high {
                self.pause();
            }
        }
        if !self.io.is_paused()
            && let Some(out) = &mut self.io.out
        {
            out.open_up_to(high);
        }
        Ok(self.flow())
    }

    fn pause(&mut self) {
        self.io.pressure = Pressure::Untold;
        self.io.look_at_writes();
        // One that is not there has never been paused.
        self.mailbox().set_paused(true);
    }

    /// The connection is lost; the driver will say so once the callback is back.
    fn broken(&mut self, error: io::Error) -> WriteError {
        self.io.look_at_writes();
        let known = &mut self.io.rare_or_new().error;
        known.get_or_insert_with(|| network_failure(error));
        WriteError::Closed
    }
}

impl<O: Origin, S: Stream> Transport for View<'_, '_, O, S> {
    fn write(&mut self, data: &[u8]) -> Result<Flow, WriteError> {
        if let Some(out) = &mut self.io.out
            && out.append_at_once(data)
        {
            return Ok(Flow::Continue);
        }
        self.write_with_care(data)
    }

    fn write_parts(&mut self, parts: &[&[u8]]) -> Result<Flow, WriteError> {
        if let Some(out) = &mut self.io.out
            && out.append_all_at_once(parts)
        {
            return Ok(Flow::Continue);
        }
        self.write_parts_with_care(parts)
    }

    fn flow(&self) -> Flow {
        if self.io.is_paused() {
            Flow::Pause
        } else {
            Flow::Continue
        }
    }

    fn write_eof(&mut self) -> Result<(), WriteError> {
        if self.io.closing || self.io.eof_asked {
            return Ok(());
        }
        if !self.can_write_eof() {
            return Err(WriteError::NoHalfClose);
        }
        self.io.end_output();
        Ok(())
    }

    fn can_write_eof(&self) -> bool {
        self.io.stream.as_ref().is_none_or(Carrier::can_write_eof)
    }

    fn upgrade(&mut self, upgrade: &Upgrade, read_ahead: &[u8]) -> Result<(), UpgradeError> {
        match self.check_writable() {
            Ok(()) => {}
            Err(WriteError::Closing) => return Err(UpgradeError::Closing),
            Err(WriteError::AfterEof) => return Err(UpgradeError::AfterEof),
            Err(_) => return Err(UpgradeError::Closed),
        }
        let stream = self.io.stream.as_ref();
        if !stream.is_some_and(Carrier::can_be_upgraded) {
            return Err(UpgradeError::Again);
        }
        if self.io.eof_received {
            return Err(UpgradeError::PeerEnded);
        }
        // While the layer has the stream, it can't be asked.
        let _ = self.local_addr();
        let peer = self.peer();
        self.io.upgrade(upgrade.clone(), read_ahead, peer);
        Ok(())
    }

    fn is_upgrading(&self) -> bool {
        self.io.stream.as_ref().is_some_and(Carrier::is_upgrading)
    }

    fn read_ahead(&mut self, more: &[u8]) -> Result<(), UpgradeError> {
        let stream = self.io.stream.as_mut().ok_or(UpgradeError::Closed)?;
        if stream.read_ahead(more) {
            Ok(())
        } else {
            Err(UpgradeError::NotBeginning)
        }
    }

    fn close(&mut self) {
        if !self.io.closing {
            self.io.closing = true;
            self.io.look_at_writes();
            self.origin.set_closing();
        }
    }

    fn close_within(&mut self, limit: Duration) {
        let now = self.now();
        let closing = &mut self.io.rare_or_new().closing;
        closing.limit(now, limit, Some(limit));
        self.close();
    }

    fn fail(&mut self, reason: Failure) {
        self.io.rare_or_new().closing.fail(reason);
        self.close();
    }

    fn abort(&mut self) {
        self.io.closing = true;
        self.io.aborted = true;
        self.io.look_at_writes();
        self.origin.set_closing();
    }

    fn is_closing(&self) -> bool {
        self.io.closing || self.io.is_broken() || self.io.stream.is_none()
    }

    fn pause_reading(&mut self) {
        self.io.reading_paused = true;
        self.io.reading_resumed = false;
    }

    fn resume_reading(&mut self) {
        self.io.reading_resumed |= self.io.reading_paused;
        self.io.reading_paused = false;
    }

    fn is_reading_paused(&self) -> bool {
        self.io.reading_paused
    }

    fn write_buffer_size(&self) -> usize {
        self.io.buffered()
    }

    fn write_limits(&self) -> WriteLimits {
        self.io.limits(self.origin)
    }

    fn set_write_limits(&mut self, limits: WriteLimits) {
        self.io.rare_or_new().limits = Some(limits);
        self.io.look_at_writes();
        self.mailbox().set_high(limits.high());
        if !self.io.is_paused() && self.io.buffered() > limits.high() {
            self.pause();
        }
    }

    fn local_addr(&self) -> Option<Address> {
        let mailbox = self.mailbox();
        if let Some(known) = mailbox.known_local() {
            return Some(known);
        }
        let address = self.io.stream.as_ref()?.local_addr().ok()?;
        mailbox.set_local(address.clone());
        Some(address)
    }

    fn peer_addr(&self) -> Address {
        match self.mailbox.get() {
            Some(mailbox) => mailbox.peer_addr(),
            None => self.origin.peer().into_address(),
        }
    }

    fn peer(&self) -> Peer {
        match self.mailbox.get() {
            Some(mailbox) => mailbox.peer(),
            None => self.origin.peer(),
        }
    }

    fn nodelay(&self) -> io::Result<bool> {
        self.io.stream()?.nodelay()
    }

    fn set_nodelay(&mut self, on: bool) -> io::Result<()> {
        self.io.stream()?.set_nodelay(on)
    }

    fn keepalive(&self) -> io::Result<bool> {
        self.io.stream()?.keepalive()
    }

    fn set_keepalive(&mut self, on: bool) -> io::Result<()> {
        self.io.stream()?.set_keepalive(on)
    }

    fn now(&self) -> Instant {
        self.origin.backend().state().now()
    }

    fn set_timer(&mut self, key: TimerKey, delay: Duration) {
        let deadline = after(self.now(), delay);
        self.io.rare_or_new().timers.set(key, deadline);
    }

    fn cancel_timer(&mut self, key: TimerKey) -> bool {
        self.io.rare().is_some_and(|rare| rare.timers.cancel(key))
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.io.rare_ref().and_then(|rare| rare.idle.limit())
    }

    fn set_idle_limit(&mut self, limit: Option<Duration>) -> Option<Duration> {
        let now = self.now();
        self.io.rare_or_new().idle.set(now, limit)
    }

    fn reset_idle(&mut self) {
        let now = self.now();
        if let Some(rare) = self.io.rare() {
            rare.idle.reset(now);
        }
    }

    fn handle(&self) -> TransportHandle {
        // Its local address may be asked for when the socket has gone (TRAN-30).
        let _ = self.local_addr();
        TransportHandle::new(self.mailbox().clone())
    }
}
