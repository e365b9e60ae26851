//! The one task per loop that makes its calls.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::after;
use super::alarm::Alarm;
use super::pending::{FEW, Key, Work};
use super::queue::{CallQueue, Next};
use crate::event_loop::backend::Backend;
use crate::event_loop::context::Entered;
use crate::event_loop::state::LoopState;
use crate::promise::discard::{caught, wake};
use crate::sync::primitive::{Arc, Weak};

/// Starts the driver. It holds the queue and not the loop, so that a loop which
/// nobody uses any more can go.
pub(super) fn start<B: Backend>(backend: &B) {
    let state = backend.state();
    let far = after(state.now(), std::time::Duration::MAX);
    state.calls.set_alarm(Alarm::new(backend.timer(far)));
    // The driver is not a task that a user spawned: it is neither counted nor
    // cancelled, and dropping its handle leaves it running.
    drop(backend.start(CallDriver {
        queue: state.calls.clone(),
        of: Arc::downgrade(state),
        batch: Vec::new(),
    }));
}

struct CallDriver {
    queue: Arc<CallQueue>,
    of: Weak<LoopState>,
    batch: Vec<Key>,
}

impl Drop for CallDriver {
    fn drop(&mut self) {
        // The runtime below the loop was shut down by its owner: no call will ever be
        // made, so the loop says that it is closed.
        if let Some(state) = self.of.upgrade() {
            self.queue.driver_lost();
            state.close();
        }
    }
}

impl Future for CallDriver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { queue, batch, .. } = self.get_mut();
        match queue.next(LoopState::now, batch, cx.waker()) {
            Next::Exit => return Poll::Ready(()),
            Next::Sleep(None) => {}
            Next::Sleep(Some(until)) => {
                if queue.poll_alarm(until, cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
            }
            Next::Pass(state) => {
                let mut slot = Some(state);
                let asked = batch.len();
                for key in batch.drain(..) {
                    match queue.take(key) {
                        Some(Work::Call(call)) => make(call.into_inner(), &mut slot),
                        Some(Work::Wake(waker)) => wake(waker),
                        None => {}
                    }
                }
                // A crowd does not come every time.
                batch.shrink_to(FEW.max(8 * asked));
                let released = queue.pass_done();
                drop((slot, released));
                // With its last call a loop may go, and nobody would give this another
                // turn to notice.
                if queue.is_closed() {
                    return Poll::Ready(());
                }
                // Others get their turn before the next pass.
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

fn make(call: Box<dyn FnOnce() + Send>, state: &mut Option<Arc<LoopState>>) {
    let entered = Entered::new(state);
    let made = catch_unwind(AssertUnwindSafe(call)).map_err(caught);
    drop(entered);
    if let (Err(failure), Some(state)) = (made, state) {
        state.report("a delayed call panicked", &failure);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::{Wake, Waker};
    use std::time::Instant;

    use super::*;
    use crate::event_loop::backend::{StartedTask, Timer};
    use crate::event_loop::calls::Calls as _;
    use crate::sync::primitive::{Mutex, lock};

    /// A runtime without a thread: its tasks have a turn when it is told to give them
    /// one. It goes with the last who holds it, and its timers hold it.
    #[derive(Default)]
    struct Runtime(Mutex<VecDeque<Arc<Task>>>);

    struct Task {
        future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
        runtime: Weak<Runtime>,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            if let Some(runtime) = self.runtime.upgrade() {
                lock(&runtime.0).push_back(self);
            }
        }
    }

    impl Runtime {
        fn give_turns(&self) {
            loop {
                let Some(task) = lock(&self.0).pop_front() else {
                    return;
                };
                let waker = Waker::from(task.clone());
                let mut future = lock(&task.future);
                if let Some(running) = future.as_mut()
                    && running
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_ready()
                {
                    *future = None;
                }
            }
        }
    }

    #[derive(Clone)]
    struct Lp {
        state: Arc<LoopState>,
        runtime: Arc<Runtime>,
    }

    /// It never comes.
    struct Never(#[expect(dead_code, reason = "holding it is all it does")] Arc<Runtime>);

    impl Future for Never {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    impl Timer for Never {
        fn reset(self: Pin<&mut Self>, _: Instant) {}
    }

    /// Nobody awaits anything here.
    struct Unawaited<T>(std::marker::PhantomData<fn() -> T>);

    impl<T> Future for Unawaited<T> {
        type Output = Option<T>;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
            Poll::Pending
        }
    }

    impl<T> StartedTask<T> for Unawaited<T> {
        fn is_finished(&self) -> bool {
            false
        }
    }

    impl Backend for Lp {
        type Started<T: Send + 'static> = Unawaited<T>;
        type Timer = Never;

        fn state(&self) -> &Arc<LoopState> {
            &self.state
        }

        fn from_state(_: &Arc<LoopState>) -> Option<Self> {
            None
        }

        fn start<F>(&self, future: F) -> Unawaited<F::Output>
        where
            F: Future + Send + 'static,
            F::Output: Send + 'static,
        {
            let task = Task {
                future: Mutex::new(Some(Box::pin(async move { drop(future.await) }))),
                runtime: Arc::downgrade(&self.runtime),
            };
            Arc::new(task).wake();
            Unawaited(std::marker::PhantomData)
        }

        fn start_blocking<F>(&self, _: F)
        where
            F: FnOnce() + Send + 'static,
        {
        }

        fn timer(&self, _: Instant) -> Never {
            Never(self.runtime.clone())
        }
    }

    #[test]
    fn a_loop_that_goes_takes_the_timer_of_its_calls_along() {
        for in_its_last_call in [false, true] {
            let runtime = Arc::new(Runtime::default());
            let lp = Lp {
                state: LoopState::new("test", runtime.clone()),
                runtime: runtime.clone(),
            };
            let gone = Arc::downgrade(&runtime);
            let made = Arc::new(Mutex::new(false));
            let (noted, own) = (made.clone(), in_its_last_call.then(|| lp.clone()));
            lp.call_soon(move || {
                *lock(&noted) = true;
                drop(own);
            })
            .unwrap();
            if in_its_last_call {
                drop(lp);
                runtime.give_turns();
            } else {
                runtime.give_turns();
                drop(lp);
            }
            assert!(*lock(&made));
            // From here on nobody gives a turn.
            drop(runtime);
            assert!(gone.upgrade().is_none(), "something holds the runtime");
        }
    }
}
