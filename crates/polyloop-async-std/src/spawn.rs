//! A future that async-std has started.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_std::task::JoinHandle;
use pin_project_lite::pin_project;
use polyloop_core::backend::StartedTask;

/// async-std's [`JoinHandle`], with the one thing it does not tell: whether its task
/// has finished. So the output is kept beside it, where it can be looked at.
#[derive(Debug)]
pub struct Spawned<T> {
    handle: JoinHandle<()>,
    output: Arc<Mutex<Output<T>>>,
}

#[derive(Debug)]
enum Output<T> {
    Pending,
    Ready(T),
    Taken,
}

impl<T: Send + 'static> Spawned<T> {
    pub(crate) fn start<F>(future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let output = Arc::new(Mutex::new(Output::Pending));
        let slot = output.clone();
        let handle = async_std::task::spawn(Keeping {
            future,
            output: slot,
        });
        Self { handle, output }
    }
}

pin_project! {
    /// Puts a future's output where it can be looked at. An async block would hold the
    /// future twice: once before it awaits it, and once while it does.
    struct Keeping<F: Future> {
        #[pin]
        future: F,
        output: Arc<Mutex<Output<F::Output>>>,
    }
}

impl<F: Future> Future for Keeping<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let value = ready!(this.future.poll(cx));
        let mut output = this.output.lock().unwrap_or_else(PoisonError::into_inner);
        *output = Output::Ready(value);
        Poll::Ready(())
    }
}

impl<T> Spawned<T> {
    fn take(&self) -> Option<T> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *output, Output::Taken) {
            Output::Ready(value) => Some(value),
            old => {
                *output = old;
                None
            }
        }
    }
}

impl<T: Send> Future for Spawned<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // The output is there a moment before the handle says so (PROM-37).
        if let Some(value) = self.take() {
            return Poll::Ready(Some(value));
        }
        Pin::new(&mut self.handle).poll(cx).map(|()| self.take())
    }
}

impl<T: Send> StartedTask<T> for Spawned<T> {
    fn is_finished(&self) -> bool {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(*output, Output::Pending)
    }
}
