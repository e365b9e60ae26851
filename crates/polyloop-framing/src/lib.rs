//! Frames: what a protocol means by a message, cut out of a stream of bytes.
//!
//! A [`Decoder`] finds frames, an [`Encoder`] writes them, and [`Framed`] makes a
//! [`Protocol`](polyloop_core::Protocol) of a [`FrameProtocol`], which is called with one
//! frame after the other. However the bytes are cut on their way, the frames are the same; a
//! frame that lies whole in what was read is neither copied nor allocated; what is kept of an
//! unfinished one is bounded; and once the protocol pauses reading, or closes, it gets no
//! more.
//!
//! | codec | a frame is |
//! | --- | --- |
//! | [`Lines`] | a line, by any delimiter; and bytes as they come, where a protocol switches to those |
//! | [`Netstrings`] | `5:hello,` |
//! | [`LengthPrefixed`] | a length in 1, 2, 4 or 8 bytes, and so many bytes |
//! | [`FixedSize`] | so many bytes |
//! | `TokioCodec`, `AsynchronousCodec` | whatever a codec of `tokio-util` or `asynchronous-codec` says (features of these names) |
//! | your own [`Decoder`] | whatever you say |
//!
//! ```
//! use polyloop_core::{Failure, Loop, Protocol, ListenError, Server, Transport};
//! use polyloop_framing::{Encoder as _, FrameProtocol, Framed, Lines};
//!
//! struct Greeter(Lines);
//!
//! impl FrameProtocol for Greeter {
//!     type Codec = Lines;
//!     fn codec(&mut self) -> &mut Lines {
//!         &mut self.0
//!     }
//!     fn frame_received(&mut self, transport: &mut dyn Transport, name: &[u8]) -> Result<(), Failure> {
//!         self.0.send(transport, &[b"hello, ", name].concat())?;
//!         Ok(())
//!     }
//! }
//!
//! async fn greet<L: Loop>(lp: &L) -> Result<Server<Framed<Greeter>>, ListenError> {
//!     lp.serve("127.0.0.1:0", || Framed::new(Greeter(Lines::crlf()))).await
//! }
//! ```
//!
//! A client's protocol asks, too: a [`Pipeline`] or a [`Multiplex`] knows which answer
//! belongs to which request.
//!
//! The numbers in the documentation (FRAME-01, …) are those of the conformance suite.

#[cfg(feature = "asynchronous-codec")]
mod asynchronous_codec;
mod decoder;
mod encoder;
mod error;
mod fixed_size;
mod framed;
#[cfg(any(feature = "asynchronous-codec", feature = "tokio-util"))]
mod given;
mod length_prefixed;
mod lines;
mod netstrings;
mod requests;
#[cfg(feature = "tokio-util")]
mod tokio_codec;

#[cfg(feature = "asynchronous-codec")]
pub use self::asynchronous_codec::AsynchronousCodec;
pub use decoder::{Decoded, Decoder};
pub use encoder::{Encoder, SendError};
pub use error::FrameError;
pub use fixed_size::FixedSize;
pub use framed::{FrameProtocol, Framed};
pub use length_prefixed::LengthPrefixed;
pub use lines::{EmptyDelimiter, Lines};
pub use netstrings::Netstrings;
pub use requests::{AskError, Multiplex, Pipeline, Unasked};
#[cfg(feature = "tokio-util")]
pub use tokio_codec::TokioCodec;
