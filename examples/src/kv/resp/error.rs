//! What is wrong with bytes that are not RESP2.

use thiserror::Error;

/// Bytes that are not RESP2. Where the next request begins is unknown then, so the
/// connection ends.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// An array header without a usable count.
    #[error("Protocol error: invalid multibulk length")]
    ArgumentCount,
    /// A bulk header without a usable length.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// Something else where a bulk header belongs.
    #[error("Protocol error: expected '$', got '{}'", .got.escape_ascii())]
    ExpectedBulk {
        /// The byte found.
        got: u8,
    },
    /// A bulk string that does not end where its header says.
    #[error("Protocol error: a bulk string is not followed by CRLF")]
    BulkEnd,
    /// A header line that goes on and on.
    #[error("Protocol error: too big count string")]
    LongHeader,
    /// An inline command over its limit.
    #[error("Protocol error: too big inline request, the limit is {limit} bytes")]
    LongLine {
        /// The limit.
        limit: usize,
    },
    /// A request over its limit.
    #[error("Protocol error: too big request, the limit is {limit} bytes")]
    LongRequest {
        /// The limit.
        limit: usize,
    },
    /// An inline command whose quotes are not closed.
    #[error("Protocol error: unbalanced quotes in request")]
    Quotes,
}
