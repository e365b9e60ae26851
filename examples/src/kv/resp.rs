//! The parser of RESP2 requests: bytes in any segmentation go in, requests come
//! out.
//!
//! Most reads hold whole requests. Those are parsed where they lie, in the loop's
//! own read buffer, and their arguments are slices of it: nothing is copied. Only
//! what a read leaves unfinished is kept, and the parser remembers how far it got
//! in it, so a value that comes in a thousand pieces is still looked at once.

mod error;

use std::ops::Range;

use memchr::memchr;

pub use error::ProtocolError;

use super::inline;
use super::integer::parse_integer;

/// How large a request may be. What a client announces is never believed: memory is
/// taken for bytes that have come, not for bytes that were promised.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestLimits {
    /// An inline command's line, in bytes.
    pub line: usize,
    /// How many arguments a request has.
    pub arguments: usize,
    /// One argument, in bytes.
    pub argument: usize,
    /// One whole request, in bytes.
    pub request: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            line: 64 * 1024,
            arguments: 1024 * 1024,
            argument: 512 * 1024 * 1024,
            request: 512 * 1024 * 1024 + 64 * 1024,
        }
    }
}

/// A header holds one number: no valid one is longer than this.
const HEADER: usize = 32;

/// One request: the name of a command and its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    bytes: &'a [u8],
    parts: &'a [Range<usize>],
}

impl<'a> Request<'a> {
    /// How many parts it has, the name included; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a request is never empty")]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// The name of the command, as the client wrote it.
    pub fn name(&self) -> &'a [u8] {
        self.part(0)
    }

    /// The part at `index`; the name is at 0.
    ///
    /// # Panics
    /// If there is none. Commands check the number of their arguments first.
    pub fn part(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.parts[index].clone()]
    }

    /// The parts from `index` on.
    pub fn from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.parts[index.min(self.parts.len())..]
            .iter()
            .map(move |part| &bytes[part.clone()])
    }
}

/// Parses requests out of a stream of bytes.
///
/// ```
/// use polyloop_examples::kv::RequestParser;
///
/// let mut parser = RequestParser::default();
/// assert!(parser.feed(b"*2\r\n$4\r\nECHO\r\n$5\r\nhe").next_request()?.is_none());
/// let mut requests = parser.feed(b"llo\r\nPING\r\n");
/// assert_eq!(requests.next_request()?.unwrap().part(1), b"hello");
/// assert_eq!(requests.next_request()?.unwrap().name(), b"PING");
/// assert!(requests.next_request()?.is_none());
/// # Ok::<(), polyloop_examples::kv::ProtocolError>(())
/// ```
#[derive(Debug, Default)]
pub struct RequestParser {
    limits: RequestLimits,
    /// What earlier reads left. Empty, without an allocation, between requests.
    kept: Vec<u8>,
    cursor: Cursor,
    /// The unquoted parts of the last inline command.
    unquoted: Vec<u8>,
}

/// How far a request has been parsed. All positions count from the first byte that
/// is not consumed yet, so they stay right when the bytes are moved.
#[derive(Debug, Default)]
struct Cursor {
    parts: Vec<Range<usize>>,
    /// The end of what is parsed.
    at: usize,
    /// From `at` to here there is no line end.
    searched: usize,
    /// How many bulk strings are still to come; `None` before the array header.
    missing: Option<usize>,
    /// The length of the bulk string whose header has been read.
    bulk: Option<usize>,
}

impl Cursor {
    fn restart(&mut self) {
        self.parts.clear();
        self.at = 0;
        self.searched = 0;
        self.missing = None;
        self.bulk = None;
    }
}

impl RequestParser {
    /// A parser with limits of your own.
    pub fn new(limits: RequestLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Gives it the next bytes; the answer hands out the requests that are complete.
    /// What it has not handed out when it is dropped is kept for the next time.
    pub fn feed<'a>(&'a mut self, data: &'a [u8]) -> Requests<'a> {
        let kept = if self.kept.is_empty() {
            None
        } else {
            self.kept.extend_from_slice(data);
            Some(std::mem::take(&mut self.kept))
        };
        Requests {
            parser: self,
            data,
            kept,
            consumed: 0,
        }
    }

    /// How many bytes wait for the rest of their request.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }
}

/// What [`RequestParser::feed`] returns.
#[derive(Debug)]
pub struct Requests<'a> {
    parser: &'a mut RequestParser,
    data: &'a [u8],
    /// Holds `data` too, behind what earlier reads left.
    kept: Option<Vec<u8>>,
    consumed: usize,
}

impl Requests<'_> {
    /// The next complete request, or `None` until more bytes come.
    ///
    /// After an error there is no sense in asking again.
    pub fn next_request(&mut self) -> Result<Option<Request<'_>>, ProtocolError> {
        loop {
            let window = match &self.kept {
                Some(kept) => &kept[self.consumed..],
                None => &self.data[self.consumed..],
            };
            let parser = &mut *self.parser;
            let Some(found) = parser.cursor.advance(window, &parser.limits)? else {
                return Ok(None);
            };
            let start = self.consumed;
            self.consumed += found.end;
            match found.kind {
                // Blank lines and empty arrays ask for nothing.
                Kind::Inline(line) => {
                    parser.unquoted.clear();
                    inline::split(
                        &window[line],
                        &mut parser.unquoted,
                        &mut parser.cursor.parts,
                    )?;
                    if !self.parser.cursor.parts.is_empty() {
                        return Ok(Some(Request {
                            bytes: &self.parser.unquoted,
                            parts: &self.parser.cursor.parts,
                        }));
                    }
                }
                Kind::Array if parser.cursor.parts.is_empty() => {}
                Kind::Array => {
                    let bytes = match &self.kept {
                        Some(kept) => &kept[start..],
                        None => &self.data[start..],
                    };
                    return Ok(Some(Request {
                        bytes,
                        parts: &self.parser.cursor.parts,
                    }));
                }
            }
        }
    }
}

