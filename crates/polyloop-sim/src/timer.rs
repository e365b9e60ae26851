//! [`SimTimer`]: a timer by the virtual clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};
use std::time::Instant;

use polyloop_core::backend::Timer;

use crate::HostId;
use crate::sim::Shared;
use crate::world::TimerKey;

/// A timer of a [`SimLoop`](crate::SimLoop).
#[derive(Debug)]
pub struct SimTimer {
    // Weak: a task that sleeps is held by its own timer's waker.
    sim: Weak<Shared>,
    host: HostId,
    deadline: Instant,
    /// Its place among the timers that somebody waits for.
    key: Option<TimerKey>,
}

impl SimTimer {
    pub(crate) fn new(sim: Weak<Shared>, host: HostId, deadline: Instant) -> Self {
        Self {
            sim,
            host,
            deadline,
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
        let deadline = sim.clock.since_start(self.deadline);
        if sim.clock.elapsed() >= deadline {
            self.unregister();
            return Poll::Ready(());
        }
        let key = sim.wait_until(self.key, deadline, self.host, cx.waker());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Timer for SimTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        if let Some(sim) = self.sim.upgrade()
            && let Some(key) = self.key.take()
        {
            // Whoever waits is woken at the new deadline.
            self.key = sim.move_timer(key, sim.clock.since_start(deadline));
        }
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        self.unregister();
    }
}
