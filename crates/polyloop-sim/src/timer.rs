//! [`SimTimer`]: a timer by the virtual clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use polyloop_core::backend::Timer;

use crate::HostId;
use crate::agenda::TimerKey;
use crate::clock::Nanos;
use crate::lock::lock;
use crate::report::Wait;
use crate::sim::Shared;
use crate::world::Due;

/// A timer of a [`SimLoop`](crate::SimLoop).
#[derive(Debug)]
pub struct SimTimer {
    // Weak: a task that sleeps is held by its own timer's waker.
    sim: Weak<Shared>,
    host: HostId,
    /// Since the simulation began.
    due: Nanos,
    /// Its place among the timers that somebody waits for.
    key: Option<TimerKey>,
    /// It was not entered for the moment at which it is due now.
    moved: bool,
}

impl SimTimer {
    pub(crate) fn new(sim: Weak<Shared>, host: HostId, due: Nanos) -> Self {
        Self {
            sim,
            host,
            due,
            key: None,
            moved: false,
        }
    }

    /// Nobody waits for it any more.
    fn leave(&mut self, sim: &Shared) {
        let Some(key) = self.key.take() else {
            return;
        };
        // Mostly it was due, and is gone.
        if self.moved || self.due > sim.due_by.load(Ordering::Acquire) {
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
        if sim.clock.now() >= self.due {
            self.leave(&sim);
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
            self.moved = true;
            self.key = sim.move_timer(key, self.due);
        }
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        if self.key.is_some()
            && let Some(sim) = self.sim.upgrade()
        {
            self.leave(&sim);
        }
    }
}

impl Shared {
    /// Wakes `waker` at `deadline`, instead of what was entered under `key`.
    fn wait_until(
        &self,
        key: Option<TimerKey>,
        deadline: Nanos,
        host: HostId,
        waker: &Waker,
    ) -> TimerKey {
        let mut world = lock(&self.world);
        world.waits_for(Wait::Until(deadline));
        let known = key.and_then(|key| Some((key, world.timers.get_mut(key)?)));
        if let Some((key, Due::Wake(_, known))) = known {
            let old = (!known.will_wake(waker)).then(|| std::mem::replace(known, waker.clone()));
            drop(world);
            drop(old);
            return key;
        }
        world.enter_due(deadline, Due::Wake(host, waker.clone()))
    }

    /// Wakes whoever was to be woken under `key` at `deadline` instead; nothing if that has
    /// happened.
    fn move_timer(&self, key: TimerKey, deadline: Nanos) -> Option<TimerKey> {
        let mut world = lock(&self.world);
        let due = world.timers.remove(key)?;
        Some(world.enter_due(deadline, due))
    }

    fn remove_timer(&self, key: TimerKey) {
        let removed = lock(&self.world).timers.remove(key);
        // Only now is the lock gone: dropping a waker may drop a task.
        drop(removed);
    }
}
