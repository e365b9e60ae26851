//! [`TokioCodec`]: the codecs of `tokio-util`.

use bytes::BytesMut;
use polyloop_core::Failure;
use tokio_util::codec;

use crate::decoder::LONGEST;
use crate::given::Given;
use crate::{Decoded, Decoder, Encoder, FrameError};

/// A codec of `tokio-util`, as a [`Decoder`] and an [`Encoder`]. Such codecs take their bytes
/// out of a buffer of their own, so what comes is copied once.
///
/// ```
/// use polyloop_framing::{Decoded, Decoder as _, TokioCodec};
/// use tokio_util::codec::LinesCodec;
///
/// let mut lines = TokioCodec::new(LinesCodec::new());
/// let found = lines.decode(b"hello\nyou")?;
/// assert_eq!(found, Decoded::Frame { frame: "hello".to_owned(), length: 6 });
/// assert_eq!(lines.decode(b"you")?, Decoded::More);
/// # Ok::<(), polyloop_core::Failure>(())
/// ```
#[derive(Debug)]
pub struct TokioCodec<C> {
    codec: C,
    given: Given,
    longest: usize,
}

impl<C> TokioCodec<C> {
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

impl<C> Decoder for TokioCodec<C>
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

impl<C, T> Encoder<T> for TokioCodec<C>
where
    C: codec::Encoder<T>,
    C::Error: std::error::Error,
    T: Clone,
{
    fn encode(&mut self, frame: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let mut encoded = BytesMut::new();
        self.codec
            .encode(frame.clone(), &mut encoded)
            .map_err(|error| FrameError::Codec(error.to_string()))?;
        out.extend_from_slice(&encoded);
        Ok(())
    }
}
