//! [`FixedSize`]: so many bytes.

use std::num::NonZero;

use polyloop_core::{Failure, Flow, Transport};

use crate::{Decoded, Decoder, Encoder, FrameError, SendError};

/// Frames that all have one size.
///
/// ```
/// use std::num::NonZero;
/// use polyloop_framing::{Decoded, Decoder as _, FixedSize};
///
/// let mut codec = FixedSize::new(NonZero::new(3).expect("not 0"));
/// assert_eq!(codec.decode(b"abcd")?, Decoded::Frame { frame: &b"abc"[..], length: 3 });
/// # Ok::<(), polyloop_core::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct FixedSize {
    size: NonZero<usize>,
}

impl FixedSize {
    /// Frames of so many bytes.
    pub fn new(size: NonZero<usize>) -> Self {
        Self { size }
    }

    fn check(&self, frame: &[u8]) -> Result<(), FrameError> {
        let (expected, got) = (self.size.get(), frame.len());
        if expected == got {
            return Ok(());
        }
        Err(FrameError::WrongSize { expected, got })
    }
}

impl Decoder for FixedSize {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<&'a [u8]>, Failure> {
        let length = self.size.get();
        Ok(match bytes.get(..length) {
            Some(frame) => Decoded::Frame { frame, length },
            None => Decoded::More,
        })
    }

    fn longest(&self) -> usize {
        self.size.get()
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for FixedSize {
    fn encode(&mut self, frame: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        self.check(frame)?;
        out.extend_from_slice(frame);
        Ok(())
    }

    fn send(&mut self, transport: &mut dyn Transport, frame: &T) -> Result<Flow, SendError> {
        let frame = frame.as_ref();
        self.check(frame)?;
        Ok(transport.write(frame)?)
    }
}
