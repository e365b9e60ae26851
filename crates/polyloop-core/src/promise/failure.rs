//! [`Failure`]: the value a promise fails with.
//!
//! Twisted calls it a Failure, asyncio an exception. It is cheap to clone, so
//! that several waiters and the error hook can all hold the same one, says by
//! its [kind](FailureKind) why the promise failed, and keeps the original error
//! for [`downcast_ref`](Failure::downcast_ref).

mod conversions;

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Display, Write as _};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::Duration;

use crate::promise::discard::{Guarded, caught};
use crate::sync::primitive::Arc;

/// Why a promise failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Somebody cancelled it, or its loop ended.
    Cancelled,
    /// A deadline passed before it settled.
    TimedOut,
    /// Its [`Resolver`](crate::Resolver) was dropped, so it could never settle.
    Broken,
    /// The code that should have produced the value panicked.
    Panicked,
    /// The work itself failed; the original error is the [source](Error::source).
    Error,
}

impl Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "Cancelled",
            Self::TimedOut => "TimedOut",
            Self::Broken => "Broken",
            Self::Panicked => "Panicked",
            Self::Error => "Error",
        })
    }
}

/// A failed result: its kind, its message, and the error it came from.
///
/// | form | shows |
/// | --- | --- |
/// | `{}` | one line, `TypeName: text` (ERR-01); for what is no error of a type, the [kind](FailureKind) stands for the name |
/// | `{:#}` | the chain of sources behind it, as far as the texts before don't say it |
/// | `{:?}` | that line and the place: what an `unwrap` prints (ERR-08) |
/// | `{:#?}` | that, and below it the backtrace, if `RUST_BACKTRACE` asked for one |
///
/// Formatting never fails and never panics, even where the wrapped error's own formatting
/// does (ERR-02).
///
/// `?` makes one of a text, of a boxed error, of polyloop's own errors and of the usual
/// ones of std. Of any other error, `.map_err(Failure::new)?` does; a blanket conversion
/// is not possible for a type that is an error itself. For an error type of your own, say
/// once how it becomes a failure, and `?` does it from then on:
///
/// ```
/// use polyloop_core::Failure;
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the topic {0:?} has a wildcard in it")]
/// struct BadTopic(String);
///
/// impl From<BadTopic> for Failure {
///     #[track_caller] // so that the failure says where the `?` stands
///     fn from(error: BadTopic) -> Self {
///         Self::new(error)
///     }
/// }
///
/// fn check(topic: &str) -> Result<(), BadTopic> {
///     if topic.contains(['+', '#']) { Err(BadTopic(topic.to_owned())) } else { Ok(()) }
/// }
///
/// fn publish(topic: &str) -> Result<(), Failure> {
///     check(topic)?;
///     Ok(())
/// }
///
/// let failure = publish("a/+").unwrap_err();
/// assert_eq!(failure.to_string(), r#"BadTopic: the topic "a/+" has a wildcard in it"#);
/// assert!(failure.downcast_ref::<BadTopic>().is_some());
/// ```
///
/// The original error stays within:
///
/// ```
/// use polyloop_core::{Failure, FailureKind};
///
/// let failure = Failure::new("x1".parse::<u16>().unwrap_err());
/// assert_eq!(failure.kind(), FailureKind::Error);
/// assert_eq!(failure.to_string(), "ParseIntError: invalid digit found in string");
/// assert!(failure.downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
#[derive(Clone)]
pub struct Failure(Arc<Inner>);

struct Inner {
    kind: FailureKind,
    /// The short name in front of the message.
    name: Cow<'static, str>,
    /// Empty where `source` carries the text.
    text: Cow<'static, str>,
    source: Option<Guarded<Box<dyn Error + Send + Sync>>>,
    location: &'static Location<'static>,
    backtrace: Backtrace,
}

