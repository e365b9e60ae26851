//! [`catch_cancel`]: how the body of a task sees its own cancellation.
//!
//! Dropping a future cannot await. A body that has to clean up with further
//! awaits wraps what may be interrupted; everything outside the wrapper runs on.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::failure::Failure;

thread_local! {
    static SCOPE: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Slot {
    cancel: Option<String>,
    catching: bool,
}

/// One poll of a task.
pub(super) struct Scope {
    outer: Option<Slot>,
}

impl Scope {
    pub(super) fn enter(cancel: Option<String>) -> Self {
        let slot = Slot {
            cancel,
            catching: false,
        };
        Self {
            outer: SCOPE.replace(Some(slot)),
        }
    }

    /// The cancel that nobody took, and whether the body now waits in a wrapper.
    pub(super) fn leave(mut self) -> (Option<String>, bool) {
        let slot = SCOPE.replace(self.outer.take()).unwrap_or_default();
        (slot.cancel, slot.catching)
    }
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
            this.future.set(None);
            return Poll::Ready(Ok(value));
        }
        let cancel = SCOPE.with_borrow_mut(|slot| {
            let slot = slot.as_mut()?;
            let cancel = slot.cancel.take();
            slot.catching |= cancel.is_none();
            cancel
        });
        match cancel {
            Some(reason) => {
                this.future.set(None);
                Poll::Ready(Err(Failure::cancelled(reason)))
            }
            None => Poll::Pending,
        }
    }
}
