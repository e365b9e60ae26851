//! [`Encoder`]: what writes frames.

use polyloop_core::{Failure, Flow, Transport, WriteError};
use thiserror::Error;

use crate::error::FrameError;

/// Writes frames that a [`Decoder`](crate::Decoder) at the other end finds.
///
/// ```
/// use polyloop_framing::{Encoder as _, Netstrings};
///
/// let mut out = Vec::new();
/// Netstrings::new().encode(b"hello", &mut out)?;
/// assert_eq!(out, b"5:hello,");
/// # Ok::<(), polyloop_framing::FrameError>(())
/// ```
pub trait Encoder<T: ?Sized> {
    /// Appends the frame to `out`, or leaves it as it is and says why (FRAME-10).
    fn encode(&mut self, frame: &T, out: &mut Vec<u8>) -> Result<(), FrameError>;

    /// Sends the frame, as [`Transport::write`] does, or nothing and says why. The codecs of
    /// this crate neither copy nor allocate for it.
    fn send(&mut self, transport: &mut dyn Transport, frame: &T) -> Result<Flow, SendError> {
        let mut encoded = Vec::new();
        self.encode(frame, &mut encoded)?;
        Ok(transport.write(&encoded)?)
    }
}

/// Why a frame was not sent. Nothing of it has been written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// It can't be one of these frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The connection takes no more data.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<SendError> for Failure {
    /// A refused write stays one: a callback that passes it on has not failed.
    #[track_caller]
    fn from(error: SendError) -> Self {
        match error {
            SendError::Frame(error) => error.into(),
            SendError::Write(error) => error.into(),
        }
    }
}
