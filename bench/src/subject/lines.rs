//! The hand-written way to echo lines: collect what one read brought into one write.

use memchr::memchr_iter;

/// Room for what one read brings.
pub(crate) const READ: usize = 64 * 1024;

/// Bytes in, whole lines out.
pub(crate) struct LineCollector {
    input: Box<[u8]>,
    /// Where the beginning of an unfinished line ends.
    filled: usize,
    output: Vec<u8>,
}

impl LineCollector {
    pub(crate) fn new() -> Self {
        Self {
            input: vec![0; READ].into_boxed_slice(),
            filled: 0,
            output: Vec::with_capacity(READ),
        }
    }

    /// Where to read into.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.input[self.filled..]
    }

    /// The lines that are whole after `read` more bytes; `None` if there is one that
    /// is too long for the buffer.
    pub(crate) fn collect(&mut self, read: usize) -> Option<&[u8]> {
        self.output.clear();
        let end = self.filled + read;
        let mut start = 0;
        for at in memchr_iter(b'\n', &self.input[..end]) {
            self.output.extend_from_slice(&self.input[start..=at]);
            start = at + 1;
        }
        self.input.copy_within(start..end, 0);
        self.filled = end - start;
        (self.filled < self.input.len()).then_some(&self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::LineCollector;

    #[test]
    fn an_unfinished_line_waits_for_its_end() {
        let mut lines = LineCollector::new();
        let mut feed = |bytes: &[u8]| {
            lines.room()[..bytes.len()].copy_from_slice(bytes);
            lines.collect(bytes.len()).unwrap().to_vec()
        };
        assert_eq!(feed(b"one\ntw"), b"one\n");
        assert_eq!(feed(b"o"), b"");
        assert_eq!(feed(b"\nthree\nf"), b"two\nthree\n");
    }
}
