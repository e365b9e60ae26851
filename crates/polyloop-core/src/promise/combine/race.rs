//! [`race`]: the first success.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Children, joined, polled_again};
use crate::promise::Promise;
use crate::promise::failure::Failure;

/// Waits for the first that succeeds, gives its place in the input and its value,
/// and cancels the others (COMB-10). It does not wait for them to stop, and what
/// they answer is ignored (COMB-12).
///
/// If all of them fail, so does the race, with [`AllFailed`] (COMB-11); over
/// nothing it fails at once, with [`NothingToWaitFor`] (COMB-13). Cancelling it
/// cancels all of them; one that answers its cancel with a value wins.
///
/// ```
/// use polyloop_core::{Failure, Promise, race};
///
/// async fn fastest<P: Promise<Value = String>>(mirrors: Vec<P>) -> Result<String, Failure> {
///     let (index, page) = race(mirrors).await?;
///     println!("mirror {index} was first");
///     Ok(page)
/// }
/// ```
pub fn race<I>(promises: I) -> Race<I::Item>
where
    I: IntoIterator<Item: Promise>,
{
    let children = Children::new(promises);
    Race {
        failures: vec![None; children.len()],
        children,
        taken: false,
    }
}

/// Why a race failed: every competitor did. Their failures, in input order.
#[derive(Debug, Clone, thiserror::Error)]
#[error("all of {} competitors failed: {}", .0.len(), joined(.0))]
pub struct AllFailed(pub Vec<Failure>);

/// Why a race, or a selection, over nothing fails: it could never settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no promise to wait for; expected at least one")]
pub struct NothingToWaitFor;

/// What [`race`] returns.
#[must_use = "a promise does nothing unless awaited or spawned"]
pub struct Race<P> {
    children: Children<P>,
    failures: Vec<Option<Failure>>,
    taken: bool,
}

impl<P: Promise> Future for Race<P> {
    type Output = Result<(usize, P::Value), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.taken {
            return polled_again();
        }
        while let Some((index, outcome)) = ready!(this.children.poll_next(cx)) {
            match outcome {
                Ok(value) => {
                    this.taken = true;
                    this.children.cancel("another one won the race");
                    this.children.let_go();
                    return Poll::Ready(Ok((index, value)));
                }
                Err(failure) => this.failures[index] = Some(failure),
            }
        }
        this.taken = true;
        let failures: Vec<_> = this.failures.drain(..).flatten().collect();
        Poll::Ready(Err(match this.children.cancelled() {
            Some(cancelled) => cancelled,
            None if failures.is_empty() => Failure::new(NothingToWaitFor),
            None => Failure::new(AllFailed(failures)),
        }))
    }
}

impl<P: Promise> Promise for Race<P> {
    type Value = (usize, P::Value);

    fn cancel(&self, reason: &str) -> bool {
        self.children.cancel(reason)
    }

    /// True once all are done. Whether one that is done has won is only known once
    /// it is polled.
    fn is_done(&self) -> bool {
        !self.taken && self.children.promises().all(|promise| promise.is_done())
    }

    fn ignore_failure(&self) {
        self.children.ignore_failures();
    }
}

impl<P: Promise> fmt::Debug for Race<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race")
            .field("running", &self.children.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::sync::primitive::{Arc, Mutex};

    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::deferred::Deferred;

    #[test]
    fn a_failure_does_not_win() {
        let (resolver, slow) = Deferred::new();
        let mut race = race([Deferred::failed("fast"), slow]);
        assert!((&mut race).now_or_never().is_none());
        resolver.resolve(9).unwrap();
        assert_eq!(race.now_or_never().unwrap().unwrap(), (1, 9));
    }

    #[test]
    fn the_losers_are_cancelled_and_their_answer_ignored() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let (_resolver, loser) = Deferred::with_canceller(move |reason| {
            log.lock().unwrap().push(reason.to_owned());
            Some(Ok(1))
        });
        let outcome = race([loser, Deferred::resolved(2)]).now_or_never();
        assert_eq!(outcome.unwrap().unwrap(), (1, 2));
        assert_eq!(*asked.lock().unwrap(), ["another one won the race"]);
    }

    #[test]
    fn all_failures_come_in_input_order() {
        let (resolver, first) = Deferred::<u32>::new();
        let mut race = race([first, Deferred::failed("b"), Deferred::failed("c")]);
        assert!((&mut race).now_or_never().is_none());
        resolver.reject("a").unwrap();
        let failure = race.now_or_never().unwrap().unwrap_err();
        let AllFailed(failures) = failure.downcast_ref().unwrap();
        let texts: Vec<_> = failures.iter().map(Failure::text).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn over_nothing_fails_at_once() {
        let none: [Deferred<u32>; 0] = [];
        let failure = race(none).now_or_never().unwrap().unwrap_err();
        assert!(failure.downcast_ref::<NothingToWaitFor>().is_some());
    }

    #[test]
    fn a_cancelled_race_ends_as_cancelled() {
        let (_a, first) = Deferred::<u32>::new();
        let (_b, second) = Deferred::<u32>::new();
        let mut race = race([first, second]);
        assert!((&mut race).now_or_never().is_none());
        assert!(race.cancel("rain"));
        let failure = (&mut race).now_or_never().unwrap().unwrap_err();
        assert!(failure.is_cancelled());
        assert_eq!(failure.text(), "rain");
        assert!(!race.cancel("again"));
    }
}
