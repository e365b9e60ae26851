//! What each test of `#[polyloop::test]` becomes.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use polyloop_core::MainLoop;

use crate::ChooseError;

/// What a test may return.
#[diagnostic::on_unimplemented(
    message = "a test can't return `{Self}`",
    note = "a test under `#[polyloop::test]` returns nothing, or `Result<(), E>` where `E` is `Debug`"
)]
pub trait TestOutcome {
    /// The text to fail with, if it failed.
    fn failed(self) -> Option<String>;
}

impl TestOutcome for () {
    fn failed(self) -> Option<String> {
        None
    }
}

impl<E: Debug> TestOutcome for Result<(), E> {
    fn failed(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// The test that is there where none of its loops is compiled in; `uncalled` is a use of
/// its body, which is then called by nobody.
///
/// # Panics
/// With the reason.
pub fn no_loop<F>(uncalled: F, why: &str) -> ! {
    drop(uncalled);
    panic!("{why}")
}

/// How the thread of a test ended.
type Ended = Result<Option<String>, Box<dyn Any + Send>>;

/// Runs one test on one loop, with a deadline.
///
/// The body has a thread of its own, so that the deadline also holds for a body
/// that blocks; that thread is then left behind.
///
/// # Panics
/// If the test fails: with the panic of the body, its error, or the deadline.
#[track_caller]
pub fn run_test<L, B, F>(
    path: &'static str,
    deadline: Duration,
    make: fn() -> Result<L, ChooseError>,
    body: B,
) where
    L: MainLoop,
    B: FnOnce(L) -> F + Send + 'static,
    F: Future<Output: TestOutcome>,
{
    // As the test harness names it: without the crate.
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    let lp = match make() {
        Ok(lp) => lp,
        Err(error) => panic!("{name}: {error}"),
    };
    let on_thread = lp.clone();
    let work = move || {
        let main = body(on_thread.clone());
        match on_thread.run(main) {
            Ok(outcome) => outcome.failed(),
            Err(error) => Some(error.to_string()),
        }
    };
    let give_up = {
        let lp = lp.clone();
        move || {
            let tasks = lp.task_count();
            // A body that does await can still be told to go.
            let _ = lp.stop();
            format!("{tasks} of its tasks were alive")
        }
    };
    let start = Instant::now();
    let watched = Watched {
        name: lp.name(),
        since: Box::new(move || start),
        interrupt: None,
        give_up: Box::new(give_up),
    };
    watch(name, deadline, work, watched);
}

/// What a deadline is watched for.
pub(super) struct Watched {
    /// The loop's name.
    pub(super) name: &'static str,
    /// When that began which the deadline is for now.
    pub(super) since: Box<dyn Fn() -> Instant>,
    /// Called first when the deadline has passed, where the work can be made to end with a
    /// report of its own.
    pub(super) interrupt: Option<Box<dyn FnOnce()>>,
    /// Called when the deadline has passed: says what was going on, and ends it as far as
    /// that can be done from outside.
    pub(super) give_up: Box<dyn FnOnce() -> String>,
}

/// Does `work`, which gives a text if it failed, with a deadline.
#[track_caller]
pub(super) fn watch(
    name: &str,
    deadline: Duration,
    work: impl FnOnce() -> Option<String> + Send + 'static,
    watched: Watched,
) {
    /// How long work that was interrupted may take for its report.
    const REPORT: Duration = Duration::from_secs(5);

    let Watched {
        name: on,
        since,
        interrupt,
        give_up,
    } = watched;
    let (sender, receiver) = mpsc::channel::<Ended>();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(work));
        // Nobody listens any more once the deadline has passed.
        let _ = sender.send(ended);
    });
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => panic!("{name}: its thread could not be started: {error}"),
    };
    let left = || deadline.saturating_sub(since().elapsed());
    let mut ended = receiver.recv_timeout(left());
    // Something else may have begun meanwhile, with a deadline of its own.
    while matches!(ended, Err(RecvTimeoutError::Timeout)) && !left().is_zero() {
        ended = receiver.recv_timeout(left());
    }
    if let (Err(RecvTimeoutError::Timeout), Some(interrupt)) = (&ended, interrupt) {
        interrupt();
        ended = match receiver.recv_timeout(REPORT) {
            // It was done in the meantime, which is too late.
            Ok(Ok(None)) => Err(RecvTimeoutError::Timeout),
            ended => ended,
        };
    }
    match ended {
        Ok(how) => {
            let _ = thread.join();
            match how {
                Ok(None) => {}
                Ok(Some(error)) => panic!("{name} failed on the {on} loop: {error}"),
                Err(payload) => resume_unwind(payload),
            }
        }
        Err(RecvTimeoutError::Timeout) => {
            let state = give_up();
            panic!(
                "{name} was not done on the {on} loop within its deadline of {deadline:?}; {state}"
            )
        }
        Err(RecvTimeoutError::Disconnected) => {
            panic!("{name}: its thread ended without a result")
        }
    }
}
