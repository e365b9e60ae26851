//! What lines end with, and how it is found.

use memchr::memchr;
use memchr::memmem::Finder;

/// What lines end with.
#[derive(Clone, Debug)]
pub(super) enum Delimiter {
    Lf,
    Crlf,
    /// A line feed, of which a carriage return before it is a part.
    LfOrCrlf,
    /// Anything else, not empty.
    Other(Box<Finder<'static>>),
}

impl Delimiter {
    pub(super) fn of(delimiter: &[u8]) -> Self {
        match delimiter {
            b"\n" => Self::Lf,
            b"\r\n" => Self::Crlf,
            other => Self::Other(Box::new(Finder::new(other).into_owned())),
        }
    }

    /// What is sent behind a line.
    pub(super) fn sent(&self) -> &[u8] {
        match self {
            Self::Lf | Self::LfOrCrlf => b"\n",
            Self::Crlf => b"\r\n",
            Self::Other(finder) => finder.needle(),
        }
    }

    /// How many bytes it has at most.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::LfOrCrlf => 2,
            other => other.sent().len(),
        }
    }

    /// The end of the first line in `bytes`, and of its delimiter. There was none in the first
    /// `searched` of them, but it may have begun there.
    pub(super) fn find(&self, bytes: &[u8], searched: usize) -> Option<(usize, usize)> {
        match self {
            Self::Lf => {
                let end = searched + memchr(b'\n', &bytes[searched..])?;
                Some((end, end + 1))
            }
            Self::LfOrCrlf => {
                let feed = searched + memchr(b'\n', &bytes[searched..])?;
                let end = feed - usize::from(bytes[..feed].ends_with(b"\r"));
                Some((end, feed + 1))
            }
            Self::Crlf => {
                let mut from = searched;
                loop {
                    let feed = from + memchr(b'\n', &bytes[from..])?;
                    if bytes[..feed].ends_with(b"\r") {
                        return Some((feed - 1, feed + 1));
                    }
                    from = feed + 1;
                }
            }
            Self::Other(finder) => {
                let length = finder.needle().len();
                let from = searched.saturating_sub(length - 1);
                let end = from + finder.find(&bytes[from..])?;
                Some((end, end + length))
            }
        }
    }

    /// How many bytes at the end of `bytes` may be its beginning (FRAME-03).
    pub(super) fn begun(&self, bytes: &[u8]) -> usize {
        match self {
            Self::Lf => 0,
            Self::Crlf | Self::LfOrCrlf => usize::from(bytes.ends_with(b"\r")),
            Self::Other(finder) => {
                let delimiter = finder.needle();
                let most = (delimiter.len() - 1).min(bytes.len());
                (1..=most)
                    .rev()
                    .find(|&count| bytes.ends_with(&delimiter[..count]))
                    .unwrap_or(0)
            }
        }
    }
}