impl Drop for Requests<'_> {
    fn drop(&mut self) {
        let rest = match self.kept.take() {
            Some(mut kept) => {
                kept.drain(..self.consumed);
                kept
            }
            None => self.data[self.consumed..].to_vec(),
        };
        if rest.is_empty() {
            // An idle connection holds no buffer.
            self.parser.cursor = Cursor::default();
            if self.parser.unquoted.capacity() > 1024 {
                self.parser.unquoted = Vec::new();
            }
        } else {
            self.parser.kept = rest;
        }
    }
}

/// A complete request.
struct Found {
    kind: Kind,
    /// Where the next one begins.
    end: usize,
}

enum Kind {
    Inline(Range<usize>),
    Array,
}

impl Cursor {
    /// Goes on where it stopped. The positions of a complete request stay in `parts`
    /// until the next call.
    fn advance(
        &mut self,
        window: &[u8],
        limits: &RequestLimits,
    ) -> Result<Option<Found>, ProtocolError> {
        if self.at == 0 && self.missing.is_none() {
            // What the last request left.
            self.parts.clear();
        }
        let Some(first) = window.first() else {
            return Ok(None);
        };
        if *first != b'*' {
            return Ok(self.line(window, limits.line)?.map(|line| {
                let end = self.at;
                self.restart();
                Found {
                    kind: Kind::Inline(line),
                    end,
                }
            }));
        }
        if self.missing.is_none() {
            let Some(header) = self.header(window)? else {
                return Ok(None);
            };
            let count = parse_integer(&window[header.start + 1..header.end])
                .ok_or(ProtocolError::ArgumentCount)?;
            // Redis takes a negative count for an empty request, too.
            let count = usize::try_from(count).unwrap_or(0);
            if count > limits.arguments {
                return Err(ProtocolError::ArgumentCount);
            }
            self.missing = Some(count);
        }
        while self.missing.is_some_and(|missing| missing > 0) {
            let Some(part) = self.bulk(window, limits)? else {
                return Ok(None);
            };
            self.parts.push(part);
            self.missing = self.missing.map(|missing| missing - 1);
        }
        let end = self.at;
        let parts = std::mem::take(&mut self.parts);
        self.restart();
        self.parts = parts;
        Ok(Some(Found {
            kind: Kind::Array,
            end,
        }))
    }

    /// One bulk string with its header.
    fn bulk(
        &mut self,
        window: &[u8],
        limits: &RequestLimits,
    ) -> Result<Option<Range<usize>>, ProtocolError> {
        let length = if let Some(length) = self.bulk {
            length
        } else {
            match window.get(self.at) {
                None => return Ok(None),
                Some(b'$') => {}
                Some(&got) => return Err(ProtocolError::ExpectedBulk { got }),
            }
            let Some(header) = self.header(window)? else {
                return Ok(None);
            };
            let length = parse_integer(&window[header.start + 1..header.end])
                .and_then(|length| usize::try_from(length).ok())
                .filter(|length| *length <= limits.argument)
                .ok_or(ProtocolError::BulkLength)?;
            if self.at.saturating_add(length) > limits.request {
                return Err(ProtocolError::LongRequest {
                    limit: limits.request,
                });
            }
            *self.bulk.insert(length)
        };
        let (start, end) = (self.at, self.at + length);
        let Some(ending) = window.get(end..end + 2) else {
            return Ok(None);
        };
        if ending != b"\r\n" {
            return Err(ProtocolError::BulkEnd);
        }
        self.at = end + 2;
        self.searched = self.at;
        self.bulk = None;
        Ok(Some(start..end))
    }

    /// A line that holds one number.
    fn header(&mut self, window: &[u8]) -> Result<Option<Range<usize>>, ProtocolError> {
        match self.line(window, HEADER) {
            Err(_) => Err(ProtocolError::LongHeader),
            found => found,
        }
    }

    /// The line at `at`, without its end.
    fn line(&mut self, window: &[u8], limit: usize) -> Result<Option<Range<usize>>, ProtocolError> {
        let start = self.at;
        let too_long = ProtocolError::LongLine { limit };
        let from = self.searched.max(start);
        let Some(found) = memchr(b'\n', &window[from..]) else {
            self.searched = window.len();
            return if window.len() - start > limit {
                Err(too_long)
            } else {
                Ok(None)
            };
        };
        let newline = from + found;
        if newline - start > limit {
            return Err(too_long);
        }
        self.at = newline + 1;
        self.searched = self.at;
        let carriage_return = newline > start && window[newline - 1] == b'\r';
        Ok(Some(start..newline - usize::from(carriage_return)))
    }
}

#[cfg(test)]
mod tests;
