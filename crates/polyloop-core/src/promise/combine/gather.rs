//! [`gather`] and [`try_gather`]: waiting for all.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Children, polled_again};
use crate::promise::Promise;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;

/// Waits for all, and gives every outcome, in the order of the input (COMB-01,
/// COMB-03). Of nothing it is an empty list, at once (COMB-02).
///
/// A child that fails, or that somebody else cancels, is one failed outcome among
/// the others, and touches none of them (COMB-09).
///
/// ```
/// use polyloop_core::{Failure, Spawner, gather};
///
/// async fn lengths<S: Spawner>(lp: &S, names: Vec<String>) -> Result<Vec<usize>, Failure> {
///     let outcomes = gather(names.into_iter().map(|name| lp.spawn(async move { name.len() })));
///     outcomes.await?.into_iter().collect()
/// }
/// ```
pub fn gather<I>(promises: I) -> Gather<I::Item>
where
    I: IntoIterator<Item: Promise>,
{
    Gather {
        gathering: Gathering::new(promises),
    }
}

/// Waits for all values, in the order of the input, or for the first failure,
/// which it fails with at once, as a [`FirstFailure`] that says whose it is
/// (COMB-04, COMB-18).
///
/// The other children are not cancelled then (COMB-05): spawned tasks run on, and
/// what they fail with later is not reported (COMB-06). A chain that isn't a task
/// has nobody to drive it any more. Use a [`TaskGroup`](crate::TaskGroup) for
/// tasks that are to end together.
///
/// ```
/// use polyloop_core::{Deferred, FirstFailure, try_gather};
/// # use futures_util::FutureExt as _;
///
/// let mut both = try_gather([Deferred::resolved(1), Deferred::failed("no luck")]);
/// let failure = both.now_or_never().unwrap().unwrap_err();
/// let first = failure.downcast_ref::<FirstFailure>().unwrap();
/// assert_eq!(first.index, 1);
/// assert_eq!(first.source.text(), "no luck");
/// ```
pub fn try_gather<I>(promises: I) -> TryGather<I::Item>
where
    I: IntoIterator<Item: Promise>,
{
    TryGather {
        gathering: Gathering::new(promises),
    }
}

/// Why [`try_gather`] failed: one of its inputs did.
#[derive(Debug, Clone, thiserror::Error)]
#[error("input {index} failed: {source}")]
#[non_exhaustive]
pub struct FirstFailure {
    /// The place of the promise in the input, from zero.
    pub index: usize,
    /// What it failed with.
    pub source: Failure,
}

/// What [`gather`] returns.
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct Gather<P: Promise> {
    gathering: Gathering<P, Result<P::Value, Failure>>,
}

/// What [`try_gather`] returns.
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct TryGather<P: Promise> {
    gathering: Gathering<P, P::Value>,
}

/// Children, and what was gathered of them, `R` each.
struct Gathering<P, R> {
    children: Children<P>,
    gathered: Vec<Option<Guarded<R>>>,
    taken: bool,
}

impl<P: Promise, R> Gathering<P, R> {
    fn new(promises: impl IntoIterator<Item = P>) -> Self {
        let children = Children::new(promises);
        Self {
            gathered: (0..children.len()).map(|_| None).collect(),
            children,
            taken: false,
        }
    }

    fn finish(&mut self) -> Result<Vec<R>, Failure> {
        self.taken = true;
        let gathered = std::mem::take(&mut self.gathered);
        if let Some(failure) = self.children.cancelled() {
            return Err(failure);
        }
        let gathered = gathered.into_iter().flatten();
        Ok(gathered.map(Guarded::into_inner).collect())
    }

    fn is_done(&self) -> bool {
        !self.taken && self.children.promises().all(|promise| promise.is_done())
    }
}

// The gathered values are never pinned.
impl<P: Promise> Unpin for Gather<P> {}
impl<P: Promise> Unpin for TryGather<P> {}

impl<P: Promise> Future for Gather<P> {
    type Output = Result<Vec<Result<P::Value, Failure>>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut self.gathering;
        if this.taken {
            return polled_again();
        }
        while let Some((index, outcome)) = ready!(this.children.poll_next(cx)) {
            this.gathered[index] = Some(Guarded::new(outcome));
        }
        Poll::Ready(this.finish())
    }
}

impl<P: Promise<Value: Send>> Promise for Gather<P> {
    type Value = Vec<Result<P::Value, Failure>>;

    fn cancel(&self, reason: &str) -> bool {
        self.gathering.children.cancel(reason)
    }

    fn is_done(&self) -> bool {
        self.gathering.is_done()
    }

    fn ignore_failure(&self) {
        self.gathering.children.ignore_failures();
    }
}

