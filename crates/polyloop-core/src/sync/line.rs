//! [`Line`]: tokens, and the line of those who wait for one. Lock, semaphore and
//! queue are this with different tokens.
//!
//! A token is stored, or on its way to a waiter, or inside a [`Grant`]. It is
//! stored only while nobody waits, so a newcomer finds one only when it would be
//! nobody else's. A grant gives its token back when it is dropped, wherever that
//! happens: in the hands of a user, or in a promise that nobody picked up.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::promise::Promise;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::Failure;
use crate::sync::primitive::{Arc, Mutex, lock};

pub(super) struct Line<T: Send>(Mutex<State<T>>);

struct State<T: Send> {
    tokens: VecDeque<T>,
    waiters: VecDeque<Resolver<Grant<T>>>,
    /// How long the line may get before those who left it are taken out.
    tidy_at: usize,
}

/// How many may stand in a line before it is worth looking for some that left.
const SHORT: usize = 16;

/// Which end of the store a token goes to if nobody waits for it.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl<T: Send> Line<T> {
    pub(super) fn new(tokens: impl IntoIterator<Item = T>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            tokens: tokens.into_iter().collect(),
            waiters: VecDeque::new(),
            tidy_at: SHORT,
        })))
    }

    /// How many tokens are stored.
    pub(super) fn stored(&self) -> usize {
        lock(&self.0).tokens.len()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        let state = lock(&self.0);
        let live = state.waiters.iter().filter(|waiter| !waiter.is_abandoned());
        live.count()
    }

    /// A stored token, if there is one: then nobody waits.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Grant<T>> {
        let token = lock(&self.0).tokens.pop_front()?;
        Some(self.grant(token))
    }

    /// A token now, or a place in the line. With a limit, `Err` if so many wait
    /// already.
    pub(super) fn take(self: &Arc<Self>, limit: Option<usize>) -> Result<Claim<T>, usize> {
        let mut state = lock(&self.0);
        if let Some(token) = state.tokens.pop_front() {
            drop(state);
            return Ok(Claim::Ready(Some(self.grant(token))));
        }
        let left = match limit {
            Some(_) => state.tidy(),
            None if state.waiters.len() >= state.tidy_at => state.tidy(),
            None => Vec::new(),
        };
        let waiting = state.waiters.len();
        let claim = if limit.is_some_and(|limit| waiting >= limit) {
            Err(waiting)
        } else {
            let (resolver, promise) = Deferred::new();
            state.waiters.push_back(resolver);
            Ok(Claim::Waiting(promise))
        };
        // Dropping a resolver may run code of a user, so not under the lock.
        drop(state);
        drop(left);
        claim
    }

    /// Hands a token to whoever waits longest, or stores it behind the others.
    pub(super) fn give(self: &Arc<Self>, token: T) {
        self.pass(token, Some(End::Back));
    }

    /// Hands a token to whoever waits longest, or gives it back if nobody waits.
    pub(super) fn hand(self: &Arc<Self>, token: T) -> Option<T> {
        self.pass(token, None)
    }

    fn pass(self: &Arc<Self>, token: T, store: Option<End>) -> Option<T> {
        let mut grant = self.grant(token);
        loop {
            let mut state = lock(&self.0);
            let Some(waiter) = state.waiters.pop_front() else {
                let token = grant.token.take();
                match (token, store) {
                    (Some(token), Some(End::Front)) => state.tokens.push_front(token),
                    (Some(token), Some(End::Back)) => state.tokens.push_back(token),
                    (token, _) => return token,
                }
                return None;
            };
            // Settling wakes a task, so not under the lock. Until it has settled,
            // the token is neither stored nor free.
            drop(state);
            match waiter.resolve(grant) {
                Ok(()) => return None,
                Err(back) => grant = back,
            }
        }
    }

    fn grant(self: &Arc<Self>, token: T) -> Grant<T> {
        Grant {
            token: Some(token),
            line: self.clone(),
        }
    }
}

impl<T: Send> State<T> {
    /// Takes out those who left the line, to be dropped without the lock.
    fn tidy(&mut self) -> Vec<Resolver<Grant<T>>> {
        let (left, live): (Vec<_>, VecDeque<_>) = {
            let mut left = Vec::new();
            let mut live = VecDeque::with_capacity(self.waiters.len());
            for waiter in self.waiters.drain(..) {
                if waiter.is_abandoned() {
                    left.push(waiter);
                } else {
                    live.push_back(waiter);
                }
            }
            (left, live)
        };
        self.tidy_at = SHORT.max(2 * live.len());
        self.waiters = live;
        left
    }
}

