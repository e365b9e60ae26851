//! What a test under seeds may return.

use std::fmt::Debug;

/// What the body of a test gives: nothing, or a `Result`.
pub trait Outcome {
    /// The text to fail with, if it failed.
    fn into_error(self) -> Option<String>;
}

impl Outcome for () {
    fn into_error(self) -> Option<String> {
        None
    }
}

impl<E: Debug> Outcome for Result<(), E> {
    fn into_error(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}