impl<P: Promise> Future for TryGather<P> {
    type Output = Result<Vec<P::Value>, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut self.gathering;
        if this.taken {
            return polled_again();
        }
        while let Some((index, outcome)) = ready!(this.children.poll_next(cx)) {
            match outcome {
                Ok(value) => this.gathered[index] = Some(Guarded::new(value)),
                // Once cancelled, it is the cancel that it ends with.
                Err(_) if this.children.cancelled.get().is_some() => {}
                Err(source) => {
                    this.taken = true;
                    this.gathered.clear();
                    this.children.let_go();
                    return Poll::Ready(Err(Failure::new(FirstFailure { index, source })));
                }
            }
        }
        Poll::Ready(this.finish())
    }
}

impl<P: Promise<Value: Send>> Promise for TryGather<P> {
    type Value = Vec<P::Value>;

    fn cancel(&self, reason: &str) -> bool {
        self.gathering.children.cancel(reason)
    }

    /// True once all are done. Whether one that is done has failed is only known
    /// once it is polled.
    fn is_done(&self) -> bool {
        self.gathering.is_done()
    }

    fn ignore_failure(&self) {
        self.gathering.children.ignore_failures();
    }
}

impl<P: Promise> fmt::Debug for Gather<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather")
            .field("running", &self.gathering.children.len())
            .finish_non_exhaustive()
    }
}

impl<P: Promise> fmt::Debug for TryGather<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGather")
            .field("running", &self.gathering.children.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::{Deferred, Resolver};

    fn pending(n: usize) -> (Vec<Resolver<u32>>, Vec<Deferred<u32>>) {
        (0..n).map(|_| Deferred::new()).unzip()
    }

    #[test]
    fn outcomes_come_in_input_order() {
        let (mut resolvers, promises) = pending(3);
        let mut all = gather(promises);
        assert!((&mut all).now_or_never().is_none());
        for (value, resolver) in [2, 1, 0].into_iter().zip(resolvers.drain(..).rev()) {
            resolver.resolve(value).unwrap();
        }
        assert!(all.is_done());
        let outcomes = (&mut all).now_or_never().unwrap().unwrap();
        let values: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(values, [0, 1, 2]);
        assert!(!all.is_done());
    }

    #[test]
    fn of_nothing_is_nothing() {
        let none: [Deferred<u32>; 0] = [];
        assert!(gather(none).now_or_never().unwrap().unwrap().is_empty());
        let none: [Deferred<u32>; 0] = [];
        assert!(try_gather(none).now_or_never().unwrap().unwrap().is_empty());
    }

    #[test]
    fn the_first_failure_ends_it() {
        let (mut resolvers, promises) = pending(3);
        let mut all = try_gather(promises);
        assert!((&mut all).now_or_never().is_none());
        resolvers.remove(1).reject("broken").unwrap();
        let failure = (&mut all).now_or_never().unwrap().unwrap_err();
        assert_eq!(failure.downcast_ref::<FirstFailure>().unwrap().index, 1);
        assert!(!all.cancel("too late"));
    }

    #[test]
    fn a_cancel_reaches_every_child_and_the_aggregate() {
        let (resolvers, promises) = pending(2);
        let settled = Deferred::resolved(7);
        let mut all = gather(promises.into_iter().chain([settled]));
        assert!((&mut all).now_or_never().is_none());
        assert!(all.cancel("enough"));
        assert!(resolvers.iter().all(Resolver::is_abandoned));
        let failure = all.now_or_never().unwrap().unwrap_err();
        assert!(failure.is_cancelled());
        assert_eq!(failure.text(), "enough");
    }

    #[test]
    fn a_value_as_the_answer_to_a_cancel_does_not_save_it() {
        let (_resolver, slow) = Deferred::with_canceller(|_| Some(Ok(5)));
        let mut all = try_gather([slow, Deferred::resolved(1)]);
        assert!(all.cancel("enough"));
        assert!(
            (&mut all)
                .now_or_never()
                .unwrap()
                .unwrap_err()
                .is_cancelled()
        );
    }

    #[test]
    fn a_cancel_after_all_are_done_does_nothing() {
        let mut all = gather([Deferred::resolved(1)]);
        assert!(!all.cancel("too late"));
        assert!((&mut all).now_or_never().unwrap().is_ok());
    }

    #[test]
    fn one_cancelled_child_is_one_failure() {
        let (_resolver, cancelled) = Deferred::<u32>::new();
        cancelled.cancel("by somebody");
        let outcomes = gather([cancelled, Deferred::resolved(1)])
            .now_or_never()
            .unwrap()
            .unwrap();
        assert!(outcomes[0].as_ref().unwrap_err().is_cancelled());
        assert_eq!(*outcomes[1].as_ref().unwrap(), 1);
    }
}
