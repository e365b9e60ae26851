//! The sending half of a connection and its flags: what the protocol's
//! [`Transport`](crate::Transport) acts on.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::scratch;
use super::{Mailbox, TransportHandle};
use crate::backend::Backend;
use crate::calls::{WakeUp, after};
use crate::failure::Failure;
use crate::net::Stream;
use crate::protocol::Protocol;
use crate::transport::{Flow, Transport, WriteError, WriteLimits};

/// A write at least this large into an empty buffer goes to the system at once:
/// copying it would cost more than the call.
const DIRECT: usize = 16 * 1024;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most combinations occur"
)]
pub(super) struct Io<S> {
    /// Gone once the connection is lost.
    pub(super) stream: Option<S>,
    out: BytesMut,
    limits: WriteLimits,
    /// The buffer went over its high mark and has not been down at the low one.
    pub(super) paused: bool,
    /// The protocol has been told so.
    pub(super) told_paused: bool,
    pub(super) reading_paused: bool,
    /// The peer sends no more.
    pub(super) eof_received: bool,
    /// This side sends no more, once the buffer is empty.
    eof_asked: bool,
    /// The system has been told so.
    pub(super) eof_sent: bool,
    pub(super) closing: bool,
    pub(super) aborted: bool,
    /// What a write found out inside a callback; the driver acts on it.
    pub(super) error: Option<Failure>,
    /// Boxed at the first setting and kept: most connections never set one.
    timer: Option<Box<ConnectionTimer>>,
}

#[derive(Default)]
struct ConnectionTimer {
    /// `None` while it is not set.
    deadline: Option<Instant>,
    /// When the task will be woken: at the deadline or, if that was moved to later,
    /// before it. Then it is armed again.
    wake_up: Option<(Instant, WakeUp)>,
}

impl ConnectionTimer {
    /// False if it was not set.
    fn clear(&mut self) -> bool {
        self.wake_up = None;
        self.deadline.take().is_some()
    }
}

impl<S: Stream> Io<S> {
    pub(super) fn new(stream: S, limits: WriteLimits) -> Self {
        Self {
            stream: Some(stream),
            out: BytesMut::new(),
            limits,
            paused: false,
            told_paused: false,
            reading_paused: false,
            eof_received: false,
            eof_asked: false,
            eof_sent: false,
            closing: false,
            aborted: false,
            error: None,
            timer: None,
        }
    }

    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty() || (self.eof_asked && !self.eof_sent)
    }

    /// Sends what is buffered, and the end of stream behind it. Ready when all of it
    /// is with the system.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Ok(()));
        };
        while !self.out.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, &self.out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => self.out.advance(n),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        scratch::keep_write_buffer(std::mem::take(&mut self.out));
        if self.eof_asked && !self.eof_sent {
            match Pin::new(stream).poll_close(cx) {
                Poll::Ready(Ok(())) => self.eof_sent = true,
                // A peer that has reset the connection meanwhile will be seen by
                // the next read.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                    self.eof_sent = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends this side behind what is buffered.
    pub(super) fn end_output(&mut self) {
        self.eof_asked = true;
    }

    /// Whether the buffer is down at its low mark after a pause.
    pub(super) fn may_resume(&self) -> bool {
        self.paused && self.out.len() <= self.limits.low()
    }

    /// Whether these bytes just go to the buffer: the ordinary case of a small write
    /// after another, for which a protocol should pay next to nothing.
    fn only_buffers(&self, data: &[u8]) -> bool {
        // Without a branch for each flag.
        let ordinary = !(self.closing | self.aborted | self.eof_asked | self.paused);
        let after = self.out.len() + data.len();
        ordinary
            && self.error.is_none()
            && !self.out.is_empty()
            && after <= self.out.capacity()
            && after <= self.limits.high()
    }

    fn append(&mut self, data: &[u8]) {
        if self.out.capacity() == 0 {
            self.out = scratch::take_write_buffer();
        }
        self.out.extend_from_slice(data);
    }

    /// Writes a large piece past the buffer; what the system does not take is left.
    fn write_direct<'d>(
        &mut self,
        cx: &mut Context<'_>,
        mut data: &'d [u8],
    ) -> Result<&'d [u8], io::Error> {
        let Some(stream) = &mut self.stream else {
            return Ok(data);
        };
        while !data.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, data) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => data = &data[n..],
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        Ok(data)
    }

    /// Whether the timer is due; otherwise makes sure that the task is woken for it.
    pub(super) fn poll_timer<B: Backend>(&mut self, backend: &B, cx: &Context<'_>) -> bool {
        let Some(timer) = &mut self.timer else {
            return false;
        };
        let Some(deadline) = timer.deadline else {
            return false;
        };
        let now = backend.state().now();
        if now >= deadline {
            timer.clear();
            return true;
        }
        let armed = timer
            .wake_up
            .as_ref()
            .is_some_and(|(at, _)| *at > now && *at <= deadline);
        if !armed {
            // The old one goes first. A closed loop wakes nobody: its end does.
            timer.wake_up = None;
            timer.wake_up = WakeUp::at(backend, deadline, cx.waker())
                .ok()
                .map(|wake_up| (deadline, wake_up));
        }
        false
    }

    pub(super) fn stop_timer(&mut self) {
        self.timer = None;
    }
}

