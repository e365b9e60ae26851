//! [`Step`]: what one call of a looping call, or one step of a cooperative task,
//! leaves to be waited for.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt as _;

use crate::promise::Promise;
use crate::promise::discard::{Guarded, caught, discard};
use crate::promise::failure::Failure;

/// What a function or an iterator gave: nothing, a failure, or a promise that has
/// to settle first. Made by [`IntoStep`].
pub struct Step(Kind);

pub(super) type Wait = Guarded<Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>>;

pub(super) enum Kind {
    Done(Result<(), Failure>),
    Wait(Wait),
}

impl Step {
    /// Nothing to wait for.
    pub fn done() -> Self {
        Self(Kind::Done(Ok(())))
    }

    /// The work has failed.
    pub fn failed(failure: impl Into<Failure>) -> Self {
        Self(Kind::Done(Err(failure.into())))
    }

    /// Waits for `future`; what it gives is dropped, and its failure is the step's.
    pub fn wait<F, T>(future: F) -> Self
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        // A panic in it is a failure like any other.
        let guarded = AssertUnwindSafe(future).catch_unwind().map(|outcome| {
            outcome
                .unwrap_or_else(|payload| Err(caught(payload)))
                .map(discard)
        });
        Self(Kind::Wait(Guarded::new(Box::pin(guarded))))
    }

    pub(super) fn kind(self) -> Kind {
        self.0
    }
}

/// What may be returned as a [`Step`]: nothing, a result without a value, or a
/// promise. Other futures become one by [`Step::wait`].
pub trait IntoStep {
    /// Makes the step.
    fn into_step(self) -> Step;
}

impl IntoStep for Step {
    fn into_step(self) -> Step {
        self
    }
}

impl IntoStep for () {
    fn into_step(self) -> Step {
        Step::done()
    }
}

impl IntoStep for Result<(), Failure> {
    fn into_step(self) -> Step {
        Step(Kind::Done(self))
    }
}

impl<P: Promise + 'static> IntoStep for P {
    fn into_step(self) -> Step {
        Step::wait(self)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Done(outcome) => f.debug_tuple("Step").field(outcome).finish(),
            Kind::Wait(_) => f.debug_tuple("Step").field(&"waits").finish(),
        }
    }
}
