//! [`Rough`]: a loop on a runtime that may do all that a runtime may: poll with a new waker
//! each time, and drop what it runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use polyloop_core::backend::Backend;
use polyloop_core::{Loop, LoopState};

/// A loop that polls its tasks with wakers of which only the last one wakes, and that drops
/// them when it is told to.
#[derive(Clone, Debug)]
pub struct Rough<L> {
    inner: L,
    ended: Arc<AtomicBool>,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

impl<L: Loop> Rough<L> {
    /// Tasks of this one run on `inner`.
    pub fn new(inner: &L) -> Self {
        Self {
            inner: inner.clone(),
            ended: Arc::default(),
            wakers: Arc::default(),
        }
    }

    /// Polls every task once more, though nobody woke it.
    pub fn poll_all(&self) {
        let wakers =
            std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Drops every task, as a runtime does that is shut down.
    pub fn drop_all(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.poll_all();
    }
}

impl<L: Loop> Backend for Rough<L> {
    type Started<T: Send + 'static> = L::Started<T>;
    type Timer = L::Timer;

    fn state(&self) -> &Arc<LoopState> {
        self.inner.state()
    }

    /// What it keeps does not stand in the state.
    fn from_state(_: &Arc<LoopState>) -> Option<Self> {
        None
    }

    fn start<F>(&self, future: F) -> Self::Started<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner.start(Roughly {
            future: Some(Box::pin(future)),
            polls: Arc::default(),
            ended: self.ended.clone(),
            wakers: self.wakers.clone(),
        })
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.inner.start_blocking(work);
    }

    fn timer(&self, deadline: Instant) -> L::Timer {
        self.inner.timer(deadline)
    }
}

/// A future, as such a runtime treats it.
struct Roughly<F> {
    future: Option<Pin<Box<F>>>,
    polls: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    wakers: Arc<Mutex<Vec<Waker>>>,
}

impl<F: Future> Future for Roughly<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.ended.load(Ordering::SeqCst) {
            this.future = None;
        }
        let Some(future) = &mut this.future else {
            return Poll::Pending;
        };
        this.wakers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cx.waker().clone());
        let poll = this.polls.fetch_add(1, Ordering::SeqCst) + 1;
        let waker = Waker::from(Arc::new(OfOnePoll {
            waker: cx.waker().clone(),
            poll,
            polls: this.polls.clone(),
        }));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// Wakes until the future is polled again.
struct OfOnePoll {
    waker: Waker,
    poll: usize,
    polls: Arc<AtomicUsize>,
}

impl Wake for OfOnePoll {
    fn wake(self: Arc<Self>) {
        if self.polls.load(Ordering::SeqCst) == self.poll {
            self.waker.wake_by_ref();
        }
    }
}
