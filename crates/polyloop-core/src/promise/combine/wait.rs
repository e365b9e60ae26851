//! [`wait`]: the general wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Children, Limit, polled_again};
use crate::promise::Promise;
use crate::promise::delays::Delays;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;

/// Waits until `until` holds, or [for so long at most](Wait::at_most), and gives
/// the outcomes that are there and the promises that are not. It cancels nothing,
/// and running out of time is no error (COMB-14).
///
/// Over nothing it is done at once, with two empty lists. To
/// [cancel](Promise::cancel) the wait cancels the promises in it; to drop it lets
/// spawned tasks run on.
///
/// ```
/// use std::time::Duration;
/// use polyloop_core::{Failure, Promise, Timers, WaitFor, wait};
///
/// /// What is there in a second; the rest is cancelled.
/// async fn hurry<T, P>(lp: &T, promises: Vec<P>) -> Result<Vec<P::Value>, Failure>
/// where
///     T: Timers + 'static,
///     P: Promise<Value: Send> + Unpin,
/// {
///     let waited = wait(promises, WaitFor::All).at_most(lp, Duration::from_secs(1)).await?;
///     for (_index, late) in &waited.pending {
///         late.cancel("too slow");
///     }
///     waited.done.into_iter().map(|(_index, outcome)| outcome).collect()
/// }
/// ```
pub fn wait<I>(promises: I, until: WaitFor) -> Wait<I::Item>
where
    I: IntoIterator<Item: Promise + Unpin>,
{
    Wait {
        children: Children::new(promises),
        until,
        done: Vec::new(),
        failed: false,
        limit: None,
        taken: false,
    }
}

/// What a [`wait`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitFor {
    /// One is done, with a value or a failure.
    FirstDone,
    /// One has failed, or all are done.
    FirstFailure,
    /// All are done.
    All,
}

/// What came of a [`wait`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Waited<P: Promise> {
    /// The outcomes that were there, each with its promise's place in the input, in
    /// the order in which they came.
    pub done: Vec<(usize, Result<P::Value, Failure>)>,
    /// The promises that were not done, each with its place in the input, in that
    /// order.
    pub pending: Vec<(usize, P)>,
}

/// What [`wait`] returns.
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct Wait<P: Promise> {
    children: Children<P>,
    until: WaitFor,
    done: Vec<(usize, Guarded<P::Output>)>,
    failed: bool,
    limit: Option<Limit>,
    taken: bool,
}

impl<P: Promise> Wait<P> {
    /// Waits no longer than `limit` from now. With zero, what becomes ready within
    /// one turn of the loop still counts.
    pub fn at_most<D: Delays + 'static>(mut self, lp: &D, limit: Duration) -> Self {
        self.limit = Some(Box::pin(lp.delay(limit)));
        self
    }

    fn is_over(&self) -> bool {
        self.children.is_empty()
            || match self.until {
                WaitFor::FirstDone => !self.done.is_empty(),
                WaitFor::FirstFailure => self.failed,
                WaitFor::All => false,
            }
    }
}

// The outcomes are never pinned.
impl<P: Promise> Unpin for Wait<P> {}

impl<P: Promise + Unpin> Future for Wait<P> {
    type Output = Result<Waited<P>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.taken {
            return polled_again();
        }
        if let Some(cancelled) = this.children.cancelled() {
            ready!(this.children.poll_rest(cx));
            this.taken = true;
            return Poll::Ready(Err(cancelled));
        }
        // All that are done now are given, not only the one that was waited for.
        while let Poll::Ready(Some((index, outcome))) = this.children.poll_next(cx) {
            this.failed |= outcome.is_err();
            this.done.push((index, Guarded::new(outcome)));
        }
        if !this.is_over() {
            match &mut this.limit {
                Some(limit) => ready!(limit.as_mut().poll(cx)),
                None => return Poll::Pending,
            }
        }
        this.taken = true;
        this.limit = None;
        Poll::Ready(Ok(Waited {
            done: std::mem::take(&mut this.done)
                .into_iter()
                .map(|(index, outcome)| (index, outcome.into_inner()))
                .collect(),
            pending: this.children.take_rest(),
        }))
    }
}

impl<P: Promise<Value: Send> + Unpin> Promise for Wait<P> {
    type Value = Waited<P>;

    fn cancel(&self, reason: &str) -> bool {
        self.children.cancel(reason)
    }

    /// Whether a promise that is done has failed, and whether the time is up, is
    /// only known once they are polled.
    fn is_done(&self) -> bool {
        if self.taken {
            return false;
        }
        let mut promises = self.children.promises();
        match self.until {
            _ if self.children.is_empty() => true,
            WaitFor::FirstDone if self.children.cancelled.get().is_none() => {
                promises.any(|promise| promise.is_done())
            }
            _ => promises.all(|promise| promise.is_done()),
        }
    }

    fn ignore_failure(&self) {
        self.children.ignore_failures();
    }
}

impl<P: Promise> fmt::Debug for Wait<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("until", &self.until)
            .field("running", &self.children.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::Deferred;

    fn places<T>(list: &[(usize, T)]) -> Vec<usize> {
        list.iter().map(|(index, _)| *index).collect()
    }

    #[test]
    fn first_done_gives_all_that_are_done() {
        let (a, first) = Deferred::<u32>::new();
        let (_b, second) = Deferred::new();
        let (c, third) = Deferred::new();
        let mut wait = wait([first, second, third], WaitFor::FirstDone);
        assert!((&mut wait).now_or_never().is_none());
        c.resolve(3).unwrap();
        a.reject("no").unwrap();
        let waited = wait.now_or_never().unwrap().unwrap();
        assert_eq!(places(&waited.done), [2, 0]);
        assert_eq!(places(&waited.pending), [1]);
        assert!(!waited.pending[0].1.is_done());
    }

    #[test]
    fn first_failure_passes_over_values() {
        let (a, first) = Deferred::new();
        let (b, second) = Deferred::<u32>::new();
        let (_c, third) = Deferred::new();
        let mut wait = wait([first, second, third], WaitFor::FirstFailure);
        a.resolve(1).unwrap();
        assert!((&mut wait).now_or_never().is_none());
        b.reject("no").unwrap();
        let waited = wait.now_or_never().unwrap().unwrap();
        assert_eq!(places(&waited.done), [0, 1]);
        assert_eq!(places(&waited.pending), [2]);
    }

    #[test]
    fn first_failure_without_one_waits_for_all() {
        let (a, first) = Deferred::new();
        let mut wait = wait([Deferred::resolved(0), first], WaitFor::FirstFailure);
        assert!((&mut wait).now_or_never().is_none());
        a.resolve(1).unwrap();
        assert_eq!(wait.now_or_never().unwrap().unwrap().done.len(), 2);
    }

    #[test]
    fn over_nothing_is_done_at_once() {
        let none: [Deferred<u32>; 0] = [];
        let waited = wait(none, WaitFor::FirstDone).now_or_never().unwrap();
        let waited = waited.unwrap();
        assert!(waited.done.is_empty() && waited.pending.is_empty());
    }
}
