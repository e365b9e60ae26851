//! A timer of tokio's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use polyloop_core::backend::Timer;

pin_project! {
    /// tokio's [`Sleep`](tokio::time::Sleep).
    #[derive(Debug)]
    pub struct TokioTimer {
        #[pin]
        sleep: tokio::time::Sleep,
    }
}

impl TokioTimer {
    /// Must be called in the context of a runtime.
    pub(crate) fn new(deadline: Instant) -> Self {
        Self {
            sleep: tokio::time::sleep_until(deadline.into()),
        }
    }
}

impl Future for TokioTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl Timer for TokioTimer {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.project().sleep.reset(deadline.into());
    }
}
