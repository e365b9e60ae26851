//! [`Fault`]: why a check failed, and where in it.

use std::fmt;
use std::panic::Location;

/// How a check ended.
pub type Verdict<T = ()> = Result<T, Fault>;

/// Why a check failed. Any error becomes one with `?`, which notes the line.
pub struct Fault {
    message: String,
    location: &'static Location<'static>,
}

impl Fault {
    /// A fault with a message, noting the caller's line.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            location: Location::caller(),
        }
    }

    /// What was expected and what came.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl<E: std::error::Error> From<E> for Fault {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(format!("unexpected error: {error}"))
    }
}

// Not `Display`: a type that is an error itself could not take every error in.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.location.file();
        let file = file.rsplit_once("src/").map_or(file, |(_, tail)| tail);
        write!(f, "{} ({file}:{})", self.message, self.location.line())
    }
}

/// Ends a check with a [`Fault`] unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {{
        let holds: bool = $condition;
        if !holds {
            return Err($crate::fault::Fault::new(format!($($message)+)));
        }
    }};
}

/// Ends a check with a [`Fault`] that shows both values unless they are equal.
macro_rules! ensure_eq {
    ($actual:expr, $expected:expr, $($message:tt)+) => {
        match (&$actual, &$expected) {
            (actual, expected) => {
                if *actual != *expected {
                    return Err($crate::fault::Fault::new(format!(
                        "{}: expected {expected:?}, got {actual:?}",
                        format_args!($($message)+)
                    )));
                }
            }
        }
    };
}

pub(crate) use {ensure, ensure_eq};
