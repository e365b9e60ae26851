//! [`Checksum`]: a running sum of a stream of bytes, however it is cut.

/// The length of a stream and a number that depends on every byte and its place.
///
/// It takes eight bytes at a time, so that the demo measures sockets and not
/// itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checksum {
    bytes: u64,
    sum: u64,
    /// The bytes of a word that is not full yet; the others are zero.
    partial: [u8; 8],
}

impl Checksum {
    /// The sum of `data` alone.
    pub(crate) fn of(data: &[u8]) -> Self {
        let mut sum = Self::default();
        sum.add(data);
        sum
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn add(&mut self, data: &[u8]) {
        let filled = (self.bytes % 8) as usize;
        self.bytes += data.len() as u64;
        let mut rest = data;
        if filled > 0 {
            let (head, after) = rest.split_at(rest.len().min(8 - filled));
            self.partial[filled..filled + head.len()].copy_from_slice(head);
            rest = after;
            if filled + head.len() < 8 {
                return;
            }
            self.mix(u64::from_le_bytes(self.partial));
            self.partial = [0; 8];
        }
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.partial[..tail.len()].copy_from_slice(tail);
    }

    fn mix(&mut self, word: u64) {
        self.sum = (self.sum.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// How many bytes it has taken.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sum over everything taken so far.
    pub(crate) fn value(&self) -> u64 {
        let mut last = *self;
        last.mix(u64::from_le_bytes(self.partial));
        last.mix(self.bytes);
        last.sum
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes with sum {:016x}", self.bytes, self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn how_the_stream_is_cut_does_not_matter() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut data = vec![0; 1000];
        random.fill(&mut data);
        let whole = Checksum::of(&data);
        for _ in 0..100 {
            let mut cut = Checksum::default();
            let mut rest = data.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.usize(0..=rest.len().min(20)));
                cut.add(piece);
                rest = after;
            }
            assert_eq!(cut, whole);
        }
    }

    #[test]
    fn a_changed_moved_or_missing_byte_shows() {
        let value = |data: &[u8]| Checksum::of(data).value();
        let plain = value(b"a line of text");
        assert_ne!(plain, value(b"a line of teXt"));
        assert_ne!(plain, value(b"a line of tetx"));
        assert_ne!(plain, value(b"a line of tex"));
        assert_ne!(value(b""), value(b"\0"));
    }
}
