//! [`Line`]: tokens, and the line of those who wait for one. Lock, semaphore and
//! queue are this with different tokens.
//!
//! A token is stored, or on its way to a waiter, or inside a [`Grant`]. It is
//! stored only while nobody waits, so a newcomer finds one only when it would be
//! nobody else's. A grant gives its token back when it is dropped, wherever that
//! happens: in the hands of a user, or in a promise that nobody picked up.

mod claim;
mod places;
mod store;

use std::collections::VecDeque;

pub(super) use claim::Claim;
use places::Places;
pub(super) use store::{Count, Store};

use crate::promise::deferred::{Deferred, Resolver};
use crate::sync::primitive::{Arc, Mutex, lock};

pub(super) struct Line<T: Send, S: Store<T> = VecDeque<T>>(Mutex<State<T, S>>);

struct State<T: Send, S: Store<T>> {
    tokens: S,
    /// Those who leave are gone from it at once.
    waiters: Places<Resolver<Grant<T, S>>>,
}

/// Which end of the store a token goes to if nobody waits for it.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl<T: Send, S: Store<T>> Line<T, S> {
    pub(super) fn new(tokens: S) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            tokens,
            waiters: Places::new(),
        })))
    }

    /// How many tokens are stored.
    pub(super) fn stored(&self) -> usize {
        lock(&self.0).tokens.len()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.0).waiters.len()
    }

    /// A stored token, if there is one: then nobody waits.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Grant<T, S>> {
        let token = lock(&self.0).tokens.take()?;
        Some(self.grant(token))
    }

    /// A token now, or a place in the line.
    pub(super) fn take(self: &Arc<Self>) -> Claim<T, S> {
        self.take_if(usize::MAX)
            .unwrap_or_else(|_| unreachable!("no more can wait than can be counted"))
    }

    /// The same while fewer than so many wait; otherwise `Err` with how many do.
    pub(super) fn take_if(self: &Arc<Self>, fewer_than: usize) -> Result<Claim<T, S>, usize> {
        let mut state = lock(&self.0);
        if let Some(token) = state.tokens.take() {
            drop(state);
            return Ok(Claim::ready(self.grant(token)));
        }
        let waiting = state.waiters.len();
        if waiting >= fewer_than {
            return Err(waiting);
        }
        let (resolver, promise) = Deferred::new();
        let place = state.waiters.join(resolver);
        drop(state);
        Ok(Claim::waiting(promise, Arc::downgrade(self), place))
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
            let Some(waiter) = state.waiters.serve() else {
                let token = grant.token.take();
                match (token, store) {
                    (Some(token), Some(End::Front)) => state.tokens.put_front(token),
                    (Some(token), Some(End::Back)) => state.tokens.put_back(token),
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

    fn grant(self: &Arc<Self>, token: T) -> Grant<T, S> {
        Grant {
            token: Some(token),
            line: self.clone(),
        }
    }
}

impl Line<(), Count> {
    /// Hands out so many tokens, and stores those that nobody waits for.
    pub(super) fn give_many(self: &Arc<Self>, mut tokens: usize) {
        while tokens > 0 {
            let mut state = lock(&self.0);
            let Some(waiter) = state.waiters.serve() else {
                state.tokens.add(tokens);
                return;
            };
            drop(state);
            match waiter.resolve(self.grant(())) {
                Ok(()) => tokens -= 1,
                Err(back) => back.keep(),
            }
        }
    }
}

/// A token that was granted. Dropping it gives the token back: to whoever waits
/// longest, or to the front of the store, where it came from.
pub(super) struct Grant<T: Send, S: Store<T> = VecDeque<T>> {
    token: Option<T>,
    line: Arc<Line<T, S>>,
}

impl<T: Send, S: Store<T>> Grant<T, S> {
    /// Keeps the token for good.
    pub(super) fn keep(mut self) -> T {
        self.token.take().expect(PRESENT)
    }

    pub(super) fn line(&self) -> &Arc<Line<T, S>> {
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

impl<T: Send, S: Store<T>> Drop for Grant<T, S> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.line.pass(token, Some(End::Front));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::promise::Promise;
    use crate::sync::primitive::thread;

    fn line(tokens: impl IntoIterator<Item = u32>) -> Arc<Line<u32>> {
        Line::new(tokens.into_iter().collect())
    }

    #[test]
    fn tokens_go_to_waiters_in_turn_and_are_never_seen_stored_on_the_way() {
        let line = line([]);
        let (first, second) = (line.take(), line.take());
        line.give(1);
        assert!(line.try_take().is_none());
        line.give(2);
        assert_eq!(second.now_or_never().unwrap().unwrap().keep(), 2);
        assert_eq!(first.now_or_never().unwrap().unwrap().keep(), 1);
    }

    #[test]
    fn a_grant_that_nobody_picked_up_goes_on() {
        let line = line([]);
        let (first, second, third) = (line.take(), line.take(), line.take());
        line.give(1);
        assert!(second.cancel("no longer"));
        drop(first);
        assert_eq!(third.now_or_never().unwrap().unwrap().keep(), 1);
    }

    #[test]
    fn a_token_that_comes_back_keeps_its_place() {
        let line = line([1, 2]);
        drop(line.take());
        assert_eq!(line.try_take().unwrap().keep(), 1);
        assert_eq!(line.try_take().unwrap().keep(), 2);
    }

    #[test]
    fn those_who_leave_are_gone_at_once() {
        let line = line([]);
        let stays = line.take();
        let cancelled = line.take();
        for _ in 0..10_000 {
            drop(line.take());
        }
        assert!(cancelled.cancel("no longer"));
        assert_eq!(line.waiting(), 1);
        line.give(7);
        assert_eq!(stays.now_or_never().unwrap().unwrap().keep(), 7);
    }

    #[test]
    fn a_limit_counts_those_who_still_wait() {
        let line = line([]);
        let first = line.take_if(1).ok().unwrap();
        assert_eq!(line.take_if(1).err(), Some(1));
        drop(first);
        assert!(line.take_if(1).is_ok());
    }

    #[test]
    fn so_many_tokens_go_to_those_who_wait_and_the_rest_is_a_number() {
        let line = Line::new(Count(0));
        let (first, second) = (line.take(), line.take());
        line.give_many(usize::MAX);
        assert!(first.is_done() && second.is_done());
        assert_eq!(line.stored(), usize::MAX - 2);
        drop((first, second));
        assert_eq!(line.stored(), usize::MAX);
        line.give_many(3);
        assert_eq!(line.stored(), usize::MAX);
    }

    #[test]
    fn threads_that_take_and_leave_lose_no_token() {
        let line = line([1, 2, 3]);
        thread::scope(|scope| {
            for seed in 0..4 {
                let line = &line;
                scope.spawn(move || {
                    for turn in 0..5_000 {
                        let mut claim = line.take();
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