impl Failure {
    /// Wraps an error. Wrapping a `Failure` gives that failure back unchanged
    /// instead of nesting it (ERR-04).
    #[track_caller]
    pub fn new<E: Error + Send + Sync + 'static>(error: E) -> Self {
        if let Some(same) = (&error as &dyn Any).downcast_ref::<Self>() {
            return same.clone();
        }
        Self::build(
            FailureKind::Error,
            Cow::Borrowed(short_type_name(std::any::type_name::<E>())),
            Cow::Borrowed(""),
            Some(Box::new(error)),
            Backtrace::capture(),
        )
    }

    /// A failure that has only a message.
    #[track_caller]
    pub fn message(text: impl Into<Cow<'static, str>>) -> Self {
        let backtrace = Backtrace::capture();
        Self::build(
            FailureKind::Error,
            "Error".into(),
            text.into(),
            None,
            backtrace,
        )
    }

    /// What a cancelled promise fails with; the reason reaches its waiter (PROM-25).
    #[track_caller]
    pub fn cancelled(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::of_kind(FailureKind::Cancelled, reason.into())
    }

    /// What a cancelled task fails with. It is made where the loop polls, which a backtrace
    /// would show at the cost of a whole simulation.
    #[track_caller]
    pub(crate) fn cancelled_in_loop(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::build(
            FailureKind::Cancelled,
            FailureKind::Cancelled.to_string().into(),
            reason.into(),
            None,
            Backtrace::disabled(),
        )
    }

    /// What a promise fails with when `limit` has passed.
    #[track_caller]
    pub fn timed_out(limit: Duration) -> Self {
        Self::of_kind(
            FailureKind::TimedOut,
            format!("not settled within {limit:?}").into(),
        )
    }

    /// What a promise fails with when its resolver is dropped.
    #[track_caller]
    pub fn broken() -> Self {
        Self::of_kind(
            FailureKind::Broken,
            "the resolver was dropped before it settled the promise".into(),
        )
    }

    /// Turns what a panic carried, as [`std::panic::catch_unwind`] hands it out,
    /// into a failure with the panic's message.
    #[track_caller]
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&'static str>()
            .map(|text| Cow::Borrowed(*text))
            .or_else(|| payload.downcast_ref::<String>().cloned().map(Cow::Owned))
            .unwrap_or(Cow::Borrowed("a panic without a text"));
        Self::of_kind(FailureKind::Panicked, text)
    }

    /// The same failure, said to come from `location`: for one that core builds on
    /// behalf of code of a user.
    pub(crate) fn at(mut self, location: &'static Location<'static>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.location = location;
        }
        self
    }

    #[track_caller]
    fn of_kind(kind: FailureKind, text: Cow<'static, str>) -> Self {
        let backtrace = Backtrace::capture();
        Self::build(kind, kind.to_string().into(), text, None, backtrace)
    }

    #[track_caller]
    fn build(
        kind: FailureKind,
        name: Cow<'static, str>,
        text: Cow<'static, str>,
        source: Option<Box<dyn Error + Send + Sync>>,
        backtrace: Backtrace,
    ) -> Self {
        Self(Arc::new(Inner {
            kind,
            name,
            text,
            source: source.map(Guarded::new),
            location: Location::caller(),
            backtrace,
        }))
    }

    /// Why it failed.
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// Whether it was cancelled, which is a choice and not a fault.
    pub fn is_cancelled(&self) -> bool {
        self.0.kind == FailureKind::Cancelled
    }

    /// Whether a deadline passed.
    pub fn is_timed_out(&self) -> bool {
        self.0.kind == FailureKind::TimedOut
    }

    /// Whether a panic was caught.
    pub fn is_panicked(&self) -> bool {
        self.0.kind == FailureKind::Panicked
    }

    /// The text alone: the cancel reason, the panic's message, or the wrapped
    /// error's own text.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0.source {
            Some(source) => Cow::Owned(text_of(source.as_ref())),
            None => Cow::Borrowed(&self.0.text),
        }
    }

    /// The original error, or the first of that type among its sources.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let mut next = self
            .0
            .source
            .as_deref()
            .map(|e| &**e as &(dyn Error + 'static));
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// The first [`std::io::Error`]'s kind among the sources, if there is one.
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        self.downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
    }

    /// Where in the program it was made; for the panic or the cancellation of a task,
    /// where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// Where it was made; captured under the conditions of
    /// [`Backtrace::capture`] (`RUST_BACKTRACE`). `{:#?}` prints it. That a task was cancelled
    /// has none: it is made where the loop polls the task, and tells nothing of who did it.
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.backtrace
    }

    /// Whether the two are clones of one failure.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = one_line(self.text());
        write!(f, "{}: {shown}", self.0.name)?;
        if f.alternate() {
            let mut next = self.0.source.as_ref().and_then(|error| error.source());
            while let Some(error) = next {
                let text = one_line(text_of(error).into());
                // Many an error ends with the text of its source.
                if !shown.ends_with(&*text) {
                    write!(f, ": {text}")?;
                }
                shown = text;
                next = error.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#} (at {})", self.0.location)?;
        if f.alternate() && self.0.backtrace.status() == BacktraceStatus::Captured {
            write!(f, "\n{}", self.0.backtrace)?;
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|error| &**error as _)
    }
}

