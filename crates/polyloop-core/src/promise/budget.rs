//! How much that is ready one turn of a task may take.
//!
//! Awaiting a promise that has its outcome already goes on at once, without a trip
//! through the loop (CORO-01). A task that finds everything ready would so keep its
//! thread for ever, and with it the timers and sockets of a loop that has one thread
//! (LOOP-41). So a turn has a budget: whoever gives an outcome that was there spends one
//! of it, and when it is used up the next one says "not yet" and wakes the task, which
//! goes on in its next turn.
//!
//! Only a loop gives budgets. A future that somebody else polls is not limited.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::task::{Poll, Waker};

use crate::sync::primitive::thread_local;

/// Enough that the way through the loop costs nothing beside it; few enough that they are
/// over in well under a millisecond.
const PER_TURN: u64 = 1024;

/// Outside of a turn: never used up, however much is taken of it.
const UNLIMITED: u64 = u64::MAX;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(UNLIMITED) };
}

/// Runs one turn of a task, with a budget of its own.
#[inline]
pub(crate) fn turn<R>(turn: impl FnOnce() -> R) -> R {
    let _outer = Outer(LEFT.replace(PER_TURN));
    turn()
}

/// What was left outside of the turn, for when it is over.
struct Outer(u64);

impl Drop for Outer {
    #[inline]
    fn drop(&mut self) {
        LEFT.set(self.0);
    }
}

/// Whether the turn has taken enough; then its task is woken for another one.
#[inline]
pub(crate) fn is_spent(waker: &Waker) -> bool {
    let spent = LEFT.get() == 0;
    if spent {
        wake(waker);
    }
    spent
}

#[cold]
fn wake(waker: &Waker) {
    waker.wake_by_ref();
}

/// Something that was ready has been taken.
#[inline]
pub(crate) fn spend() {
    LEFT.set(LEFT.get().saturating_sub(1));
}

/// Spends one, in a later turn if this one has none left.
pub(crate) fn spend_in_turn() -> impl Future<Output = ()> + Send {
    poll_fn(|cx| {
        if is_spent(cx.waker()) {
            return Poll::Pending;
        }
        spend();
        Poll::Ready(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_its_own_and_outside_there_is_no_limit() {
        for _ in 0..10 * PER_TURN {
            spend();
        }
        assert!(!is_spent(Waker::noop()));
        turn(|| {
            (0..PER_TURN).for_each(|_| spend());
            assert!(is_spent(Waker::noop()));
            turn(|| assert!(!is_spent(Waker::noop()), "a turn inside a turn"));
            assert!(is_spent(Waker::noop()));
        });
        assert!(!is_spent(Waker::noop()));
    }
}
