//! [`Cuts`]: where a stream of bytes is cut on its way.

/// How what is sent is cut into pieces: a protocol reads no more than one at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cuts {
    /// Not at all.
    #[default]
    Whole,
    /// Pieces of so many bytes, the last one shorter. 0 is taken for 1.
    Every(usize),
    /// Behind so many bytes each, counted from the beginning; what lies outside of the bytes
    /// cuts nothing.
    At(Vec<usize>),
    /// Wherever the seed says, in pieces from one byte to all there are.
    Seeded(u64),
}

impl Cuts {
    /// The pieces of `bytes`: all of them, in order, none of them empty.
    ///
    /// ```
    /// use polyloop_testing::Cuts;
    ///
    /// assert_eq!(Cuts::Every(2).pieces(b"abcde"), [&b"ab"[..], b"cd", b"e"]);
    /// assert_eq!(Cuts::At(vec![1, 4]).pieces(b"abcde"), [&b"a"[..], b"bcd", b"e"]);
    /// ```
    pub fn pieces<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        match self {
            Self::Whole if bytes.is_empty() => Vec::new(),
            Self::Whole => vec![bytes],
            Self::Every(length) => bytes.chunks((*length).max(1)).collect(),
            Self::At(places) => {
                let mut places: Vec<usize> = places
                    .iter()
                    .copied()
                    .filter(|place| (1..bytes.len()).contains(place))
                    .collect();
                places.sort_unstable();
                places.dedup();
                places.push(bytes.len());
                let mut from = 0;
                let mut pieces = Vec::new();
                for place in places {
                    if from < place {
                        pieces.push(&bytes[from..place]);
                    }
                    from = place;
                }
                pieces
            }
            Self::Seeded(seed) => {
                let mut random = fastrand::Rng::with_seed(*seed);
                let mut rest = bytes;
                let mut pieces = Vec::new();
                while !rest.is_empty() {
                    // Short pieces as often as long ones.
                    let most = rest.len().min(1 << random.u32(0..16));
                    let (piece, others) = rest.split_at(random.usize(1..=most));
                    pieces.push(piece);
                    rest = others;
                }
                pieces
            }
        }
    }
}
