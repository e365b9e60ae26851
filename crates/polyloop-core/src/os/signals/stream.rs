//! [`SignalStream`]: signals as they come, for code that awaits.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::{SignalDesk, SignalError, Signals};
use crate::os::signal::Signal;
use crate::promise::discard::{discard, wake};
use crate::sync::primitive::{Arc, Mutex, Weak, lock};

/// The signals of some kinds, as they come: what [`Signals::signals`] gives. Dropping it
/// gives them up.
#[must_use = "signals are caught for as long as this is there"]
pub struct SignalStream {
    /// Each with the key of the inbox at its desk.
    signals: Vec<(Signal, usize)>,
    inbox: Arc<Inbox>,
    desk: Weak<SignalDesk>,
}

/// What has come and was not taken.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Arrivals>);

#[derive(Default)]
struct Arrivals {
    /// Each kind at most once, in the order of their first arrival.
    waiting: VecDeque<Signal>,
    waker: Option<Waker>,
    ended: bool,
}

impl Inbox {
    pub(super) fn put(&self, signal: Signal) {
        let mut arrivals = lock(&self.0);
        if !arrivals.waiting.contains(&signal) {
            arrivals.waiting.push_back(signal);
        }
        let waker = arrivals.waker.take();
        drop(arrivals);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// The loop has gone.
    pub(super) fn end(&self) {
        let mut arrivals = lock(&self.0);
        arrivals.ended = true;
        let waker = arrivals.waker.take();
        drop(arrivals);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        let mut arrivals = lock(&self.0);
        if let Some(signal) = arrivals.waiting.pop_front() {
            return Poll::Ready(Some(signal));
        }
        if arrivals.ended {
            return Poll::Ready(None);
        }
        let known = arrivals.waker.as_ref();
        let old = if known.is_some_and(|known| known.will_wake(cx.waker())) {
            None
        } else {
            arrivals.waker.replace(cx.waker().clone())
        };
        drop(arrivals);
        discard(old);
        Poll::Pending
    }
}

impl SignalStream {
    pub(super) fn open<L: Signals>(lp: &L, mut signals: Vec<Signal>) -> Result<Self, SignalError> {
        signals.sort_unstable();
        signals.dedup();
        if signals.is_empty() {
            return Err(SignalError::None);
        }
        let desk = SignalDesk::of(lp);
        let mut stream = Self {
            signals: Vec::new(),
            inbox: Arc::default(),
            desk: Arc::downgrade(&desk),
        };
        for signal in signals {
            // Those that were caught before one that can't be go with the stream.
            let key = desk.add_inbox(lp, signal, &stream.inbox)?;
            stream.signals.push((signal, key));
        }
        Ok(stream)
    }

    /// The next signal; `None` once the loop was closed, or is gone.
    ///
    /// Cancel safe: a signal is either returned or still to come.
    pub async fn next(&mut self) -> Option<Signal> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next) as a poll. One task waits: the last that polled.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.inbox.poll(cx)
    }
}

impl Drop for SignalStream {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.upgrade() {
            for (signal, key) in &self.signals {
                desk.remove_inbox(*signal, *key);
            }
        }
    }
}

impl fmt::Debug for SignalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals: Vec<_> = self.signals.iter().map(|(signal, _)| signal).collect();
        f.debug_tuple("SignalStream").field(&signals).finish()
    }
}
