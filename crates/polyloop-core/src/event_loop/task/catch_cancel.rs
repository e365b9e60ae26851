//! [`catch_cancel`]: how the body of a task sees its own cancellation.
//!
//! Dropping a future cannot await. A body that has to clean up with further
//! awaits wraps what may be interrupted; everything outside the wrapper runs on.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::promise::discard::discard_in_place;
use crate::promise::failure::Failure;
use crate::sync::primitive::thread_local;

thread_local! {
    /// How the code that runs on this thread stands to cancelling: the bits below.
    static STANDING: Cell<u8> = const { Cell::new(0) };
    /// Why the task that is being polled was cancelled. Looked at only where its
    /// standing says that there is something: this is on the way of every poll.
    static REASON: Cell<Option<String>> = const { Cell::new(None) };
}

/// It runs in a task.
const IN_TASK: u8 = 1;
/// The task was cancelled, and nobody has taken the reason.
const ASKED: u8 = 2;
/// The body of the task waits in a wrapper.
const CATCHING: u8 = 4;

/// Polls the body of a task. Gives back whether it now waits in a wrapper.
pub(super) fn scope<T>(poll: impl FnOnce() -> T) -> (T, bool) {
    let outer = STANDING.replace(IN_TASK);
    let polled = poll();
    (polled, STANDING.replace(outer) & CATCHING != 0)
}

/// The same for a task that was cancelled. Gives back the reason, too, if nobody took
/// it.
pub(super) fn scope_of_cancelled<T>(
    reason: String,
    poll: impl FnOnce() -> T,
) -> (T, bool, Option<String>) {
    let outer_reason = REASON.replace(Some(reason));
    let outer = STANDING.replace(IN_TASK | ASKED);
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

/// Runs `future` until it finishes or the surrounding task is cancelled, and
/// then says so instead of ending the task.
///
/// On cancellation `future` is dropped and the body goes on, with as many
/// awaits as it needs; if it then returns a value, the task completes with it
/// and is not marked cancelled (CORO-05, CORO-06). A second cancel ends the body
/// at its next suspension, unless it waits in `catch_cancel` again. Outside of a
/// task it is a plain await.
///
/// It catches where the body itself waits in it: each time the task is polled, the wrapper
/// is. A part of [`gather`](crate::gather) or of another combinator is polled only when
/// it was woken itself, so a wrapper inside of one part is not there when the cancel comes,
/// and the task ends without it (CORO-13). Either wrap the whole, or give each part that has
/// to clean up a task of its own, which is cancelled and waited for through the combinator:
///
/// ```
/// use polyloop_core::{Failure, Promise, Spawner, catch_cancel, gather};
/// # async fn feed() -> Result<(), Failure> { Ok(()) } async fn say_goodbye() {}
///
/// async fn both<S: Spawner>(lp: &S) {
///     let parts = gather((0..2).map(|_| {
///         lp.spawn(async {
///             if catch_cancel(feed()).await.is_err() {
///                 say_goodbye().await; // each of them
///             }
///         })
///     }));
///     let mut parts = parts.shared();
///     if let Err(cancelled) = catch_cancel(&mut parts).await {
///         parts.cancel(&cancelled.text());
///         let _ = parts.await; // until both have said goodbye
///     }
/// }
/// ```
///
/// ```
/// # async fn serve() {} async fn say_goodbye() {}
/// async fn session() {
///     if let Err(cancelled) = polyloop_core::catch_cancel(serve()).await {
///         println!("ending: {}", cancelled.text());
///         say_goodbye().await;
///     }
/// }
/// ```
pub fn catch_cancel<F: Future>(future: F) -> CatchCancel<F> {
    CatchCancel {
        future: Some(future),
    }
}

pin_project! {
    /// The future that [`catch_cancel`] returns.
    #[must_use = "futures do nothing unless awaited"]
    pub struct CatchCancel<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future> Future for CatchCancel<F> {
    type Output = Result<F::Output, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        // A value that is there wins over the cancel (CORO-09).
        if let Poll::Ready(value) = future.poll(cx) {
            discard_in_place(this.future);
            return Poll::Ready(Ok(value));
        }
        match take_cancel() {
            Some(reason) => {
                discard_in_place(this.future);
                Poll::Ready(Err(Failure::cancelled(reason)))
            }
            None => Poll::Pending,
        }
    }
}
