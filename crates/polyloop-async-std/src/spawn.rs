//! A future that async-std has started.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_std::task::JoinHandle;
use polyloop_core::backend::StartedTask;

/// async-std's [`JoinHandle`], with the one thing it does not tell: whether its task
/// has finished. Polling it tells, so whoever asks finds the output, and leaves it here.
#[derive(Debug)]
pub struct Spawned<T>(Mutex<Join<T>>);

#[derive(Debug)]
enum Join<T> {
    Waiting {
        handle: JoinHandle<T>,
        /// Whoever awaits it. The handle wakes the last one that polled, so whoever
        /// only asks polls in the waiter's name.
        waiter: Option<Waker>,
    },
    Found(T),
    Taken,
}

// An output is only ever moved.
impl<T> Unpin for Spawned<T> {}

impl<T> Spawned<T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> Self {
        Self(Mutex::new(Join::Waiting {
            handle,
            waiter: None,
        }))
    }
}

impl<T: Send> Future for Spawned<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let join = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Join::Waiting { handle, waiter } = join {
            let Poll::Ready(output) = Pin::new(handle).poll(cx) else {
                match waiter {
                    Some(waiter) => waiter.clone_from(cx.waker()),
                    None => *waiter = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            };
            *join = Join::Taken;
            return Poll::Ready(Some(output));
        }
        match std::mem::replace(join, Join::Taken) {
            Join::Found(output) => Poll::Ready(Some(output)),
            Join::Waiting { .. } | Join::Taken => Poll::Ready(None),
        }
    }
}

impl<T: Send> StartedTask<T> for Spawned<T> {
    fn is_finished(&self) -> bool {
        let mut join = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Join::Waiting { handle, waiter } = &mut *join else {
            return true;
        };
        let waker = waiter.as_ref().unwrap_or(Waker::noop());
        let Poll::Ready(output) = Pin::new(handle).poll(&mut Context::from_waker(waker)) else {
            return false;
        };
        let waited = std::mem::replace(&mut *join, Join::Found(output));
        // Dropping a waker may run code of others.
        drop(join);
        drop(waited);
        true
    }
}