/// Runs code of a user; its panic becomes a failure like any other.
pub(crate) fn catch<R>(f: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| Err(caught(payload)))
}

/// The error's text; a placeholder where its own formatting fails or panics.
fn text_of(error: &(dyn Error + 'static)) -> String {
    catch_unwind(AssertUnwindSafe(|| {
        let mut text = String::new();
        write!(text, "{error}").map(|()| text)
    }))
    .map_err(caught)
    .ok()
    .and_then(Result::ok)
    .unwrap_or_else(|| "an error whose text could not be formatted".to_owned())
}

fn one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\n') {
        let lines: Vec<_> = text.split('\n').map(str::trim).collect();
        Cow::Owned(lines.join(" "))
    } else {
        text
    }
}

/// `alloc::boxed::Box<a::b::C<d::E>>` becomes `Box<…>`; `a::b::C` becomes `C`.
fn short_type_name(full: &'static str) -> &'static str {
    let plain = full.split('<').next().unwrap_or(full);
    plain.rsplit("::").next().unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Rude;
    impl Display for Rude {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text for you")
        }
    }
    impl Error for Rude {}

    #[test]
    fn formatting_survives_an_error_that_panics_when_formatted() {
        let text = Failure::new(Rude).to_string();
        assert!(text.starts_with("Rude: "), "{text}");
    }

    #[test]
    fn wrapping_twice_does_not_nest() {
        let first = Failure::message("once");
        let second = Failure::new(first.clone());
        assert!(second.ptr_eq(&first));
        let boxed: Box<dyn Error + Send + Sync> = Box::new(first.clone());
        assert!(Failure::from(boxed).ptr_eq(&first));
    }

    #[test]
    fn the_message_stays_on_one_line() {
        assert_eq!(Failure::message("a\n  b").to_string(), "Error: a b");
    }

    #[test]
    fn the_alternate_form_shows_the_chain() {
        let io = std::io::Error::other("x".parse::<u8>().unwrap_err());
        let text = format!("{:#}", Failure::new(io));
        assert!(text.contains("invalid digit"), "{text}");
    }

    #[test]
    fn the_alternate_form_says_nothing_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't read the {what}: {source}")]
        struct Quoting<E: Error + 'static> {
            what: &'static str,
            source: E,
        }
        let digit = "x".parse::<u8>().unwrap_err();
        let inner = Quoting {
            what: "number",
            source: digit,
        };
        let outer = Quoting {
            what: "line",
            source: inner,
        };
        assert_eq!(
            format!("{:#}", Failure::new(outer)),
            "Quoting: can't read the line: can't read the number: invalid digit found in string"
        );
    }

    /// With a backtrace whatever the environment says.
    fn with_a_backtrace() -> Failure {
        let io = std::io::Error::other("x".parse::<u8>().unwrap_err());
        let mut failure = Failure::new(io);
        Arc::get_mut(&mut failure.0).unwrap().backtrace = Backtrace::force_capture();
        failure
    }

    #[test]
    fn what_an_unwrap_prints_is_one_line_and_the_backtrace_is_there_on_request() {
        let failure = with_a_backtrace();
        let place = failure.location();
        let line = format!("Error: invalid digit found in string (at {place})");
        assert_eq!(format!("{failure:?}"), line);
        let long = format!("{failure:#?}");
        assert!(
            long.starts_with(&line) && long.lines().count() > 10,
            "{long}"
        );
    }

    #[test]
    fn a_panic_keeps_its_message() {
        let payload = catch_unwind(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(Failure::panicked(payload.as_ref()).text(), "number 7");
    }
}
