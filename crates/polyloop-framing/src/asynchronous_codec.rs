//! [`AsynchronousCodec`]: the codecs of `asynchronous-codec`.

use ::asynchronous_codec as codec;
use bytes::BytesMut;
use polyloop_core::Failure;

use crate::decoder::LONGEST;
use crate::given::Given;
use crate::{Decoded, Decoder, Encoder, FrameError};

/// A codec of `asynchronous-codec`, as a [`Decoder`] and an [`Encoder`]. Such codecs take their bytes
/// out of a buffer of their own, so what comes is copied once.
///
/// ```
/// use polyloop_framing::{Decoded, Decoder as _, AsynchronousCodec};
/// use asynchronous_codec::LinesCodec;
///
/// let mut lines = AsynchronousCodec::new(LinesCodec);
/// let found = lines.decode(b"hello\nyou")?;
/// assert_eq!(found, Decoded::Frame { frame: "hello\n".to_owned(), length: 6 });
/// assert_eq!(lines.decode(b"you")?, Decoded::More);
/// # Ok::<(), polyloop_core::Failure>(())
/// ```
#[derive(Debug)]
pub struct AsynchronousCodec<C> {
    codec: C,
    given: Given,
    longest: usize,
}

impl<C> AsynchronousCodec<C> {
    /// Does as `codec` does.
    pub fn new(codec: C) -> Self {
        Self {
            codec,
            given: Given::default(),
            longest: LONGEST,
        }
    }

    /// How many bytes a frame has at most: 1 MiB unless set.
    #[must_use]
    pub fn limit(mut self, longest: usize) -> Self {
        self.longest = longest;
        self
    }

    /// The codec inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.codec
    }
}

impl<C> Decoder for AsynchronousCodec<C>
where
    C: codec::Decoder + Send + 'static,
    C::Error: std::error::Error + Send + Sync + 'static,
{
    type Frame<'a> = C::Item;

    fn decode(&mut self, bytes: &[u8]) -> Result<Decoded<C::Item>, Failure> {
        self.given.take(bytes, |buffer| {
            self.codec.decode(buffer).map_err(Failure::new)
        })
    }

    fn decode_end(&mut self, bytes: &[u8]) -> Result<Decoded<C::Item>, Failure> {
        self.given.take(bytes, |buffer| {
            self.codec.decode_eof(buffer).map_err(Failure::new)
        })
    }

    fn longest(&self) -> usize {
        self.longest
    }
}

impl<C> Encoder<C::Item<'static>> for AsynchronousCodec<C>
where
    C: codec::Encoder,
    C::Item<'static>: Clone,
    C::Error: std::error::Error,
{
    fn encode(&mut self, frame: &C::Item<'static>, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let mut encoded = BytesMut::new();
        self.codec
            .encode(frame.clone(), &mut encoded)
            .map_err(|error| FrameError::Codec(error.to_string()))?;
        out.extend_from_slice(&encoded);
        Ok(())
    }
}