/// A token that was granted. Dropping it gives the token back: to whoever waits
/// longest, or to the front of the store, where it came from.
pub(super) struct Grant<T: Send> {
    token: Option<T>,
    line: Arc<Line<T>>,
}

impl<T: Send> Grant<T> {
    /// Keeps the token for good.
    pub(super) fn keep(mut self) -> T {
        self.token.take().expect(PRESENT)
    }

    pub(super) fn line(&self) -> &Arc<Line<T>> {
        &self.line
    }

    pub(super) fn get(&self) -> &T {
        self.token.as_ref().expect(PRESENT)
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        self.token.as_mut().expect(PRESENT)
    }
}

const PRESENT: &str = "only `keep` and `drop` take a grant's token, and both end the grant";

impl<T: Send> Drop for Grant<T> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.line.pass(token, Some(End::Front));
        }
    }
}

/// The promise of a token. Its place in the line is taken by the call that made
/// it, not by its first poll.
pub(super) enum Claim<T: Send> {
    Ready(Option<Grant<T>>),
    Waiting(Deferred<Grant<T>>),
}

// Nothing in it is ever pinned.
impl<T: Send> Unpin for Claim<T> {}

impl<T: Send> Future for Claim<T> {
    type Output = Result<Grant<T>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(grant) => Poll::Ready(grant.take().ok_or_else(|| {
                Failure::message("a promise was polled again after it had given its outcome")
            })),
            Self::Waiting(promise) => Pin::new(promise).poll(cx),
        }
    }
}

impl<T: Send> Promise for Claim<T> {
    type Value = Grant<T>;

    fn cancel(&self, reason: &str) -> bool {
        match self {
            Self::Ready(_) => false,
            Self::Waiting(promise) => promise.cancel(reason),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Ready(grant) => grant.is_some(),
            Self::Waiting(promise) => promise.is_done(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::sync::primitive::thread;

    fn claim(line: &Arc<Line<u32>>) -> Claim<u32> {
        line.take(None)
            .unwrap_or_else(|_| panic!("there is no limit"))
    }

    #[test]
    fn tokens_go_to_waiters_in_turn_and_are_never_seen_stored_on_the_way() {
        let line = Line::new([]);
        let (first, second) = (claim(&line), claim(&line));
        line.give(1);
        assert!(line.try_take().is_none());
        line.give(2);
        assert_eq!(second.now_or_never().unwrap().unwrap().keep(), 2);
        assert_eq!(first.now_or_never().unwrap().unwrap().keep(), 1);
    }

    #[test]
    fn a_grant_that_nobody_picked_up_goes_on() {
        let line = Line::new([]);
        let (first, second, third) = (claim(&line), claim(&line), claim(&line));
        line.give(1);
        assert!(second.cancel("no longer"));
        drop(first);
        assert_eq!(third.now_or_never().unwrap().unwrap().keep(), 1);
    }

    #[test]
    fn a_token_that_comes_back_keeps_its_place() {
        let line = Line::new([1, 2]);
        drop(claim(&line));
        assert_eq!(line.try_take().unwrap().keep(), 1);
        assert_eq!(line.try_take().unwrap().keep(), 2);
    }

    #[test]
    fn those_who_left_do_not_pile_up() {
        let line = Line::<u32>::new([]);
        let stays = claim(&line);
        for _ in 0..10_000 {
            drop(claim(&line));
        }
        assert!(lock(&line.0).waiters.len() <= 2 * SHORT);
        assert_eq!(line.waiting(), 1);
        line.give(7);
        assert_eq!(stays.now_or_never().unwrap().unwrap().keep(), 7);
    }

    #[test]
    fn a_limit_counts_those_who_still_wait() {
        let line = Line::<u32>::new([]);
        let first = line.take(Some(1)).ok().unwrap();
        assert_eq!(line.take(Some(1)).err(), Some(1));
        drop(first);
        assert!(line.take(Some(1)).is_ok());
    }

    #[test]
    fn threads_that_take_and_leave_lose_no_token() {
        let line = Line::new([1, 2, 3]);
        thread::scope(|scope| {
            for seed in 0..4 {
                let line = &line;
                scope.spawn(move || {
                    for turn in 0..5_000 {
                        let mut claim = claim(line);
                        if (turn + seed) % 3 == 0 {
                            // Leaves, granted or not.
                            continue;
                        }
                        // Holds it for a moment if it was granted, else leaves.
                        let _grant = (&mut claim).now_or_never();
                        thread::yield_now();
                    }
                });
            }
        });
        assert_eq!((line.stored(), line.waiting()), (3, 0));
    }
}
