//! A future that async-std has started.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_std::task::JoinHandle;
use polyloop_core::backend::StartedTask;

/// async-std's [`JoinHandle`], with the one thing it does not tell: whether its task
/// has finished.
#[derive(Debug)]
pub struct Spawned<T> {
    handle: JoinHandle<T>,
    finished: Arc<AtomicBool>,
}

impl<T: Send + 'static> Spawned<T> {
    pub(crate) fn start<F>(future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let finished = Arc::new(AtomicBool::new(false));
        let flag = finished.clone();
        let handle = async_std::task::spawn(async move {
            let output = future.await;
            flag.store(true, Ordering::Release);
            output
        });
        Self { handle, finished }
    }
}

impl<T: Send> Future for Spawned<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.handle).poll(cx).map(Some)
    }
}

impl<T: Send> StartedTask<T> for Spawned<T> {
    fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }
}
