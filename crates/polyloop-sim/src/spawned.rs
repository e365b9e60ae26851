//! A future that the simulation has started.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use async_task::{FallibleTask, Task};
use pin_project_lite::pin_project;
use polyloop_core::backend::StartedTask;

use crate::HostId;
use crate::sim::Shared;
use crate::stalls::Lateness;

/// What goes with a task through the list of those that are ready.
#[derive(Debug)]
pub(crate) struct TaskMeta {
    pub(crate) host: HostId,
    /// Its place among the tasks that are alive.
    pub(crate) slot: usize,
    last_turn: AtomicU64,
    pub(crate) lateness: Lateness,
}

impl TaskMeta {
    pub(crate) fn new(host: HostId, slot: usize) -> Self {
        Self {
            host,
            slot,
            last_turn: AtomicU64::new(0),
            lateness: Lateness::default(),
        }
    }

    pub(crate) fn last_turn(&self) -> u64 {
        self.last_turn.load(Ordering::Relaxed)
    }

    pub(crate) fn set_last_turn(&self, turn: u64) {
        self.last_turn.store(turn, Ordering::Relaxed);
    }
}

/// A task, which runs on when this is dropped.
#[derive(Debug)]
pub struct Spawned<T>(Option<FallibleTask<T, TaskMeta>>);

impl<T> Spawned<T> {
    pub(crate) fn new(task: Task<T, TaskMeta>) -> Self {
        Self(Some(task.fallible()))
    }

    /// Drops the future at its next turn, if it is not done.
    pub(crate) fn cancel(mut self) {
        drop(self.0.take());
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

impl<T: Send> Future for Spawned<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(cx),
            None => Poll::Ready(None),
        }
    }
}

impl<T: Send> StartedTask<T> for Spawned<T> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(FallibleTask::is_finished)
    }
}

pin_project! {
    /// A task's future, which says when it has gone.
    pub(crate) struct Tracked<F> {
        #[pin]
        future: F,
        // After the future: what its destructor does, the task still does.
        end: End,
    }
}

/// Takes a task off the simulation's list when it is dropped.
struct End {
    sim: Weak<Shared>,
    slot: usize,
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(sim) = self.sim.upgrade() {
            sim.task_ended(self.slot);
        }
    }
}

impl<F> Tracked<F> {
    pub(crate) fn new(future: F, sim: Weak<Shared>, slot: usize) -> Self {
        Self {
            future,
            end: End { sim, slot },
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// A task that is alive, for reports.
#[derive(Debug)]
pub(crate) struct TaskInfo {
    pub(crate) id: crate::trace::TaskId,
    pub(crate) host: HostId,
    pub(crate) location: &'static Location<'static>,
    pub(crate) waits: crate::report::Waits,
    /// Its turns since the simulation was idle, which was for that many times then.
    pub(crate) turns: u64,
    pub(crate) idle_times: u64,
}
