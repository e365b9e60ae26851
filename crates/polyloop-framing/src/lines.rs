//! [`Lines`]: frames that end with a delimiter.

use std::borrow::Cow;

use memchr::memmem;
use polyloop_core::{Failure, Flow, Transport};
use thiserror::Error;

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
    delimiter: Cow<'static, [u8]>,
    /// A carriage return before the delimiter belongs to it.
    or_crlf: bool,
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
        Self::by(Cow::Borrowed(b"\r\n"), false)
    }

    /// Lines that end with a line feed.
    pub fn lf() -> Self {
        Self::by(Cow::Borrowed(b"\n"), false)
    }

    /// Lines that end with a line feed, of which a carriage return before it is a part: for
    /// people at terminals. They are sent with a line feed alone.
    pub fn lf_or_crlf() -> Self {
        Self::by(Cow::Borrowed(b"\n"), true)
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
        Ok(Self::by(Cow::Owned(delimiter), false))
    }

    fn by(delimiter: Cow<'static, [u8]>, or_crlf: bool) -> Self {
        Self {
            delimiter,
            or_crlf,
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

    /// How many bytes at the end of `bytes` may be the beginning of a delimiter (FRAME-03).
    fn begun(&self, bytes: &[u8]) -> usize {
        if self.or_crlf {
            return usize::from(bytes.ends_with(b"\r"));
        }
        let most = (self.delimiter.len() - 1).min(bytes.len());
        (1..=most)
            .rev()
            .find(|&count| bytes.ends_with(&self.delimiter[..count]))
            .unwrap_or(0)
    }

    fn check(&self, line: &[u8]) -> Result<(), FrameError> {
        if line.len() > self.limit {
            let length = Some(line.len() as u64);
            let limit = self.limit;
            return Err(FrameError::TooLong { length, limit });
        }
        match memmem::find(line, &self.delimiter) {
            Some(at) => Err(FrameError::HoldsDelimiter { at }),
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
        // A delimiter may have begun in what was looked at.
        let from = self.searched.saturating_sub(self.delimiter.len() - 1);
        let Some(found) = memmem::find(&bytes[from..], &self.delimiter) else {
            if bytes.len() - self.begun(bytes) > self.limit {
                return Err(self.too_long().into());
            }
            self.searched = bytes.len();
            return Ok(Decoded::More);
        };
        let end = from + found;
        let mut frame = &bytes[..end];
        if self.or_crlf {
            frame = frame.strip_suffix(b"\r").unwrap_or(frame);
        }
        if frame.len() > self.limit {
            return Err(self.too_long().into());
        }
        self.searched = 0;
        let length = end + self.delimiter.len();
        Ok(Decoded::Frame { frame, length })
    }

    fn longest(&self) -> usize {
        let delimiter = self.delimiter.len() + usize::from(self.or_crlf);
        self.limit.saturating_add(delimiter)
    }
}

impl<T: AsRef<[u8]> + ?Sized> Encoder<T> for Lines {
    fn encode(&mut self, line: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let line = line.as_ref();
        self.check(line)?;
        out.extend_from_slice(line);
        out.extend_from_slice(&self.delimiter);
        Ok(())
    }

    fn send(&mut self, transport: &mut dyn Transport, line: &T) -> Result<Flow, SendError> {
        let line = line.as_ref();
        self.check(line)?;
        Ok(transport.write_parts(&[line, &self.delimiter])?)
    }
}
