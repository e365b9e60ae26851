//! [`FrameError`]: what is wrong with a frame.

use polyloop_core::Failure;
use thiserror::Error;

/// What is wrong with a frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// It is over the limit. Of what comes in, the length is not always known when that is.
    #[error("a frame may have at most {limit} bytes, and this one has {}", length_of(*length))]
    TooLong {
        /// How many bytes it has, if that is known.
        length: Option<u64>,
        /// How many it may have.
        limit: usize,
    },
    /// What came can't be the beginning of one.
    #[error("expected {expected}, got {got:?}")]
    Malformed {
        /// What would have been right.
        expected: &'static str,
        /// What came, what is not text escaped; no more than its first bytes.
        got: String,
    },
    /// The stream ended within it (FRAME-12).
    #[error("the stream ended within a frame, of which {} bytes had come", partial.len())]
    Unfinished {
        /// What had come.
        partial: Vec<u8>,
    },
    /// What is to be sent holds what a frame ends with.
    #[error("a frame can't hold its own delimiter, which this one does at byte {at}")]
    HoldsDelimiter {
        /// Where.
        at: usize,
    },
    /// What is to be sent has another size than all of these frames.
    #[error("a frame has {expected} bytes, and this one has {got}")]
    WrongSize {
        /// How many it has to have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// A [`Decoder`](crate::Decoder) is at fault: it has found a frame of no bytes, or of more
    /// than there are.
    #[error("the decoder found a frame of {length} bytes in {given}")]
    NoSuchFrame {
        /// How long it said the frame was.
        length: usize,
        /// How many bytes it was given.
        given: usize,
    },
    /// A codec of another crate has failed.
    #[error("the codec failed: {0}")]
    Codec(String),
}

fn length_of(length: Option<u64>) -> String {
    length.map_or_else(|| "more".to_owned(), |length| length.to_string())
}

impl FrameError {
    /// What came is something else.
    pub(crate) fn malformed(expected: &'static str, got: &[u8]) -> Self {
        const SHOWN: usize = 40;
        let got = got[..got.len().min(SHOWN)].escape_ascii().to_string();
        Self::Malformed { expected, got }
    }
}

impl From<FrameError> for Failure {
    #[track_caller]
    fn from(error: FrameError) -> Self {
        Self::new(error)
    }
}
