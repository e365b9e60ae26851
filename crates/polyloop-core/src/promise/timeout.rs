//! [`Timeout`]: a promise with a limit.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Promise;
use crate::promise::delays::Delays;
use crate::promise::failure::Failure;

pin_project! {
    /// What [`Promise::timeout`] returns.
    #[must_use = "a promise with a timeout does nothing unless awaited or spawned"]
    pub struct Timeout<P, D: Delays> {
        #[pin]
        source: P,
        // Gone once the limit has passed, or from the start if it is zero.
        #[pin]
        timer: Option<D::Delay>,
        limit: Duration,
        expired: bool,
    }
}

impl<P, D: Delays> Timeout<P, D> {
    pub(super) fn new(source: P, lp: &D, limit: Duration) -> Self {
        let timer = (!limit.is_zero()).then(|| lp.delay(limit));
        Self {
            source,
            timer,
            limit,
            expired: false,
        }
    }
}

impl<P: Promise, D: Delays> Future for Timeout<P, D> {
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !*this.expired {
            let immediate = this.timer.is_none();
            // A chain that was never polled does not know yet whether it is done,
            // and with a zero limit nothing may be started to find out.
            if (!immediate || this.source.is_done())
                && let Poll::Ready(outcome) = this.source.as_mut().poll(cx)
            {
                this.timer.set(None);
                return Poll::Ready(outcome);
            }
            if let Some(timer) = this.timer.as_mut().as_pin_mut()
                && timer.poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            this.timer.set(None);
            *this.expired = true;
            let asked = this
                .source
                .cancel(&format!("not settled within {:?}", this.limit));
            if !asked && !this.source.is_done() {
                // Nothing can be stopped, so there is nothing to wait for.
                return Poll::Ready(Err(Failure::timed_out(*this.limit)));
            }
        }
        // The work was asked to stop; its answer may be a value (PROM-29).
        this.source.poll(cx).map(|outcome| match outcome {
            Err(failure) if failure.is_cancelled() => Err(Failure::timed_out(*this.limit)),
            outcome => outcome,
        })
    }
}

impl<P: Promise, D: Delays> Promise for Timeout<P, D> {
    type Value = P::Value;

    by_source!();
}

impl<P: std::fmt::Debug, D: Delays> std::fmt::Debug for Timeout<P, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeout")
            .field("source", &self.source)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
