//! The sending half of a connection and its flags: what the protocol's
//! [`Transport`](crate::Transport), a [`View`](super::view::View), acts on.

use std::io;
use std::task::{Context, Poll};

use super::carrier::Carrier;
use super::driver::Origin;
use super::rare::Rare;
use super::write_buffer::WriteBuffer;
use crate::promise::failure::Failure;
use crate::protocol::peer::Peer;
use crate::protocol::stream::Stream;
use crate::protocol::transport::WriteLimits;
use crate::protocol::upgrade::Upgrade;

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
    pub(super) stream: Option<Carrier<S>>,
    /// There only while it holds something.
    pub(super) out: Option<Box<WriteBuffer>>,
    rare: Option<Box<Rare>>,
    pub(super) pressure: Pressure,
    /// A large write went to the system, or it took no more for a while: there may be much
    /// that the peer does not have yet.
    pub(super) much_sent: bool,
    /// Something was read or sent since the connection's silence was last looked at.
    pub(super) stirred: bool,
    pub(super) reading_paused: bool,
    /// Reading goes on after a pause, and the protocol has not been told yet.
    pub(super) reading_resumed: bool,
    /// The peer sends no more.
    pub(super) eof_received: bool,
    /// This side sends no more, once the buffer is empty.
    pub(super) eof_asked: bool,
    /// The system has been told so.
    pub(super) eof_sent: bool,
    /// A layered stream has something that it was not asked to send on.
    unflushed: bool,
    pub(super) closing: bool,
    pub(super) aborted: bool,
}

/// How the write buffer stands to its marks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressure {
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

/// Whether the peer is not there any more.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset
    )
}

/// What a protocol is to be told of its write buffer.
pub(super) enum FlowNews {
    Pause,
    Resume,
}

/// Sends what is buffered, up to a limit.
#[inline]
pub(super) fn send_out(
    cx: &mut Context<'_>,
    buffer: &mut Option<Box<WriteBuffer>>,
    mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
) -> io::Result<Sent> {
    let mut sent = 0;
    while let Some(mut out) = buffer.take() {
        if sent >= SEND_AT_MOST {
            *buffer = Some(out);
            return Ok(Sent::Enough);
        }
        let unsent = out.unsent();
        let polled = write(cx, &unsent[..unsent.len().min(SEND_AT_MOST)]);
        if let Poll::Ready(Ok(n @ 1..)) = polled {
            sent += n;
            if out.advance(n) {
                out.keep();
                break;
            }
        }
        *buffer = Some(out);
        match polled {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => return Ok(Sent::Blocked),
        }
    }
    Ok(Sent::All)
}

impl<S: Stream> Io<S> {
    pub(super) fn new(stream: S) -> Self {
        Self::over(Some(Carrier::Own(stream)))
    }

    /// Of a connection that broke before anybody had seen it.
    pub(super) fn broken(error: io::Error) -> Self {
        let mut io = Self::over(None);
        io.rare_or_new().error = Some(Failure::new(error));
        io
    }

    fn over(stream: Option<Carrier<S>>) -> Self {
        Self {
            stream,
            out: None,
            rare: None,
            pressure: Pressure::None,
            much_sent: false,
            stirred: false,
            reading_paused: false,
            reading_resumed: false,
            eof_received: false,
            eof_asked: false,
            eof_sent: false,
            unflushed: false,
            closing: false,
            aborted: false,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.pressure != Pressure::None
    }

    pub(super) fn has_output(&self) -> bool {
        self.out.is_some() || (self.eof_asked && !self.eof_sent) || self.is_unflushed()
    }

    /// Whether what is written may wait inside the stream, and its end is its own.
    pub(super) fn is_layered(&self) -> bool {
        self.stream.as_ref().is_some_and(Carrier::is_layered)
    }

    fn is_unflushed(&self) -> bool {
        self.unflushed && self.is_layered()
    }

    pub(super) fn buffered(&self) -> usize {
        let before = self.stream.as_ref().map_or(0, Carrier::waiting);
        before + self.out.as_ref().map_or(0, |out| out.len())
    }

    /// Sends what is buffered, up to a limit, and the end of stream behind it.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> io::Result<Sent> {
        let Some(stream) = &mut self.stream else {
            return Ok(Sent::All);
        };
        let sent = send_out(cx, &mut self.out, |cx, piece| {
            let polled = stream.poll_write(cx, piece);
            if let Poll::Ready(Ok(1..)) = polled {
                self.unflushed |= stream.is_layered();
                self.stirred = true;
            }
            polled
        })?;
        match sent {
            Sent::All => {}
            Sent::Enough => return Ok(Sent::Enough),
            Sent::Blocked => {
                self.much_sent = true;
                return Ok(Sent::Blocked);
            }
        }
        if self.unflushed && stream.is_layered() {
            match stream.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    return Ok(Sent::Enough);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.much_sent = true;
                    return Ok(Sent::Blocked);
                }
            }
        }
        if self.eof_asked && !self.eof_sent {
            let unheard = self.eof_received && stream.is_layered();
            match stream.poll_close(cx) {
                Poll::Ready(Ok(())) => self.eof_sent = true,
                // A peer that has reset the connection meanwhile will be seen by
                // the next read.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                    self.eof_sent = true;
                }
                // It had everything, and did not wait for the goodbye.
                Poll::Ready(Err(error)) if unheard && is_gone(&error) => self.eof_sent = true,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(Sent::Blocked),
            }
        }
        Ok(Sent::All)
    }

    /// Has what is written from here on wait for an upgrade, which begins when what was
    /// written before is sent.
    pub(super) fn upgrade(&mut self, upgrade: Upgrade, ahead: &[u8], peer: Peer) {
        let out = self.out.take();
        let own = self.stream.take();
        self.stream = own.map(|own| own.upgrade(upgrade, out, ahead, peer));
    }

    /// The stream is another one, which may hold something back from its beginning.
    pub(super) fn upgraded(&mut self) {
        self.unflushed = true;
        self.stirred = true;
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
    pub(super) fn look_at_writes(&mut self) {
        if let Some(out) = &mut self.out {
            out.shut();
        }
    }

    /// The buffer, for something to be put into.
    pub(super) fn out(&mut self) -> &mut WriteBuffer {
        self.out.get_or_insert_with(WriteBuffer::lend)
    }

    /// Writes a large piece past the buffer; what the system does not take is left.
    pub(super) fn write_direct<'d>(
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
            match stream.poll_write(cx, piece) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.unflushed |= stream.is_layered();
                    self.stirred = true;
                    data = &data[n..];
                }
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

    pub(super) fn is_broken(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.error.is_some())
    }

    /// Whether it is this that the stream ended with.
    pub(super) fn is_broken_by(&self, failure: &Failure) -> bool {
        let error = self.rare.as_ref().and_then(|rare| rare.error.as_ref());
        error.is_some_and(|error| error.ptr_eq(failure))
    }

    pub(super) fn stream(&self) -> io::Result<&Carrier<S>> {
        self.stream
            .as_ref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
    }
}

#[cfg(test)]
mod tests;
