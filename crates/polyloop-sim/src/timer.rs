//! [`SimTimer`]: a timer by the virtual clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use polyloop_core::backend::Timer;

use crate::HostId;
use crate::agenda::TimerKey;
use crate::sim::Shared;

/// A timer of a [`SimLoop`](crate::SimLoop).
#[derive(Debug)]
pub struct SimTimer {
    // Weak: a task that sleeps is held by its own timer's waker.
    sim: Weak<Shared>,
    host: HostId,
    /// Since the simulation began.
    due: Duration,
    /// Its place among the timers that somebody waits for.
    key: Option<TimerKey>,
}

impl SimTimer {
    pub(crate) fn new(sim: Weak<Shared>, host: HostId, due: Duration) -> Self {
        Self {
            sim,
            host,
            due,
            key: None,
        }
    }

    fn unregister(&mut self) {
        if let Some(key) = self.key.take()
            && let Some(sim) = self.sim.upgrade()
        {
            sim.remove_timer(key);
        }
    }
}

impl Future for SimTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sim) = self.sim.upgrade() else {
            return Poll::Pending;
        };
        if sim.clock.elapsed() >= self.due {
            self.unregister();
            return Poll::Ready(());
        }
        let key = sim.wait_until(self.key, self.due, self.host, cx.waker());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Timer for SimTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let Some(sim) = self.sim.upgrade() else {
            return;
        };
        self.due = sim.clock.since_start(deadline);
        if let Some(key) = self.key.take() {
            // Whoever waits is woken at the new deadline.
            self.key = sim.move_timer(key, self.due);
        }
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        self.unregister();
    }
}
