//! [`Timeout`]: a promise with a limit.
//!
//! The limit cancels the work with a reason of its own. Work that ends as cancelled for
//! that reason has timed out; whatever else it ends with stands as it is: a value, an
//! error, and the cancel of somebody who came first.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Promise;
use crate::promise::delays::Delays;
use crate::promise::failure::Failure;
use crate::sync::primitive::OnceLock;

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
        // Why it was cancelled from outside, before the limit had passed.
        cancelled: OnceLock<String>,
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
            cancelled: OnceLock::new(),
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
            let failure = Failure::timed_out(*this.limit);
            let asked = this.source.cancel(&failure.text());
            // Where somebody cancelled it before, the work is stopping already.
            if !asked && !this.source.is_done() && this.cancelled.get().is_none() {
                // Nothing can be stopped, so there is nothing to wait for.
                return Poll::Ready(Err(failure));
            }
        }
        // The work was asked to stop; its answer may be a value (PROM-29).
        let outcome = ready!(this.source.poll(cx));
        Poll::Ready(outcome.map_err(|failure| {
            let timed_out = Failure::timed_out(*this.limit);
            if !failure.is_cancelled() || failure.text() != timed_out.text() {
                return failure;
            }
            // The limit put an end to what a cancel from outside had begun (PROM-28).
            match this.cancelled.get() {
                Some(reason) => Failure::cancelled(reason.clone()),
                None => timed_out,
            }
        }))
    }
}

impl<P: Promise, D: Delays> Promise for Timeout<P, D> {
    type Value = P::Value;

    fn cancel(&self, reason: &str) -> bool {
        let asked = self.source.cancel(reason);
        if asked && !self.expired {
            // The first reason stands.
            let _ = self.cancelled.set(reason.to_owned());
        }
        asked
    }

    fn is_done(&self) -> bool {
        self.source.is_done()
    }

    fn ignore_failure(&self) {
        self.source.ignore_failure();
    }
}

impl<P: std::fmt::Debug, D: Delays> std::fmt::Debug for Timeout<P, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeout")
            .field("source", &self.source)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
