//! A future that tokio has started.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use polyloop_core::backend::StartedTask;
use tokio::task::JoinHandle;

/// tokio's [`JoinHandle`], without the error that core has ruled out: the future
/// catches its own panics, so only the end of the runtime is left.
#[derive(Debug)]
pub struct Spawned<T>(JoinHandle<T>);

impl<T> Spawned<T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> Self {
        Self(handle)
    }
}

impl<T: Send> Future for Spawned<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl<T: Send> StartedTask<T> for Spawned<T> {
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}
