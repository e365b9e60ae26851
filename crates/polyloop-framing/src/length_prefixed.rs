//! [`LengthPrefixed`]: a length, and so many bytes.

use polyloop_core::{Failure, Flow, Transport};

use crate::{Decoded, Decoder, Encoder, FrameError, SendError};

/// What a frame may hold unless set otherwise, where its prefix can say as much.
const LIMIT: usize = 1024 * 1024;

/// Frames that begin with their length, in 1, 2, 4 or 8 bytes (FRAME-09 to FRAME-11).
///
/// The length is that of what follows. It is refused as soon as it is known to be over the
/// limit, before anything of the frame is kept.
///
/// ```
/// use polyloop_framing::{Decoded, Decoder as _, LengthPrefixed};
///
/// let mut codec = LengthPrefixed::u16().limit(1000);
/// let found = codec.decode(b"\0\x05hello\0\x03you")?;
/// assert_eq!(found, Decoded::Frame { frame: &b"hello"[..], length: 7 });
/// # Ok::<(), polyloop_core::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct LengthPrefixed {
    width: usize,
    little_endian: bool,
    limit: usize,
}

impl LengthPrefixed {
    /// A length in one byte.
    pub fn u8() -> Self {
        Self::of(1)
    }

    /// A length in two bytes, the most significant first.
    pub fn u16() -> Self {
        Self::of(2)
    }

    /// A length in four bytes, the most significant first.
    pub fn u32() -> Self {
        Self::of(4)
    }

    /// A length in eight bytes, the most significant first.
    pub fn u64() -> Self {
        Self::of(8)
    }

    fn of(width: usize) -> Self {
        Self {
            width,
            little_endian: false,
            limit: LIMIT,
        }
    }

    /// The least significant byte of the length comes first.
    #[must_use]
    pub fn little_endian(mut self) -> Self {
        self.little_endian = true;
        self
    }

    /// How many bytes may follow a length, in both directions: 1 MiB unless set, and never
    /// more than the prefix can say.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn most(&self) -> usize {
        let by_prefix = match self.width {
            8 => u64::MAX,
            width => (1 << (8 * width)) - 1,
        };
        usize::try_from(by_prefix).map_or(self.limit, |most| most.min(self.limit))
    }

    fn check(&self, length: u64) -> Result<usize, FrameError> {
        let limit = self.most();
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            _ => {
                let length = Some(length);
                Err(FrameError::TooLong { length, limit })
            }
        }
    }

    /// The prefix is the first `width` bytes of it.
    fn prefix(&self, length: usize) -> [u8; 8] {
        let mut prefix = (length as u64).to_le_bytes();
        if !self.little_endian {
            prefix[..self.width].reverse();
        }
        prefix
    }
}

impl Decoder for LengthPrefixed {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<&'a [u8]>, Failure> {
        let Some((prefix, rest)) = bytes.split_at_checked(self.width) else {
            return Ok(Decoded::More);
        };
        let mut length = [0; 8];
        length[..self.width].copy_from_slice(prefix);
        if !self.little_endian {
            length[..self.width].reverse();
        }
        let length = self.check(u64::from_le_bytes(length))?;
        Ok(match rest.get(..length) {
            Some(frame) => Decoded::Frame {
                frame,
                length: self.width + length,
            },
            None => Decoded::More,
        })
    }

    fn longest(&self) -> usize {
        self.most().saturating_add(self.width)
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for LengthPrefixed {
    fn encode(&mut self, frame: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        let length = self.check(frame.len() as u64)?;
        out.extend_from_slice(&self.prefix(length)[..self.width]);
        out.extend_from_slice(frame);
        Ok(())
    }

    fn send(&mut self, transport: &mut dyn Transport, frame: &T) -> Result<Flow, SendError> {
        let frame = frame.as_ref();
        let length = self.check(frame.len() as u64)?;
        let prefix = self.prefix(length);
        Ok(transport.write_parts(&[&prefix[..self.width], frame])?)
    }
}
