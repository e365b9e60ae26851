//! A future that smol has started.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_executor::{FallibleTask, Task};
use polyloop_core::backend::StartedTask;

/// smol's task, which detaches when dropped, and says so where smol's own would
/// panic because its executor has gone.
#[derive(Debug)]
pub struct Spawned<T>(Option<FallibleTask<T>>);

impl<T> Spawned<T> {
    pub(crate) fn new(task: Task<T>) -> Self {
        Self(Some(task.fallible()))
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