/// The transport as a callback sees it.
pub(super) struct View<'a, 'c, P: Protocol, B, S> {
    pub(super) io: &'a mut Io<S>,
    pub(super) cx: &'a mut Context<'c>,
    pub(super) mailbox: &'a std::sync::Arc<Mailbox<P>>,
    pub(super) backend: &'a B,
}

impl<P: Protocol, B: Backend, S: Stream> View<'_, '_, P, B, S> {
    fn flow(&self) -> Flow {
        if self.io.paused {
            Flow::Pause
        } else {
            Flow::Continue
        }
    }

    fn write_with_care(&mut self, data: &[u8]) -> Result<Flow, WriteError> {
        let io = &mut *self.io;
        if io.stream.is_none() || io.error.is_some() || io.aborted {
            return Err(WriteError::Closed);
        }
        if io.closing {
            return Err(WriteError::Closing);
        }
        if io.eof_asked {
            return Err(WriteError::AfterEof);
        }
        if data.is_empty() {
            return Ok(self.flow());
        }
        let mut rest = data;
        if io.out.is_empty() && data.len() >= DIRECT {
            match io.write_direct(self.cx, data) {
                Ok(left) => rest = left,
                Err(error) => return Err(self.broken(error)),
            }
        }
        if !rest.is_empty() {
            self.io.append(rest);
        }
        if !self.io.paused && self.io.out.len() > self.io.limits.high() {
            // Before the writer is told to stop, the system gets a chance.
            if let Poll::Ready(Err(error)) = self.io.poll_flush(self.cx) {
                return Err(self.broken(error));
            }
            if self.io.out.len() > self.io.limits.high() {
                self.io.paused = true;
                self.mailbox.set_paused(true);
            }
        }
        Ok(self.flow())
    }

    /// The connection is lost; the driver will say so once the callback is back.
    fn broken(&mut self, error: io::Error) -> WriteError {
        self.io.error.get_or_insert_with(|| Failure::new(error));
        WriteError::Closed
    }
}

impl<P: Protocol, B: Backend, S: Stream> Transport for View<'_, '_, P, B, S> {
    fn write(&mut self, data: &[u8]) -> Result<Flow, WriteError> {
        if self.io.only_buffers(data) {
            self.io.out.extend_from_slice(data);
            return Ok(Flow::Continue);
        }
        self.write_with_care(data)
    }

    fn write_eof(&mut self) {
        if !self.io.closing {
            self.io.eof_asked = true;
        }
    }

    fn close(&mut self) {
        if !self.io.closing {
            self.io.closing = true;
            self.mailbox.set_closing();
        }
    }

    fn abort(&mut self) {
        self.io.closing = true;
        self.io.aborted = true;
        self.mailbox.set_closing();
    }

    fn is_closing(&self) -> bool {
        self.io.closing || self.io.error.is_some() || self.io.stream.is_none()
    }

    fn pause_reading(&mut self) {
        self.io.reading_paused = true;
    }

    fn resume_reading(&mut self) {
        self.io.reading_paused = false;
    }

    fn write_buffer_size(&self) -> usize {
        self.io.out.len()
    }

    fn write_limits(&self) -> WriteLimits {
        self.io.limits
    }

    fn set_write_limits(&mut self, limits: WriteLimits) {
        self.io.limits = limits;
        self.mailbox.set_high(limits.high());
        if !self.io.paused && self.io.out.len() > limits.high() {
            self.io.paused = true;
            self.mailbox.set_paused(true);
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        if let Some(known) = self.mailbox.known_local() {
            return Some(known);
        }
        let address = self.io.stream.as_ref()?.local_addr().ok()?;
        self.mailbox.set_local(address);
        Some(address)
    }

    fn peer_addr(&self) -> SocketAddr {
        self.mailbox.peer()
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

    fn set_timer(&mut self, delay: Duration) {
        let deadline = after(self.backend.state().now(), delay);
        let timer = self.io.timer.get_or_insert_default();
        timer.deadline = Some(deadline);
    }

    fn cancel_timer(&mut self) -> bool {
        self.io.timer.as_mut().is_some_and(|timer| timer.clear())
    }

    fn handle(&self) -> TransportHandle {
        // Its local address may be asked for when the socket has gone (TRAN-30).
        let _ = self.local_addr();
        TransportHandle {
            mailbox: self.mailbox.clone(),
        }
    }
}

impl<S: Stream> Io<S> {
    fn stream(&self) -> io::Result<&S> {
        self.stream
            .as_ref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
    }
}
