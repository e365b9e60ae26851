//! What has come and is part of no frame yet.

/// Room that is worth keeping when nothing is held.
const WORTH_KEEPING: usize = 4 * 1024;

/// Bytes that wait: for the rest of their frame, or for reading to go on.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// Those before it are done with.
    begin: usize,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.begin == self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    pub(super) fn append(&mut self, more: &[u8]) {
        if self.begin > 0 {
            self.bytes.drain(..self.begin);
            self.begin = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    /// All of it, while frames are told.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The same without its first `used` bytes.
    pub(super) fn without(mut self, used: usize) -> Self {
        self.begin += used;
        if self.is_empty() {
            self.begin = 0;
            self.bytes.clear();
            if self.bytes.capacity() > WORTH_KEEPING {
                self.bytes = Vec::new();
            }
        }
        self
    }
}
