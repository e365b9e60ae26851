//! The sending half of a connection and its flags: what the protocol's
//! [`Transport`](crate::Transport) acts on.

use std::cell::OnceCell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::driver::Origin;
use super::rare::Rare;
use super::write_buffer::WriteBuffer;
use super::{Mailbox, TransportHandle};
use crate::event_loop::backend::Backend as _;
use crate::event_loop::calls::after;
use crate::promise::failure::Failure;
use crate::protocol::stream::Stream;
use crate::protocol::timer_key::TimerKey;
use crate::protocol::transport::{Flow, Transport, WriteError, WriteLimits};
use crate::sync::primitive::Arc;

/// A write at least this large into an empty buffer goes to the system at once:
/// copying it would cost more than the call.
const DIRECT: usize = 16 * 1024;

/// What one write puts into the system by itself; the rest waits its turn in the buffer.
const DIRECT_AT_MOST: usize = 4 * 1024 * 1024;

/// What is sent of the buffer before others have their turn.
const SEND_AT_MOST: usize = 1024 * 1024;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and most combinations occur"
)]
pub(super) struct Io<S> {
    /// Gone once the connection is lost.
    pub(super) stream: Option<S>,
    /// There only while it holds something.
    out: Option<Box<WriteBuffer>>,
    rare: Option<Box<Rare>>,
    pressure: Pressure,
    /// A large write went to the system, or it took no more for a while: there may be much
    /// that the peer does not have yet.
    pub(super) much_sent: bool,
    pub(super) reading_paused: bool,
    /// The peer sends no more.
    pub(super) eof_received: bool,
    /// This side sends no more, once the buffer is empty.
    eof_asked: bool,
    /// The system has been told so.
    pub(super) eof_sent: bool,
    pub(super) closing: bool,
    pub(super) aborted: bool,
}

/// How the write buffer stands to its marks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pressure {
    None,
    /// It went over its high mark and has not been down at the low one.
    Untold,
    /// The protocol has been told so.
    Told,
}

/// How sending ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Everything is with the system.
    All,
    /// The system takes no more for now, and wakes the task when it does.
    Blocked,
    /// It may take more, after others have had their turn.
    Enough,
}

/// What the network said, as one answer on every system: who has read the peer's end is
/// told of a reset as of a broken pipe (PROTO-04).
pub(super) fn network_failure(error: io::Error) -> Failure {
    Failure::new(match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(
            io::ErrorKind::ConnectionReset,
            "the peer has reset the connection",
        ),
        _ => error,
    })
}

/// What a protocol is to be told of its write buffer.
pub(super) enum FlowNews {
    Pause,
    Resume,
}

impl<S: Stream> Io<S> {
    pub(super) fn new(stream: S) -> Self {
        Self::over(Some(stream))
    }

    /// Of a connection that broke before anybody had seen it.
    pub(super) fn broken(error: io::Error) -> Self {
        let mut io = Self::over(None);
        io.rare_or_new().error = Some(Failure::new(error));
        io
    }

