//! [`Lines`]: frames that end with a delimiter.

mod delimiter;

use polyloop_core::{Failure, Flow, Transport};
use thiserror::Error;

use delimiter::Delimiter;

use crate::{Decoded, Decoder, Encoder, FrameError, SendError};

/// What a line may have unless set otherwise, as Twisted has it.
const LIMIT: usize = 16 * 1024;

/// Lines: frames that end with a delimiter, which is not part of them (FRAME-01 to FRAME-05).
///
/// A protocol that needs bytes as they come for a while, such as a mail's or a request's
/// body, says so from inside its callback: from then on each frame is whatever has come, for
/// [so many bytes](Self::raw_for) or [until it says otherwise](Self::set_raw).
///
/// ```
/// use polyloop_framing::{Decoded, Decoder as _, Lines};
///
/// let mut lines = Lines::crlf();
/// let found = lines.decode(b"DATA\r\nrest")?;
/// assert_eq!(found, Decoded::Frame { frame: &b"DATA"[..], length: 6 });
/// lines.raw_for(2);
/// let found = lines.decode(b"rest")?;
/// assert_eq!(found, Decoded::Frame { frame: &b"re"[..], length: 2 });
/// assert_eq!(lines.decode(b"st")?, Decoded::More);
/// # Ok::<(), polyloop_core::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    delimiter: Delimiter,
    limit: usize,
    /// How much of the line at hand has been looked at.
    searched: usize,
    raw: Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Raw {
    Off,
    On,
    For(u64),
}

/// Lines can't end with nothing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a delimiter of lines has at least one byte, and this one has none")]
#[non_exhaustive]
pub struct EmptyDelimiter;

impl From<EmptyDelimiter> for Failure {
    #[track_caller]
    fn from(error: EmptyDelimiter) -> Self {
        Self::new(error)
    }
}

impl Lines {
    /// Lines that end with a carriage return and a line feed, as Internet protocols have
    /// them.
    pub fn crlf() -> Self {
        Self::by(Delimiter::Crlf)
    }

    /// Lines that end with a line feed.
    pub fn lf() -> Self {
        Self::by(Delimiter::Lf)
    }

    /// Lines that end with a line feed, of which a carriage return before it is a part: for
    /// people at terminals. They are sent with a line feed alone.
    pub fn lf_or_crlf() -> Self {
        Self::by(Delimiter::LfOrCrlf)
    }

    /// Lines that end with `delimiter`.
    ///
    /// # Errors
    /// If it is empty.
    pub fn new(delimiter: impl Into<Vec<u8>>) -> Result<Self, EmptyDelimiter> {
        let delimiter = delimiter.into();
        if delimiter.is_empty() {
            return Err(EmptyDelimiter);
        }
        Ok(Self::by(Delimiter::of(&delimiter)))
    }

    fn by(delimiter: Delimiter) -> Self {
        Self {
            delimiter,
            limit: LIMIT,
            searched: 0,
            raw: Raw::Off,
        }
    }

    /// How many bytes a line may have without its delimiter, in both directions: 16384 unless
    /// set (FRAME-02).
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// From the next frame on, frames are bytes as they come, or are lines again (FRAME-05).
    pub fn set_raw(&mut self, raw: bool) {
        self.raw = if raw { Raw::On } else { Raw::Off };
        self.searched = 0;
    }

    /// So many bytes are frames as they come, and then there are lines again (FRAME-05).
    pub fn raw_for(&mut self, bytes: u64) {
        self.raw = if bytes == 0 {
            Raw::Off
        } else {
            Raw::For(bytes)
        };
        self.searched = 0;
    }

    /// Whether the next frame is bytes as they come.
    pub fn is_raw(&self) -> bool {
        self.raw != Raw::Off
    }

    fn too_long(&self) -> FrameError {
        let (length, limit) = (None, self.limit);
        FrameError::TooLong { length, limit }
    }

    fn check(&self, line: &[u8]) -> Result<(), FrameError> {
        if line.len() > self.limit {
            let length = Some(line.len() as u64);
            let limit = self.limit;
            return Err(FrameError::TooLong { length, limit });
        }
        match self.delimiter.find(line, 0) {
            Some((at, _)) => Err(FrameError::HoldsDelimiter { at }),
            None => Ok(()),
        }
    }
}

impl Default for Lines {
    /// As Internet protocols have them.
    fn default() -> Self {
        Self::crlf()
    }
}

impl Decoder for Lines {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<Decoded<&'a [u8]>, Failure> {
        match self.raw {
            Raw::Off => {}
            Raw::On => {
                let (frame, length) = (bytes, bytes.len());
                return Ok(Decoded::Frame { frame, length });
            }
            Raw::For(left) => {
                let length =
                    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.raw_for(left - length as u64);
                let frame = &bytes[..length];
                return Ok(Decoded::Frame { frame, length });
            }
        }
        let Some((end, length)) = self.delimiter.find(bytes, self.searched) else {
            if bytes.len() - self.delimiter.begun(bytes) > self.limit {
                return Err(self.too_long().into());
            }
            self.searched = bytes.len();
            return Ok(Decoded::More);
        };
        if end > self.limit {
            return Err(self.too_long().into());
        }
        self.searched = 0;
        let frame = &bytes[..end];
        Ok(Decoded::Frame { frame, length })
    }

    fn longest(&self) -> usize {
        self.limit.saturating_add(self.delimiter.longest())
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for Lines {
    fn encode(&mut self, line: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let line = line.as_ref();
        self.check(line)?;
        out.extend_from_slice(line);
        out.extend_from_slice(self.delimiter.sent());
        Ok(())
    }

    fn send(&mut self, transport: &mut dyn Transport, line: &T) -> Result<Flow, SendError> {
        let line = line.as_ref();
        self.check(line)?;
        Ok(transport.write_parts(&[line, self.delimiter.sent()])?)
    }
}
