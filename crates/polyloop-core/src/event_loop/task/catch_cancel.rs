//! [`catch_cancel`]: how the body of a task sees its own cancellation.
//!
//! Dropping a future cannot await. A body that has to clean up with further
//! awaits wraps what may be interrupted; everything outside the wrapper runs on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::standing::take_cancel;
use crate::promise::discard::discard_in_place;
use crate::promise::failure::Failure;

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
