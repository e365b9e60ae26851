//! Lines out of a stream of bytes.

use std::borrow::Cow;

use memchr::memchr;
use thiserror::Error;

/// Cuts a stream into lines, however it arrives, and never keeps more than one line
/// of limited length.
///
/// ```
/// use polyloop_examples::chat::Lines;
///
/// let mut lines = Lines::new(100);
/// let mut data = &b"one\r\ntw"[..];
/// assert_eq!(lines.next(&mut data)?.as_deref(), Some(&b"one"[..]));
/// assert_eq!(lines.next(&mut data)?, None);
/// let mut data = &b"o\n"[..];
/// assert_eq!(lines.next(&mut data)?.as_deref(), Some(&b"two"[..]));
/// # Ok::<(), polyloop_examples::chat::LineTooLong>(())
/// ```
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

/// A line over the limit. The rest of it is not looked for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a line may have at most {limit} bytes")]
#[non_exhaustive]
pub struct LineTooLong {
    /// The limit.
    pub limit: usize,
}

impl Lines {
    /// Lines of at most `limit` bytes, not counting their end.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            begun: Vec::new(),
        }
    }

    /// Takes the next line off `data`, or all of it if there is no line end. A line
    /// that lies in `data` as a whole is not copied.
    pub fn next<'a>(&mut self, data: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, LineTooLong> {
        let Some(end) = memchr(b'\n', data) else {
            // One more, for a carriage return.
            if self.begun.len() + data.len() > self.limit + 1 {
                return Err(LineTooLong { limit: self.limit });
            }
            self.begun.extend_from_slice(data);
            *data = &[];
            return Ok(None);
        };
        let head = &data[..end];
        *data = &data[end + 1..];
        let mut line = if self.begun.is_empty() {
            Cow::Borrowed(head)
        } else {
            let mut whole = std::mem::take(&mut self.begun);
            whole.extend_from_slice(head);
            Cow::Owned(whole)
        };
        if line.last() == Some(&b'\r') {
            match &mut line {
                Cow::Borrowed(line) => *line = &line[..line.len() - 1],
                Cow::Owned(line) => drop(line.pop()),
            }
        }
        if line.len() > self.limit {
            return Err(LineTooLong { limit: self.limit });
        }
        Ok(Some(line))
    }

    /// What came after the last line end, when nothing more comes.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.begun);
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::{LineTooLong, Lines};

    fn cut(pieces: &[&[u8]], limit: usize) -> (Vec<String>, Result<(), LineTooLong>) {
        let mut lines = Lines::new(limit);
        let mut found = Vec::new();
        for piece in pieces {
            let mut data = *piece;
            loop {
                match lines.next(&mut data) {
                    Ok(Some(line)) => found.push(String::from_utf8_lossy(&line).into_owned()),
                    Ok(None) => break,
                    Err(error) => return (found, Err(error)),
                }
            }
        }
        (found, Ok(()))
    }

    #[test]
    fn every_cut_gives_the_same_lines() {
        let stream = b"a\r\n\nlonger line\n\r\nb\rc\n";
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                let expected = ["a", "", "longer line", "", "b\rc"].map(str::to_owned);
                assert_eq!(cut(&pieces, 11), (expected.to_vec(), Ok(())));
            }
        }
    }

    #[test]
    fn the_limit_is_exact_and_does_not_wait_for_the_end() {
        assert_eq!(cut(&[b"12345\r\n"], 5).0, ["12345"]);
        assert_eq!(cut(&[b"123456\n"], 5).1, Err(LineTooLong { limit: 5 }));
        assert_eq!(cut(&[b"123", b"4567"], 5).1, Err(LineTooLong { limit: 5 }));
    }

    #[test]
    fn the_last_line_needs_no_end() {
        let mut lines = Lines::new(9);
        assert_eq!(lines.next(&mut &b"half"[..]), Ok(None));
        assert_eq!(lines.finish().as_deref(), Some(&b"half"[..]));
        assert_eq!(lines.finish(), None);
    }
}
