//! [`as_completed`]: each outcome as it comes.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Children, Limit, Numbered};
use crate::promise::Promise;
use crate::promise::delays::Delays;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;

/// Gives the outcomes one by one, in the order in which the promises finish, as
/// many as there are promises (COMB-15). Those that were done before the first
/// [`next`](AsCompleted::next) come in the order of the input.
///
/// ```
/// use std::time::Duration;
/// use polyloop_core::{Promise, Timers, as_completed};
///
/// async fn print_all<T: Timers + 'static, P: Promise<Value = String>>(lp: &T, pages: Vec<P>) {
///     let mut pages = as_completed(pages).at_most(lp, Duration::from_secs(5));
///     while let Some((index, page)) = pages.next().await {
///         match page {
///             Ok(text) => println!("{index}: {text}"),
///             Err(failure) if failure.is_timed_out() => println!("{index} is late"),
///             Err(failure) => println!("{index}: {failure}"),
///         }
///     }
/// }
/// ```
pub fn as_completed<I>(promises: I) -> AsCompleted<I::Item>
where
    I: IntoIterator<Item: Promise>,
{
    AsCompleted {
        children: Children::new(promises),
        limit: None,
        expired: None,
        came_in_time: VecDeque::new(),
        late: VecDeque::new(),
    }
}

/// What [`as_completed`] returns.
///
/// It is no promise, since many outcomes come of it; to
/// [cancel](Self::cancel) it cancels those that have not finished.
#[must_use = "it does nothing unless its `next` is awaited"]
pub struct AsCompleted<P: Promise> {
    children: Children<P>,
    limit: Option<(Duration, Limit)>,
    /// The limit, once it has passed.
    expired: Option<Failure>,
    came_in_time: VecDeque<Guarded<Numbered<P>>>,
    /// Those that were pending when the limit passed.
    late: VecDeque<usize>,
}

// The outcomes are never pinned.
impl<P: Promise> Unpin for AsCompleted<P> {}

impl<P: Promise> AsCompleted<P> {
    /// Sets a limit for all of them together, from now. Each promise that is
    /// pending when it passes yields a failure of kind
    /// [`TimedOut`](crate::FailureKind::TimedOut), in the order of the input. They
    /// are not cancelled: [`cancel`](Self::cancel) does that.
    pub fn at_most<D: Delays + 'static>(mut self, lp: &D, limit: Duration) -> Self {
        self.limit = Some((limit, Box::pin(lp.delay(limit))));
        self
    }

    /// The next outcome and its promise's place in the input; `None` after the last.
    ///
    /// Cancel safe: an outcome is either returned or still to come.
    pub async fn next(&mut self) -> Option<(usize, Result<P::Value, Failure>)> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// How many outcomes are still to come.
    pub fn remaining(&self) -> usize {
        self.came_in_time.len()
            + if self.expired.is_some() {
                self.late.len()
            } else {
                self.children.len()
            }
    }

    /// Cancels every promise that has not finished, those too that have yielded a
    /// timeout; whether there was one.
    pub fn cancel(&self, reason: &str) -> bool {
        self.children.cancel(reason)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Numbered<P>>> {
        if self.expired.is_none() {
            if let Poll::Ready(next) = self.children.poll_next(cx) {
                return Poll::Ready(next);
            }
            let Some((limit, timer)) = &mut self.limit else {
                return Poll::Pending;
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // A cancel that came before the limit is what the rest ends with.
            let cancelled = self.children.cancelled();
            self.expired = Some(cancelled.unwrap_or_else(|| Failure::timed_out(*limit)));
            self.limit = None;
            // What finished since the last look was in time.
            while let Poll::Ready(Some(outcome)) = self.children.poll_next(cx) {
                self.came_in_time.push_back(Guarded::new(outcome));
            }
            let mut late: Vec<_> = self.children.places().collect();
            late.sort_unstable();
            self.late = late.into();
        }
        if let Some(outcome) = self.came_in_time.pop_front() {
            return Poll::Ready(Some(outcome.into_inner()));
        }
        let late = self.late.pop_front();
        Poll::Ready(late.zip(self.expired.clone().map(Err)))
    }
}

impl<P: Promise + Unpin> AsCompleted<P> {
    /// Gives back the promises that have not finished, each with its place in the
    /// input, in that order.
    pub fn into_pending(mut self) -> Vec<(usize, P)> {
        self.children.take_rest()
    }
}

impl<P: Promise> fmt::Debug for AsCompleted<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::Deferred;

    #[test]
    fn outcomes_come_in_finishing_order() {
        let (a, first) = Deferred::new();
        let (b, second) = Deferred::new();
        let (c, third) = Deferred::<u32>::new();
        let mut outcomes = as_completed([first, second, third]);
        assert_eq!(outcomes.remaining(), 3);
        assert!(outcomes.next().now_or_never().is_none());
        b.resolve(2).unwrap();
        c.reject("no").unwrap();
        a.resolve(1).unwrap();
        let mut order = Vec::new();
        while let Some((index, outcome)) = outcomes.next().now_or_never().unwrap() {
            order.push((index, outcome.ok()));
        }
        assert_eq!(order, [(1, Some(2)), (2, None), (0, Some(1))]);
        assert_eq!(outcomes.remaining(), 0);
    }

    #[test]
    fn of_nothing_ends_at_once() {
        let none: [Deferred<u32>; 0] = [];
        assert!(as_completed(none).next().now_or_never().unwrap().is_none());
    }

    #[test]
    fn a_cancel_reaches_those_that_have_not_finished() {
        let (_a, first) = Deferred::<u32>::new();
        let mut outcomes = as_completed([first, Deferred::resolved(1)]);
        assert!(outcomes.cancel("enough"));
        let (index, outcome) = outcomes.next().now_or_never().unwrap().unwrap();
        assert_eq!(index, 0);
        assert_eq!(outcome.unwrap_err().text(), "enough");
        assert_eq!(outcomes.into_pending().len(), 1);
    }
}