    fn over(stream: Option<S>) -> Self {
        Self {
            stream,
            out: None,
            rare: None,
            pressure: Pressure::None,
            much_sent: false,
            reading_paused: false,
            eof_received: false,
            eof_asked: false,
            eof_sent: false,
            closing: false,
            aborted: false,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pressure != Pressure::None
    }

    pub(super) fn has_output(&self) -> bool {
        self.out.is_some() || (self.eof_asked && !self.eof_sent)
    }

    pub(super) fn buffered(&self) -> usize {
        self.out.as_ref().map_or(0, |out| out.len())
    }

    /// Sends what is buffered, up to a limit, and the end of stream behind it.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> io::Result<Sent> {
        let Some(stream) = &mut self.stream else {
            return Ok(Sent::All);
        };
        let mut sent = 0;
        while let Some(mut out) = self.out.take() {
            if sent >= SEND_AT_MOST {
                self.out = Some(out);
                return Ok(Sent::Enough);
            }
            let unsent = out.unsent();
            let piece = &unsent[..unsent.len().min(SEND_AT_MOST)];
            let polled = Pin::new(&mut *stream).poll_write(cx, piece);
            if let Poll::Ready(Ok(n @ 1..)) = polled {
                sent += n;
                if out.advance(n) {
                    out.keep();
                    break;
                }
            }
            self.out = Some(out);
            match polled {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.much_sent = true;
                    return Ok(Sent::Blocked);
                }
            }
        }
        if self.eof_asked && !self.eof_sent {
            match Pin::new(stream).poll_close(cx) {
                Poll::Ready(Ok(())) => self.eof_sent = true,
                // A peer that has reset the connection meanwhile will be seen by
                // the next read.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                    self.eof_sent = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(Sent::Blocked),
            }
        }
        Ok(Sent::All)
    }

    /// Ends this side behind what is buffered.
    pub(super) fn end_output(&mut self) {
        self.eof_asked = true;
        self.look_at_writes();
    }

    /// A pause or a resume that the protocol has not been told yet, strictly in pairs
    /// (TRAN-20). From here on it counts as told.
    pub(super) fn flow_news(&mut self, origin: &impl Origin) -> Option<FlowNews> {
        match self.pressure {
            Pressure::None => return None,
            Pressure::Untold => {
                self.pressure = Pressure::Told;
                return Some(FlowNews::Pause);
            }
            Pressure::Told => {}
        }
        if self.buffered() > self.limits(origin).low() {
            return None;
        }
        self.pressure = Pressure::None;
        Some(FlowNews::Resume)
    }

    /// No write is ordinary any more.
    fn look_at_writes(&mut self) {
        if let Some(out) = &mut self.out {
            out.shut();
        }
    }

    fn append(&mut self, data: &[u8]) {
        match &mut self.out {
            Some(out) => out.append(data),
            None => self.out = Some(WriteBuffer::with(data)),
        }
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
        self.much_sent = true;
        let most = data.len().min(DIRECT_AT_MOST);
        let rest = data.len() - most;
        while data.len() > rest {
            let piece = &data[..data.len() - rest];
            match Pin::new(&mut *stream).poll_write(cx, piece) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => data = &data[n..],
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        Ok(data)
    }

    /// What is seldom there, if it is.
    pub(super) fn rare(&mut self) -> Option<&mut Rare> {
        self.rare.as_deref_mut()
    }

    pub(super) fn rare_ref(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// What is seldom there, made if it isn't.
    pub(super) fn rare_or_new(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The watermarks: its own, or those of all from the same origin.
    pub(super) fn limits(&self, origin: &impl Origin) -> WriteLimits {
        let own = self.rare.as_ref().and_then(|rare| rare.limits);
        own.unwrap_or_else(|| origin.limits())
    }

    fn is_broken(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.error.is_some())
    }

    /// Whether it is this that the stream ended with.
    pub(super) fn is_broken_by(&self, failure: &Failure) -> bool {
        let error = self.rare.as_ref().and_then(|rare| rare.error.as_ref());
        error.is_some_and(|error| error.ptr_eq(failure))
    }

    fn stream(&self) -> io::Result<&S> {
        self.stream
            .as_ref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
    }
}

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
        let io = &mut *self.io;
        if io.stream.is_none() || io.is_broken() || io.aborted {
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
        if io.out.is_none() && data.len() >= DIRECT {
            match io.write_direct(self.cx, data) {
                Ok(left) => rest = left,
                Err(error) => return Err(self.broken(error)),
            }
        }
        if !rest.is_empty() {
            self.io.append(rest);
        }
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
        let mut flow = self.write_with_care(&[])?;
        for part in parts {
            flow = self.write(part)?;
        }
        Ok(flow)
    }

    fn flow(&self) -> Flow {
        if self.io.is_paused() {
            Flow::Pause
        } else {
            Flow::Continue
        }
    }

    fn write_eof(&mut self) {
        if !self.io.closing {
            self.io.end_output();
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
    }

    fn resume_reading(&mut self) {
        self.io.reading_paused = false;
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

    fn local_addr(&self) -> Option<SocketAddr> {
        let mailbox = self.mailbox();
        if let Some(known) = mailbox.known_local() {
            return Some(known);
        }
        let address = self.io.stream.as_ref()?.local_addr().ok()?;
        mailbox.set_local(address);
        Some(address)
    }

    fn peer_addr(&self) -> SocketAddr {
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

    fn handle(&self) -> TransportHandle {
        // Its local address may be asked for when the socket has gone (TRAN-30).
        let _ = self.local_addr();
        TransportHandle {
            mailbox: self.mailbox().clone(),
        }
    }
}
