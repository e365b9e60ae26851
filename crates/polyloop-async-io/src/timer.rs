//! A timer of the reactor.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use polyloop_core::backend::Timer;

/// `async-io`'s [`Timer`](async_io::Timer).
#[derive(Debug)]
pub struct ReactorTimer(async_io::Timer);

impl ReactorTimer {
    /// A timer that is ready at `deadline`.
    pub fn at(deadline: Instant) -> Self {
        Self(async_io::Timer::at(deadline))
    }
}

impl Future for ReactorTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

impl Timer for ReactorTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}
