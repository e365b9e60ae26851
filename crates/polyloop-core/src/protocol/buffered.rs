//! [`BufferedProtocol`]: a protocol that owns the buffer it reads into.
//!
//! Plain protocols are lent the loop's buffer, so that an idle connection holds
//! none. One that collects large bodies in one place would copy every byte once more
//! than it has to; asyncio's answer, and this one, is to let it say where the bytes
//! shall go. The driver asks each protocol whether it is such a one; for a plain
//! protocol the answer is known when it is compiled, and costs nothing.

use std::any::{Any, TypeId};

use crate::promise::failure::Failure;
use crate::protocol::timer_key::TimerKey;
use crate::protocol::transport::Transport;
use crate::protocol::{CloseReason, OnEof, Protocol, close_idle, itself};

/// A protocol that says where received bytes go. [`Buffered`] makes a [`Protocol`] of
/// it.
///
/// ```
/// use polyloop_core::{Buffered, BufferedProtocol, Failure, Protocol, Transport};
///
/// /// Collects a body whose length is known.
/// struct Body { bytes: Box<[u8]>, filled: usize }
///
/// impl BufferedProtocol for Body {
///     fn get_buffer(&mut self, _hint: usize) -> Result<&mut [u8], Failure> {
///         Ok(&mut self.bytes[self.filled..])
///     }
///     fn buffer_updated(&mut self, transport: &mut dyn Transport, count: usize) -> Result<(), Failure> {
///         self.filled += count;
///         if self.filled == self.bytes.len() {
///             transport.close();
///         }
///         Ok(())
///     }
/// }
///
/// fn body_of(length: usize) -> impl Protocol {
///     Buffered(Body { bytes: vec![0; length].into(), filled: 0 })
/// }
/// # drop(body_of(3));
/// ```
pub trait BufferedProtocol: Send + 'static {
    /// Where the next bytes shall go. An empty buffer, or an error, ends the connection
    /// with that error (BUF-02); one that has no room for now pauses reading instead.
    ///
    /// Asked before each try to read, so also when it turns out that nothing has come
    /// yet: it must not count on being told of bytes each time (BUF-01). `hint` is how
    /// many bytes may well be there.
    fn get_buffer(&mut self, hint: usize) -> Result<&mut [u8], Failure>;

    /// `count` bytes were placed at the beginning of the buffer that was given last: at
    /// least one, and no more than its length.
    fn buffer_updated(
        &mut self,
        transport: &mut dyn Transport,
        count: usize,
    ) -> Result<(), Failure>;

    /// See [`Protocol::connection_made`].
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::eof_received`].
    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        let _ = transport;
        Ok(OnEof::Close)
    }

    /// See [`Protocol::pause_writing`].
    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::resume_writing`].
    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::reading_resumed`].
    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::timer_fired`].
    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        let _ = (transport, key);
        Ok(())
    }

    /// See [`Protocol::went_idle`].
    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        close_idle(transport);
        Ok(())
    }

    /// See [`Protocol::woken`].
    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::upgraded`].
    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::connection_lost`].
    fn connection_lost(&mut self, reason: CloseReason) {
        let _ = reason;
    }
}

/// The [`Protocol`] of a [`BufferedProtocol`].
#[derive(Clone, Debug, Default)]
pub struct Buffered<B>(pub B);

impl<B: BufferedProtocol> Protocol for Buffered<B> {
    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        Some(&mut self.0)
    }

    /// Loops read into the protocol's own buffer and never come here. Code that feeds a
    /// protocol by hand does: a test, or a protocol that wraps others.
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        let mut rest = data;
        while !rest.is_empty() {
            let buffer = checked_buffer(&mut self.0, rest.len())?;
            let count = buffer.len().min(rest.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            self.0.buffer_updated(transport, count)?;
            if transport.is_closing() {
                break;
            }
        }
        Ok(())
    }

    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.connection_made(transport)
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.0.eof_received(transport)
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.pause_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.resume_writing(transport)
    }

    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.reading_resumed(transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        self.0.timer_fired(transport, key)
    }

    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.went_idle(transport)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.woken(transport)
    }

    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.0.upgraded(transport)
    }

    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<Self>() {
            return Some(self);
        }
        itself(&mut self.0, wanted)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.0.connection_lost(reason);
    }
}

/// Asks for the buffer; an empty one is an error.
pub(crate) fn checked_buffer(
    protocol: &mut dyn BufferedProtocol,
    hint: usize,
) -> Result<&mut [u8], Failure> {
    let buffer = protocol.get_buffer(hint)?;
    if buffer.is_empty() {
        return Err(Failure::message(
            "get_buffer gave an empty buffer; it has to have room for at least one byte",
        ));
    }
    Ok(buffer)
}
