//! The one task per loop that makes its calls.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::after;
use super::queue::{CallQueue, Key, Next, Work};
use crate::event_loop::backend::{Backend, Timer};
use crate::event_loop::context::Entered;
use crate::event_loop::state::LoopState;
use crate::promise::failure::Failure;
use crate::sync::primitive::Arc;

/// Starts the driver. It holds the queue and not the loop, so that a loop which
/// nobody uses any more can go.
pub(super) fn start<B: Backend>(backend: &B) {
    let state = backend.state();
    let far = after(state.now(), std::time::Duration::MAX);
    // The driver is not a task that a user spawned: it is neither counted nor
    // cancelled, and dropping its handle leaves it running.
    drop(backend.start(CallDriver {
        queue: state.calls.clone(),
        batch: Vec::new(),
        timer: backend.timer(far),
        armed: None,
    }));
}

pin_project! {
    struct CallDriver<T> {
        queue: Arc<CallQueue>,
        batch: Vec<Key>,
        #[pin]
        timer: T,
        armed: Option<Instant>,
    }

    impl<T> PinnedDrop for CallDriver<T> {
        fn drop(this: Pin<&mut Self>) {
            // The runtime below the loop was shut down by its owner: the calls will
            // never be made, so the loop says that it is closed.
            if let Some(state) = this.queue.driver_lost() {
                state.close();
            }
        }
    }
}

impl<T: Timer> Future for CallDriver<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let mut now = None;
        let read_clock = |state: &LoopState| *now.insert(state.now());
        match this.queue.next(read_clock, this.batch, cx.waker()) {
            Next::Exit => Poll::Ready(()),
            Next::Sleep(None) => Poll::Pending,
            Next::Sleep(Some(until)) => {
                if *this.armed != Some(until) {
                    this.timer.as_mut().reset(until);
                    *this.armed = Some(until);
                }
                if this.timer.poll(cx).is_ready() {
                    *this.armed = None;
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Next::Pass(state) => {
                let now = now.unwrap_or_else(|| state.now());
                let mut slot = Some(state);
                for key in this.batch.drain(..) {
                    match this.queue.take(key, now) {
                        Some(Work::Call(call)) => make(call, &mut slot),
                        Some(Work::Wake(waker)) => waker.wake(),
                        None => {}
                    }
                }
                let released = this.queue.pass_done();
                drop((slot, released));
                // Others get their turn before the next pass.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

fn make(call: Box<dyn FnOnce() + Send>, state: &mut Option<Arc<LoopState>>) {
    let entered = Entered::new(state);
    let made = catch_unwind(AssertUnwindSafe(call));
    drop(entered);
    if let (Err(payload), Some(state)) = (made, state) {
        state.report(
            "a delayed call panicked",
            &Failure::panicked(payload.as_ref()),
        );
    }
}
