//! Ways to run and to wait: for conditions with a deadline, never for speed.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use polyloop_core::{MainLoop, Timers};

use crate::fault::{Fault, Verdict};

/// Makes a loop and runs `body` on it.
#[track_caller]
pub fn run<L: MainLoop>(make: &dyn Fn() -> L, body: impl AsyncFnOnce(L) -> Verdict) -> Verdict {
    let lp = make();
    let outcome = lp.run(body(lp.clone()));
    outcome.unwrap_or_else(|error| Err(error.into()))
}

/// Waits until `condition` holds, for 20 s at most.
#[track_caller]
pub fn until<T: Timers>(
    timers: &T,
    what: &str,
    mut condition: impl FnMut() -> bool,
) -> impl Future<Output = Verdict> {
    let fault = Fault::new(format!("waited 20 s in vain: {what}"));
    async move {
        let deadline = timers.now() + Duration::from_secs(20);
        while !condition() {
            if timers.now() > deadline {
                return Err(fault);
            }
            timers.sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

/// Gives what must not happen 50 ms to happen.
pub async fn quiet<T: Timers>(timers: &T) {
    timers.sleep(Duration::from_millis(50)).await;
}

/// Keeps this thread busy for `duration` of the loop's clock, which is virtual on some
/// loops: there a thread that sleeps takes no time, and one that watches the clock does.
pub fn busy_for<T: Timers>(timers: &T, duration: Duration) {
    let until = timers.now() + duration;
    while timers.now() < until {
        thread::yield_now();
    }
}

/// Blocks this thread for `duration`, in which the loop's other threads run on. Where the
/// loop's clock stands still meanwhile, it has none, and a moment is enough.
pub fn let_others_run<T: Timers>(timers: &T, duration: Duration) {
    let (begun, before) = (Instant::now(), timers.now());
    while begun.elapsed() < duration {
        thread::sleep(Duration::from_millis(1));
        if timers.now() == before {
            return;
        }
    }
}

/// Polls once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits for a future on a thread that has no loop.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

/// Runs a test on a thread of its own, for one that no [suite](crate::suite) declares.
///
/// # Panics
/// If it has not ended after a minute, and as it does itself.
pub fn within_a_minute<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = mpsc::channel();
    let thread = thread::spawn(move || {
        let value = test();
        let _ = done.send(());
        value
    });
    match finished.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not done within a minute"),
        // A panic of the test drops the sender, and comes out here.
        _ => thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

/// Something that happened, some number of times; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Flag {
    count: Arc<AtomicUsize>,
    tripped: Arc<AtomicBool>,
}

impl Flag {
    /// Nothing happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// It happens.
    pub fn set(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.tripped.store(true, Ordering::SeqCst);
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.tripped.load(Ordering::SeqCst)
    }

    /// How often.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Sets this flag when the guard is dropped.
    pub fn on_drop(&self) -> SetOnDrop {
        SetOnDrop(self.clone())
    }
}

/// What [`Flag::on_drop`] gives.
#[derive(Debug)]
pub struct SetOnDrop(Flag);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
