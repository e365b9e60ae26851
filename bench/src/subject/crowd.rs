//! What the suites with many connections inside of one program have in common: rounds in
//! which each of a crowd does something once, and a task waits for the last of them.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// How many are woken in a round.
pub(crate) const SESSIONS: usize = 1000;

/// How many connections are closed at once.
pub(crate) const CLOSED_AT_ONCE: u64 = 10_000;

/// Counts those who are not done yet.
#[derive(Default)]
pub(crate) struct Round {
    left: AtomicUsize,
    waiter: AtomicWaker,
}

impl Round {
    pub(crate) fn begin(&self, members: usize) {
        self.left.store(members, Ordering::SeqCst);
    }

    /// One is done.
    pub(crate) fn done(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.waiter.wake();
        }
    }

    /// Waits for the last.
    pub(crate) async fn end(&self) {
        poll_fn(|cx| {
            self.waiter.register(cx.waker());
            if self.left.load(Ordering::SeqCst) == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// A hand-written session that others wake.
pub(crate) struct Session {
    woken: AtomicBool,
    waker: AtomicWaker,
    round: Arc<Round>,
}

impl Session {
    pub(crate) fn new(round: &Arc<Round>) -> Arc<Self> {
        Arc::new(Self {
            woken: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            round: round.clone(),
        })
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Runs it until its socket, which `poll_socket` reads from, has ended.
    pub(crate) async fn run(&self, mut poll_socket: impl FnMut(&mut Context<'_>) -> Poll<()>) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.woken.swap(false, Ordering::AcqRel) {
                self.round.done();
            }
            poll_socket(cx)
        })
        .await;
    }
}

/// Wakes all of them, round after round; an operation is one wake.
pub(crate) async fn wake_all(round: &Round, sessions: &[Arc<Session>], operations: u64) {
    for _ in 0..operations.div_ceil(sessions.len() as u64) {
        round.begin(sessions.len());
        for session in sessions {
            session.wake();
        }
        round.end().await;
    }
}

/// The sizes of the batches that make so many operations.
pub(crate) fn batches(operations: u64) -> impl Iterator<Item = u64> {
    let whole = operations / CLOSED_AT_ONCE;
    let rest = operations % CLOSED_AT_ONCE;
    (0..whole)
        .map(|_| CLOSED_AT_ONCE)
        .chain((rest > 0).then_some(rest))
}
