//! What a codec of another crate is given: such codecs take their bytes out of a buffer.

use bytes::BytesMut;
use polyloop_core::Failure;

use crate::Decoded;

/// What it has been given and has not taken.
#[derive(Debug, Default)]
pub(crate) struct Given {
    buffer: BytesMut,
}

impl Given {
    /// Has the codec take a frame out of `bytes`, which begin with what it was given before
    /// and has left.
    pub(crate) fn take<T>(
        &mut self,
        bytes: &[u8],
        take: impl FnOnce(&mut BytesMut) -> Result<Option<T>, Failure>,
    ) -> Result<Decoded<T>, Failure> {
        let known = self.buffer.len().min(bytes.len());
        self.buffer.extend_from_slice(&bytes[known..]);
        let taken = take(&mut self.buffer);
        let length = bytes.len().saturating_sub(self.buffer.len());
        match taken {
            Ok(Some(frame)) => Ok(Decoded::Frame { frame, length }),
            Ok(None) if length > 0 => Ok(Decoded::Skipped { length }),
            Ok(None) => Ok(Decoded::More),
            Err(failure) => {
                self.buffer.clear();
                Err(failure)
            }
        }
    }
}
