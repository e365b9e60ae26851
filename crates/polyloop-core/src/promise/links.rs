//! The links of a chain. Each is the promise before it and a closure; a panic in
//! the closure fails the chain (PROM-39).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::Promise;
use crate::promise::discard::{caught, discard_in_place};
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;

fn polled_again<T>() -> Poll<Result<T, Failure>> {
    Poll::Ready(Err(Failure::message(
        "a promise was polled again after it had given its outcome",
    )))
}

macro_rules! link {
    ($(#[$doc:meta])* $name:ident) => {
        pin_project! {
            $(#[$doc])*
            #[must_use = "a chain does nothing unless awaited or spawned"]
            #[derive(Debug)]
            pub struct $name<P, F> {
                #[pin]
                source: P,
                f: Option<F>,
            }
        }

        impl<P, F> $name<P, F> {
            pub(super) fn new(source: P, f: F) -> Self {
                Self { source, f: Some(f) }
            }
        }
    };
}

link! {
    /// What [`Promise::then`] returns.
    Then
}
link! {
    /// What [`Promise::or_else`] returns.
    OrElse
}
link! {
    /// What [`Promise::finally`] returns.
    Finally
}
link! {
    /// What [`Promise::on_done`] returns.
    OnDone
}

impl<P, F, U> Future for Then<P, F>
where
    P: Promise,
    F: FnOnce(P::Value) -> Result<U, Failure> + Send,
{
    type Output = Result<U, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.f.is_none() {
            return polled_again();
        }
        let outcome = ready!(this.source.poll(cx));
        Poll::Ready(match (this.f.take(), outcome) {
            (Some(f), Ok(value)) => catch(|| f(value)),
            (None, Ok(_)) => return polled_again(),
            (_, Err(failure)) => Err(failure),
        })
    }
}

impl<P, F, U> Promise for Then<P, F>
where
    P: Promise,
    F: FnOnce(P::Value) -> Result<U, Failure> + Send,
{
    type Value = U;

    by_source!();
}

impl<P, F> Future for OrElse<P, F>
where
    P: Promise,
    F: FnOnce(Failure) -> Result<P::Value, Failure> + Send,
{
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.f.is_none() {
            return polled_again();
        }
        let outcome = ready!(this.source.poll(cx));
        Poll::Ready(match (this.f.take(), outcome) {
            (Some(f), Err(failure)) => catch(|| f(failure)),
            (_, outcome) => outcome,
        })
    }
}

impl<P, F> Promise for OrElse<P, F>
where
    P: Promise,
    F: FnOnce(Failure) -> Result<P::Value, Failure> + Send,
{
    type Value = P::Value;

    by_source!();
}

impl<P, F, U> Future for Finally<P, F>
where
    P: Promise,
    F: FnOnce(Result<P::Value, Failure>) -> Result<U, Failure> + Send,
{
    type Output = Result<U, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.f.is_none() {
            return polled_again();
        }
        let outcome = ready!(this.source.poll(cx));
        match this.f.take() {
            Some(f) => Poll::Ready(catch(|| f(outcome))),
            None => polled_again(),
        }
    }
}

impl<P, F, U> Promise for Finally<P, F>
where
    P: Promise,
    F: FnOnce(Result<P::Value, Failure>) -> Result<U, Failure> + Send,
{
    type Value = U;

    by_source!();
}

impl<P, F> Future for OnDone<P, F>
where
    P: Promise,
    F: FnOnce(&P::Output) + Send,
{
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.source.poll(cx));
        if let Some(f) = this.f.take()
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| f(&outcome)))
        {
            report_here("an on_done observer panicked", &caught(payload));
        }
        Poll::Ready(outcome)
    }
}

impl<P, F> Promise for OnDone<P, F>
where
    P: Promise,
    F: FnOnce(&P::Output) + Send,
{
    type Value = P::Value;

    by_source!();
}

pin_project! {
    /// What [`Promise::and_then`] returns.
    #[project = AndThenProjection]
    #[must_use = "a chain does nothing unless awaited or spawned"]
    #[derive(Debug)]
    pub struct AndThen<P, F, Q> {
        #[pin]
        source: Option<P>,
        f: Option<F>,
        #[pin]
        inner: Option<Q>,
    }
}

impl<P, F, Q> AndThen<P, F, Q> {
    pub(super) fn new(source: P, f: F) -> Self {
        Self {
            source: Some(source),
            f: Some(f),
            inner: None,
        }
    }
}

impl<P, F, Q> Future for AndThen<P, F, Q>
where
    P: Promise,
    F: FnOnce(P::Value) -> Q + Send,
    Q: Promise,
{
    type Output = Result<Q::Value, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(source) = this.source.as_mut().as_pin_mut() {
            let outcome = ready!(source.poll(cx));
            discard_in_place(this.source.as_mut());
            let next = match (this.f.take(), outcome) {
                (Some(f), Ok(value)) => catch(|| Ok(f(value))),
                (None, Ok(_)) => return polled_again(),
                (_, Err(failure)) => Err(failure),
            };
            match next {
                Ok(inner) => this.inner.set(Some(inner)),
                Err(failure) => return Poll::Ready(Err(failure)),
            }
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return polled_again();
        };
        let outcome = ready!(inner.poll(cx));
        discard_in_place(this.inner.as_mut());
        Poll::Ready(outcome)
    }
}

impl<P, F, Q> Promise for AndThen<P, F, Q>
where
    P: Promise,
    F: FnOnce(P::Value) -> Q + Send,
    Q: Promise,
{
    type Value = Q::Value;

    fn cancel(&self, reason: &str) -> bool {
        match (&self.source, &self.inner) {
            (Some(source), _) => source.cancel(reason),
            (None, Some(inner)) => inner.cancel(reason),
            (None, None) => false,
        }
    }

    fn is_done(&self) -> bool {
        // A settled source still leads to a promise that is not known yet.
        self.inner.as_ref().is_some_and(Promise::is_done)
    }

    fn ignore_failure(&self) {
        match (&self.source, &self.inner) {
            (Some(source), _) => source.ignore_failure(),
            (None, Some(inner)) => inner.ignore_failure(),
            (None, None) => {}
        }
    }
}
