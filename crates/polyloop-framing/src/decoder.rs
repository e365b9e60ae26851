//! [`Decoder`]: what finds frames in a stream of bytes.

use polyloop_core::Failure;

/// What a frame has at most where its decoder does not say.
pub(crate) const LONGEST: usize = 1024 * 1024;

/// Finds frames in a stream of bytes.
///
/// It keeps no bytes: whoever has it gives it what has come and was not yet part of a frame,
/// from the beginning, each time more has come. So it may remember how far it has looked.
///
/// ```
/// use polyloop_core::Failure;
/// use polyloop_framing::{Decoded, Decoder, FrameError};
///
/// /// A byte that says how many words of two bytes come.
/// struct Words;
///
/// impl Decoder for Words {
///     type Frame<'a> = &'a [[u8; 2]];
///     fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<Self::Frame<'a>>, Failure> {
///         let length = 1 + 2 * usize::from(bytes[0]);
///         Ok(match bytes.get(1..length) {
///             Some(words) => Decoded::Frame { frame: words.as_chunks().0, length },
///             None => Decoded::More,
///         })
///     }
///     fn longest(&self) -> usize {
///         1 + 2 * 255
///     }
/// }
///
/// let came = [2, b'a', b'b', b'c', b'd', 1];
/// assert!(matches!(Words.decode(&came[..4])?, Decoded::More));
/// assert!(matches!(Words.decode(&came)?, Decoded::Frame { frame: [_, [b'c', b'd']], length: 5 }));
/// # Ok::<(), Failure>(())
/// ```
pub trait Decoder: Send + 'static {
    /// What it finds; it may borrow from the bytes.
    type Frame<'a>;

    /// The frame at the beginning of `bytes`, of which there is at least one.
    ///
    /// An error ends the frames: nothing more is asked of these bytes, and whoever the frames
    /// are for says what becomes of them (FRAME-13). A length that is over the limit is
    /// refused as soon as it is known (FRAME-11).
    fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<Self::Frame<'a>>, Failure>;

    /// The same, when no more will come. The default finds nothing more, so what is left
    /// there is a frame that was cut off (FRAME-12).
    fn decode_end<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<Self::Frame<'a>>, Failure> {
        let _ = bytes;
        Ok(Decoded::More)
    }

    /// How many bytes a frame has at most, with all that belongs to it. Where so many are
    /// there and it has found no frame in them, it has found one that is too long. 1 MiB
    /// unless it says otherwise.
    fn longest(&self) -> usize {
        LONGEST
    }
}

/// What a [`Decoder`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<F> {
    /// A frame, which takes so many bytes with all that belongs to it: at least one.
    Frame {
        /// What it is.
        frame: F,
        /// How many bytes of the input it is.
        length: usize,
    },
    /// So many bytes, at least one, are done with and are no frame: the decoder has noted what
    /// they say, or they say nothing.
    Skipped {
        /// How many bytes of the input.
        length: usize,
    },
    /// The beginning of one: more has to come.
    More,
}
