//! [`Netstrings`]: `5:hello,`.

use std::io::Write as _;

use polyloop_core::{Failure, Flow, Transport};

use crate::{Decoded, Decoder, Encoder, FrameError, SendError};

/// What a netstring may hold unless set otherwise, as Twisted has it.
const LIMIT: usize = 99_999;

/// Netstrings: a length in decimal digits, a colon, so many bytes, a comma (FRAME-08).
///
/// A length that is over the limit is refused at its digits, before anything of the string
/// has come.
///
/// ```
/// use polyloop_framing::{Decoded, Decoder as _, Netstrings};
///
/// let found = Netstrings::new().decode(b"5:hello,3:you")?;
/// assert_eq!(found, Decoded::Frame { frame: &b"hello"[..], length: 8 });
/// # Ok::<(), polyloop_core::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Netstrings {
    limit: usize,
}

impl Netstrings {
    /// Of at most 99999 bytes each.
    pub fn new() -> Self {
        Self { limit: LIMIT }
    }

    /// How many bytes one may hold, in both directions: 99999 unless set.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn check(&self, frame: &[u8]) -> Result<(), FrameError> {
        if frame.len() > self.limit {
            let (length, limit) = (Some(frame.len() as u64), self.limit);
            return Err(FrameError::TooLong { length, limit });
        }
        Ok(())
    }
}

impl Default for Netstrings {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for Netstrings {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<&'a [u8]>, Failure> {
        let mut length = 0_u64;
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
        let mut count = 0;
        for digit in digits {
            if count == 1 && length == 0 {
                let expected = "a length without leading zeros";
                return Err(FrameError::malformed(expected, bytes).into());
            }
            count += 1;
            length = length
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'));
            if length > self.limit as u64 {
                let (length, limit) = (None, self.limit);
                return Err(FrameError::TooLong { length, limit }.into());
            }
        }
        let begin = match bytes.get(count) {
            None => return Ok(Decoded::More),
            Some(b':') if count > 0 => count + 1,
            Some(_) if count == 0 => {
                return Err(FrameError::malformed("the length of a netstring", bytes).into());
            }
            Some(_) => {
                let expected = "a colon behind the length of a netstring";
                return Err(FrameError::malformed(expected, bytes).into());
            }
        };
        // It is within the limit, which is a `usize`.
        let end = usize::try_from(length).map_or(usize::MAX, |length| begin + length);
        match bytes.get(end) {
            None => Ok(Decoded::More),
            Some(b',') => Ok(Decoded::Frame {
                frame: &bytes[begin..end],
                length: end + 1,
            }),
            Some(_) => {
                let expected = "a comma at the end of a netstring";
                Err(FrameError::malformed(expected, &bytes[end..]).into())
            }
        }
    }

    fn longest(&self) -> usize {
        let digits = self.limit.checked_ilog10().unwrap_or(0) as usize + 1;
        self.limit.saturating_add(digits + 2)
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for Netstrings {
    fn encode(&mut self, frame: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        self.check(frame)?;
        out.extend_from_slice(frame.len().to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(frame);
        out.push(b',');
        Ok(())
    }

    fn send(&mut self, transport: &mut dyn Transport, frame: &T) -> Result<Flow, SendError> {
        let frame = frame.as_ref();
        self.check(frame)?;
        // As long as any number is, and a colon.
        let mut head = [0; 21];
        let mut rest = &mut head[..];
        let _ = write!(rest, "{}:", frame.len());
        let unused = rest.len();
        let used = head.len() - unused;
        Ok(transport.write_parts(&[&head[..used], frame, b","])?)
    }
}
