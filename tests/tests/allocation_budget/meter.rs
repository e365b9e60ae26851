//! Counting the allocations of an operation in its steady state.
//!
//! What counts is what is allocated while a task is polled, on whatever thread, and
//! while the operation itself is: the code under test, and whatever of the runtime it
//! calls. What a runtime's reactor allocates between polls (smol's makes a list at
//! each round) is its own affair, and differs from round to round.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// How often an operation is done per count.
pub(crate) const TIMES: u64 = 100;

/// Before the first count: pools, tables and queues have grown by then.
const WARM_UP: u64 = 2 * TIMES;

/// A runtime does something of its own now and then (a queue gets another block, a
/// table grows), so the least of several counts stands.
const COUNTS: usize = 3;

/// Everything allocated in metered polls.
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

pin_project! {
    /// A future whose polls are counted in.
    pub(crate) struct Metered<F> {
        #[pin]
        future: F,
    }
}

impl<F> Metered<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future;
        let mut polled = Poll::Pending;
        // Growing a block counts as allocating one.
        let counted = allocation_counter::measure(|| polled = future.poll(cx));
        ALLOCATED.fetch_add(counted.count_total, Ordering::SeqCst);
        polled
    }
}

/// The allocations of [`TIMES`] operations.
pub(crate) async fn count(mut operation: impl AsyncFnMut()) -> u64 {
    for _ in 0..WARM_UP {
        operation().await;
    }
    let mut least = u64::MAX;
    for _ in 0..COUNTS {
        let before = ALLOCATED.load(Ordering::SeqCst);
        for _ in 0..TIMES {
            Metered::new(operation()).await;
        }
        least = least.min(ALLOCATED.load(Ordering::SeqCst) - before);
    }
    least
}

/// The same for an operation that blocks a thread beside the loop. What that thread
/// allocates does not count.
pub(crate) fn count_beside(mut operation: impl FnMut()) -> u64 {
    for _ in 0..WARM_UP {
        operation();
    }
    let mut least = u64::MAX;
    for _ in 0..COUNTS {
        let before = ALLOCATED.load(Ordering::SeqCst);
        for _ in 0..TIMES {
            operation();
        }
        least = least.min(ALLOCATED.load(Ordering::SeqCst) - before);
    }
    least
}
