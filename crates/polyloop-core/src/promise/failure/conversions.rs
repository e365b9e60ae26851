//! What `?` turns into a [`Failure`] by itself.
//!
//! polyloop's own errors have their conversion beside them.

use std::backtrace::Backtrace;
use std::error::Error;

use super::{Failure, FailureKind};

impl From<&'static str> for Failure {
    #[track_caller]
    fn from(text: &'static str) -> Self {
        Self::message(text)
    }
}

impl From<String> for Failure {
    #[track_caller]
    fn from(text: String) -> Self {
        Self::message(text)
    }
}

impl From<Box<dyn Error + Send + Sync>> for Failure {
    #[track_caller]
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(same) => *same,
            Err(error) => Self::build(
                FailureKind::Error,
                "Error".into(),
                "".into(),
                Some(error),
                Backtrace::capture(),
            ),
        }
    }
}

/// A failure is an error itself, so a conversion from every error would collide with the
/// one from itself: these are the errors that a protocol meets.
macro_rules! wrap {
    ($($error:ty),* $(,)?) => {
        $(
            impl From<$error> for Failure {
                #[track_caller]
                fn from(error: $error) -> Self {
                    Self::new(error)
                }
            }
        )*
    };
}
wrap!(
    std::fmt::Error,
    std::io::Error,
    std::net::AddrParseError,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_is_enough_for_what_parsing_gives() {
        fn parse(line: &[u8]) -> Result<u8, Failure> {
            let text = str::from_utf8(line)?;
            let number: i64 = text.parse()?;
            Ok(u8::try_from(number)?)
        }
        assert_eq!(parse(b"7").unwrap(), 7);
        for (line, error) in [
            (&b"\xff"[..], "Utf8Error: "),
            (b"x", "ParseIntError: "),
            (b"256", "TryFromIntError: "),
        ] {
            let failure = parse(line).unwrap_err();
            assert!(failure.to_string().starts_with(error), "{failure}");
            assert_eq!(failure.location().file(), file!());
        }
    }

    #[test]
    fn a_text_is_a_message() {
        fn refuse(by: u8) -> Result<(), Failure> {
            match by {
                0 => Err("fixed")?,
                _ => Err(format!("made of {by}"))?,
            }
            Ok(())
        }
        assert_eq!(refuse(0).unwrap_err().text(), "fixed");
        assert_eq!(refuse(1).unwrap_err().text(), "made of 1");
    }
}
