//! [`Framed`]: a protocol that is called with frames.

mod held;

use std::any::{Any, TypeId};

use polyloop_core::{CloseReason, Failure, OnEof, Protocol, TimerKey, Transport};

use crate::{Decoded, Decoder, FrameError};
use held::Held;

/// A network protocol that is called with frames instead of bytes; otherwise a
/// [`Protocol`](polyloop_core::Protocol). [`Framed`] makes one of it.
pub trait FrameProtocol: Send + 'static {
    /// What finds its frames, and writes them if it can.
    type Codec: Decoder;

    /// Its codec, which it has in a field of its own: it may change what the codec does from
    /// inside each callback, and send by it.
    fn codec(&mut self) -> &mut Self::Codec;

    /// A frame came. How the bytes were cut on their way says nothing.
    ///
    /// Where this pauses reading, the next frame comes when reading is resumed (FRAME-07);
    /// where it closes, none does (FRAME-06).
    fn frame_received(
        &mut self,
        transport: &mut dyn Transport,
        frame: <Self::Codec as Decoder>::Frame<'_>,
    ) -> Result<(), Failure>;

    /// What came is no frame, or too long a one: `rest` is that and everything behind it
    /// (FRAME-04), and goes when this returns. Frames before it have been told.
    ///
    /// The default ends the connection with that failure, which is not reported: peers that
    /// break the protocol are an everyday event. Who goes on begins with what comes next
    /// (FRAME-13).
    fn frame_refused(
        &mut self,
        transport: &mut dyn Transport,
        failure: Failure,
        rest: &[u8],
    ) -> Result<(), Failure> {
        let _ = rest;
        transport.fail(failure);
        Ok(())
    }

    /// The peer sends no more, and has ended within a frame, of which `partial` had come
    /// (FRAME-12). [`eof_received`](Self::eof_received) follows, unless this closes.
    ///
    /// The default ends the connection with [`FrameError::Unfinished`].
    fn frame_unfinished(
        &mut self,
        transport: &mut dyn Transport,
        partial: &[u8],
    ) -> Result<(), Failure> {
        let partial = partial.to_vec();
        transport.fail(FrameError::Unfinished { partial }.into());
        Ok(())
    }

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

    /// See [`Protocol::reading_resumed`]. Frames that were held back follow.
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
        Unframed.went_idle(transport)
    }

    /// See [`Protocol::woken`].
    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::upgraded`]. What came behind the frame that asked for it has gone to
    /// the layer, and a plain frame that was unfinished then ends the connection instead
    /// (FRAME-14).
    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// See [`Protocol::connection_lost`].
    fn connection_lost(&mut self, reason: CloseReason) {
        let _ = reason;
    }
}

/// Does what protocols do by default.
struct Unframed;

impl Protocol for Unframed {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

/// The [`Protocol`] of a [`FrameProtocol`].
///
/// It keeps what is unfinished, and no more than a frame and what one read brings. A
/// [`Connection`](polyloop_core::Connection) of it can be had as one of the protocol inside,
/// too.
#[derive(Debug)]
pub struct Framed<P> {
    protocol: P,
    held: Held,
    /// The peer sends no more, and not all of what it sent is told.
    ended: bool,
}

impl<P: FrameProtocol> Framed<P> {
    /// Calls `protocol` with what its codec finds.
    pub fn new(protocol: P) -> Self {
        Self {
            protocol,
            held: Held::default(),
            ended: false,
        }
    }

    /// The protocol inside.
    pub fn get_ref(&self) -> &P {
        &self.protocol
    }

    /// The protocol inside.
    pub fn get_mut(&mut self) -> &mut P {
        &mut self.protocol
    }

    /// The protocol inside, without what was held back.
    pub fn into_inner(self) -> P {
        self.protocol
    }

    /// Tells what lies whole in what came, and holds the rest back.
    fn receive(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        if self.held.is_empty() {
            let used = self.tell(transport, data)?;
            self.held.append(&data[used..]);
            return Ok(());
        }
        self.held.append(data);
        let held = self.held.take();
        let used = self.tell(transport, held.bytes())?;
        self.held = held.without(used);
        Ok(())
    }

    /// Tells frame after frame, and says how many bytes are done with.
    fn tell(&mut self, transport: &mut dyn Transport, bytes: &[u8]) -> Result<usize, Failure> {
        let mut used = 0;
        while used < bytes.len() {
            if transport.is_closing() {
                return Ok(bytes.len());
            }
            if transport.is_reading_paused() {
                break;
            }
            let rest = &bytes[used..];
            if transport.is_upgrading() {
                // Nothing behind what asked for it is a frame that was sent in plain.
                if let Err(late) = transport.read_ahead(rest) {
                    transport.fail(late.into());
                }
                return Ok(bytes.len());
            }
            let codec = self.protocol.codec();
            let decoded = if self.ended {
                codec.decode_end(rest)
            } else {
                codec.decode(rest)
            };
            let refused = match decoded {
                Ok(Decoded::Frame { frame, length }) if (1..=rest.len()).contains(&length) => {
                    used += length;
                    self.protocol.frame_received(transport, frame)?;
                    continue;
                }
                Ok(Decoded::Skipped { length }) if (1..=rest.len()).contains(&length) => {
                    used += length;
                    continue;
                }
                Ok(Decoded::Frame { length, .. } | Decoded::Skipped { length }) => {
                    let given = rest.len();
                    FrameError::NoSuchFrame { length, given }.into()
                }
                Ok(Decoded::More) if rest.len() < codec.longest() || self.ended => break,
                Ok(Decoded::More) => {
                    let (length, limit) = (None, codec.longest());
                    FrameError::TooLong { length, limit }.into()
                }
                Err(failure) => failure,
            };
            self.protocol.frame_refused(transport, refused, rest)?;
            return Ok(bytes.len());
        }
        Ok(used)
    }

    /// The peer sends no more.
    fn finish(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.ended = true;
        let held = self.held.take();
        let used = self.tell(transport, held.bytes())?;
        let rest = held.without(used);
        if !rest.is_empty() && transport.is_reading_paused() {
            self.held = rest;
            return Ok(OnEof::KeepOpen);
        }
        self.ended = false;
        if !rest.is_empty() {
            self.protocol.frame_unfinished(transport, rest.bytes())?;
        }
        if transport.is_closing() {
            return Ok(OnEof::Close);
        }
        self.protocol.eof_received(transport)
    }
}

impl<P: FrameProtocol> Protocol for Framed<P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.protocol.connection_made(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.receive(transport, data)
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        self.finish(transport)
    }

    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.protocol.reading_resumed(transport)?;
        if !self.ended {
            return self.receive(transport, &[]);
        }
        if self.finish(transport)? == OnEof::Close {
            transport.close();
        }
        Ok(())
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.protocol.pause_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.protocol.resume_writing(transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        self.protocol.timer_fired(transport, key)
    }

    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.protocol.went_idle(transport)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.protocol.woken(transport)
    }

    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        if !self.held.is_empty() {
            let partial = self.held.take().bytes().to_vec();
            transport.fail(FrameError::Unfinished { partial }.into());
            return Ok(());
        }
        self.protocol.upgraded(transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.protocol.connection_lost(reason);
    }

    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<Self>() {
            return Some(self);
        }
        (wanted == TypeId::of::<P>()).then_some(&mut self.protocol as &mut dyn Any)
    }
}
