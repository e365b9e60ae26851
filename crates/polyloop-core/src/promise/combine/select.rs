//! [`select`]: whatever settles first, and the rest back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::race::NothingToWaitFor;
use super::{Children, polled_again};
use crate::promise::Promise;
use crate::promise::failure::Failure;

/// Waits for the first that settles, with a value or a failure, and gives the
/// others back untouched (COMB-10). Over nothing it fails at once, with
/// [`NothingToWaitFor`].
///
/// ```
/// use polyloop_core::{Failure, Promise, select};
///
/// async fn the_later<P: Promise<Value = u32> + Unpin>(one: P, other: P) -> Result<u32, Failure> {
///     let mut selected = select([one, other]).await?;
///     let (_index, later) = selected.rest.remove(0);
///     later.await
/// }
/// ```
pub fn select<I>(promises: I) -> Select<I::Item>
where
    I: IntoIterator<Item: Promise + Unpin>,
{
    Select {
        children: Children::new(promises),
        taken: false,
    }
}

/// What was selected.
#[derive(Debug)]
#[non_exhaustive]
pub struct Selected<P: Promise> {
    /// The place in the input of the one that settled.
    pub index: usize,
    /// Its outcome.
    pub outcome: Result<P::Value, Failure>,
    /// The others, each with its place in the input, in that order.
    pub rest: Vec<(usize, P)>,
}

/// What [`select`] returns.
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct Select<P> {
    children: Children<P>,
    taken: bool,
}

impl<P: Promise + Unpin> Future for Select<P> {
    type Output = Result<Selected<P>, Failure>;

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
        let first = ready!(this.children.poll_next(cx));
        this.taken = true;
        Poll::Ready(match first {
            Some((index, outcome)) => Ok(Selected {
                index,
                outcome,
                rest: this.children.take_rest(),
            }),
            None => Err(Failure::new(NothingToWaitFor)),
        })
    }
}

impl<P: Promise + Unpin> Promise for Select<P> {
    type Value = Selected<P>;

    fn cancel(&self, reason: &str) -> bool {
        self.children.cancel(reason)
    }

    fn is_done(&self) -> bool {
        let mut promises = self.children.promises();
        !self.taken
            && if self.children.cancelled.get().is_some() {
                promises.all(|promise| promise.is_done())
            } else {
                self.children.is_empty() || promises.any(|promise| promise.is_done())
            }
    }

    fn ignore_failure(&self) {
        self.children.ignore_failures();
    }
}

impl<P: Promise> fmt::Debug for Select<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("running", &self.children.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::Deferred;

    #[test]
    fn the_rest_comes_back_uncancelled() {
        let (a, first) = Deferred::new();
        let (b, second) = Deferred::new();
        let (c, third) = Deferred::new();
        let mut select = select([first, second, third]);
        assert!((&mut select).now_or_never().is_none());
        b.reject("no").unwrap();
        assert!(select.is_done());
        let selected = select.now_or_never().unwrap().unwrap();
        assert_eq!(selected.index, 1);
        assert_eq!(selected.outcome.unwrap_err().text(), "no");
        a.resolve(1).unwrap();
        c.resolve(3).unwrap();
        let rest: Vec<_> = selected
            .rest
            .into_iter()
            .map(|(index, promise)| (index, promise.now_or_never().unwrap().unwrap()))
            .collect();
        assert_eq!(rest, [(0, 1), (2, 3)]);
    }

    #[test]
    fn over_nothing_fails_at_once() {
        let none: [Deferred<u32>; 0] = [];
        let failure = select(none).now_or_never().unwrap().unwrap_err();
        assert!(failure.downcast_ref::<NothingToWaitFor>().is_some());
    }

    #[test]
    fn a_cancelled_one_ends_as_cancelled() {
        let (_a, first) = Deferred::<u32>::new();
        let mut select = select([first]);
        assert!(select.cancel("enough"));
        assert!(select.is_done());
        let failure = (&mut select).now_or_never().unwrap().unwrap_err();
        assert_eq!(failure.text(), "enough");
    }
}
