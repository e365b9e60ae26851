//! [`EndpointError`]: a text that is not an endpoint.

use thiserror::Error;

use crate::promise::failure::Failure;

/// A text that is not an [`Endpoint`](crate::Endpoint) (ENDP-05).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{given:?} is not an endpoint: {problem} (at {position}); expected {expected}")]
#[non_exhaustive]
pub struct EndpointError {
    /// The text.
    pub given: String,
    /// Where the fault begins in it, in bytes.
    pub position: usize,
    /// What is wrong there.
    pub problem: String,
    /// What should stand there.
    pub expected: String,
}

impl From<EndpointError> for Failure {
    #[track_caller]
    fn from(error: EndpointError) -> Self {
        Self::new(error)
    }
}

/// A fault, before it is known in which text.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) position: usize,
    pub(super) problem: String,
    pub(super) expected: String,
}

impl Fault {
    pub(super) fn new(
        position: usize,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            position,
            problem: problem.into(),
            expected: expected.into(),
        }
    }

    pub(super) fn within(self, given: &str) -> EndpointError {
        EndpointError {
            given: given.to_owned(),
            position: self.position,
            problem: self.problem,
            expected: self.expected,
        }
    }
}
