//! Requests and their answers: which belongs to which, and what becomes of those that are
//! never answered.
//!
//! A protocol of a client holds one of two: a [`Pipeline`], where answers come in the order
//! of their requests, as in Redis, SMTP or HTTP/1; or a [`Multiplex`], where each bears the
//! number of its request, as in MQTT, DNS or WAMP. Both give a promise for each request; both
//! end the promises of what is left when the connection is lost. Neither writes anything.

mod multiplex;
mod pipeline;

pub use multiplex::Multiplex;
pub use pipeline::Pipeline;

use polyloop_core::Failure;
use thiserror::Error;

/// Why a request was not taken down. It is not to be sent then.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// As many as there may be are not answered yet.
    #[error("{limit} requests are not answered yet, and no more may be")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// One of the same number is not answered yet.
    #[error("the request {id} is not answered yet, and another one can't have its number")]
    InUse {
        /// The number.
        id: String,
    },
}

impl From<AskError> for Failure {
    #[track_caller]
    fn from(error: AskError) -> Self {
        Self::new(error)
    }
}

/// An answer to no request: the peer breaks the protocol. Also where the request was
/// answered before.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unasked {
    /// Nothing is to be answered.
    #[error("an answer came, and there is no request that it could be for")]
    Nothing,
    /// Nothing of that number is.
    #[error("an answer to the request {id} came, and there is none of that number")]
    Id {
        /// The number.
        id: String,
    },
}

impl From<Unasked> for Failure {
    #[track_caller]
    fn from(error: Unasked) -> Self {
        Self::new(error)
    }
}
