//! Deadlines for tests that are not made by `#[polyloop::test]`, and a way to run
//! one on every loop.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use polyloop::AnyLoop;

/// How long a test may take; generous, for machines that are very busy.
const DEADLINE: Duration = Duration::from_secs(300);

/// Runs `test` on a thread of its own, and fails if it hangs.
///
/// # Panics
/// With the panic of the test, or because of the deadline.
#[track_caller]
pub fn within_deadline(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match finished.recv_timeout(DEADLINE) {
        Err(RecvTimeoutError::Timeout) => panic!("not done within {DEADLINE:?}"),
        // A panic of the test drops the sender, and comes out here.
        _ => {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    }
}

/// Runs `test` once on each loop that is compiled in, each time within the deadline.
///
/// # Panics
/// As [`within_deadline`] does.
#[track_caller]
pub fn on_each_loop(test: impl Fn(AnyLoop) + Send + Sync + 'static) {
    on_each_of(AnyLoop::available(), test);
}

/// The same, without the simulated loop: for tests that need the machine's own time or
/// network, or a loop that goes on without a thread inside of `run`.
///
/// # Panics
/// As [`within_deadline`] does.
#[track_caller]
pub fn on_each_real_loop(test: impl Fn(AnyLoop) + Send + Sync + 'static) {
    on_each_of(AnyLoop::available_real(), test);
}

#[track_caller]
fn on_each_of(names: &[&str], test: impl Fn(AnyLoop) + Send + Sync + 'static) {
    let test = Arc::new(test);
    for name in names {
        let lp = AnyLoop::by_name(name).expect("a loop that is compiled in");
        let test = test.clone();
        // A failure names the loop it happened on, whatever the test says.
        println!("on the {name} loop");
        within_deadline(move || test(lp));
    }
}

/// Polls with nothing but the standard library, so on a thread without any runtime.
pub fn block_on_plain<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        std::thread::park();
    }
}
