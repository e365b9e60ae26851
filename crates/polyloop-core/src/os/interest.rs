//! [`Interest`]: the direction that is waited for.

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// There is something to read, or nothing more will come: end of stream, a hang-up or an
    /// error counts as well.
    Readable,
    /// There is room to write, or writing fails at once.
    Writable,
}
