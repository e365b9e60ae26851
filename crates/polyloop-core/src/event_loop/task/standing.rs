//! What a task tells the code that it polls, and that code the task: by one byte of the
//! thread's, for it is on the way of every poll.

use std::cell::Cell;

use crate::sync::primitive::thread_local;

thread_local! {
    /// How the code that runs on this thread stands to its task: the bits below.
    static STANDING: Cell<u8> = const { Cell::new(0) };
    /// Why the task that is being polled was cancelled. Looked at only where its
    /// standing says that there is something.
    static REASON: Cell<Option<String>> = const { Cell::new(None) };
}

/// It runs in a task.
const IN_TASK: u8 = 1;
/// The task was cancelled, and nobody has taken the reason.
const ASKED: u8 = 2;
/// The body of the task waits for a cancel.
const CATCHING: u8 = 4;
/// The task was suspended before, and by the waker that it is polled with now.
const SAME_WAKER: u8 = 8;

fn in_task(same_waker: bool) -> u8 {
    IN_TASK | if same_waker { SAME_WAKER } else { 0 }
}

/// Polls the body of a task. Gives back whether it now waits for a cancel.
#[inline]
pub(super) fn scope<T>(same_waker: bool, poll: impl FnOnce() -> T) -> (T, bool) {
    let outer = STANDING.replace(in_task(same_waker));
    let polled = poll();
    (polled, STANDING.replace(outer) & CATCHING != 0)
}

/// The same for a task that was cancelled. Gives back the reason, too, if nobody took
/// it.
pub(super) fn scope_of_cancelled<T>(
    same_waker: bool,
    reason: String,
    poll: impl FnOnce() -> T,
) -> (T, bool, Option<String>) {
    let outer_reason = REASON.replace(Some(reason));
    let outer = STANDING.replace(in_task(same_waker) | ASKED);
    let polled = poll();
    let catching = STANDING.replace(outer) & CATCHING != 0;
    (polled, catching, REASON.replace(outer_reason))
}

/// The reason of a cancel that has come, if one has; otherwise notes that the body
/// waits for one. A hand-written future asks at each poll, and then sees its cancel instead
/// of being dropped.
pub(crate) fn take_cancel() -> Option<String> {
    let standing = STANDING.get();
    if standing & ASKED != 0 {
        STANDING.set(standing & !ASKED);
        return REASON.take();
    }
    if standing & IN_TASK != 0 {
        STANDING.set(standing | CATCHING);
    }
    None
}

/// Whether the task is polled with the waker that it was last suspended with, so that the
/// body of it need not give that waker to anybody again.
pub(crate) fn has_same_waker() -> bool {
    STANDING.get() & SAME_WAKER != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_a_task_is_told_whether_its_waker_is_the_same() {
        assert!(!has_same_waker(), "nobody polls here");
        let told = scope(true, || {
            let inner = scope(false, has_same_waker);
            (has_same_waker(), inner.0)
        });
        assert_eq!(told, ((true, false), false));
        assert!(!has_same_waker(), "the task has been polled");
    }
}
