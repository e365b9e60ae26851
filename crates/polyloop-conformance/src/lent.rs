//! What holds for a loop on a runtime that an application has: one that it lends to the
//! loop, drives itself, and may shut down. [`suite!`](crate::suite) makes loops and has
//! nothing below them in its hand, so a backend with such a constructor calls these from
//! tests of its own, each named after its ID.
//!
//! ```ignore
//! #[test]
//! fn back_23() -> Verdict {
//!     let executor = Arc::new(Executor::new());
//!     let lp = MyLoop::from_executor(executor.clone());
//!     lent::goes_on_while_it_is_driven(lp, move |until| block_on(executor.run(until)))
//! }
//! ```

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::{Arc, Once, OnceLock};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use polyloop_core::{CallFromThreadError, Failure, LoopClosed, MainLoop, RunError, TcpOptions};

use crate::fault::{Fault, Verdict, ensure};
use crate::probe::{Flag, Journal, Probe, block_on, until};

/// What the application drives until it is ready.
pub type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

/// BACK-22. `shut_down` ends what `lp` was made of, and returns when the runtime says so.
pub fn is_closed_with_its_runtime<L: MainLoop>(lp: &L, shut_down: impl FnOnce()) -> Verdict {
    let before = panics_here();
    let call = lp.call_later(Duration::from_secs(60), || ())?;
    let begun = Instant::now();
    let mut sleep = pin!(lp.sleep(Duration::from_millis(30)));
    let mut cx = Context::from_waker(Waker::noop());
    ensure!(
        sleep.as_mut().poll(&mut cx).is_pending(),
        "a sleep of 30 ms is ready at once"
    );
    let task = lp.spawn(pending::<()>());
    shut_down();
    match block_on(task) {
        Err(failure) if failure.is_cancelled() => {}
        other => ensure!(false, "a task whose runtime was shut down gave {other:?}"),
    }
    eventually("a loop whose runtime was shut down is closed", || {
        lp.is_closed()
    })?;
    eventually("tasks end with their runtime", || lp.task_count() == 0)?;
    ensure!(!call.is_pending(), "a call waits that nobody can make");
    ensure_over(lp)?;
    block_on(sleep);
    ensure!(
        begun.elapsed() >= Duration::from_millis(30),
        "a sleep under way ended before its time"
    );
    ensure!(
        panics_here() == before,
        "the runtime panicked on the way: caught or not, the panic hook tells of it"
    );
    Ok(())
}

/// Every method of a loop that is over says so, and none waits.
pub fn ensure_over<L: MainLoop>(lp: &L) -> Verdict {
    let closed = |what: &str, failure: Failure| {
        ensure!(
            failure.downcast_ref::<LoopClosed>().is_some(),
            "{what} of a loop that is over failed as {failure:?}, expected LoopClosed"
        );
        Ok(())
    };
    let given = |what: &str| Fault::new(format!("{what} of a loop that is over was accepted"));
    ensure!(lp.is_closed(), "`is_closed` of a loop that is over is no");
    ensure!(
        !lp.is_running(),
        "`is_running` of a loop that is over is yes"
    );
    let soon = Duration::from_millis(1);
    let run = lp.run(async {});
    ensure!(
        matches!(run, Err(RunError::Closed(_))),
        "`run` gave {run:?}"
    );
    let call = lp.call_from_thread(|| ());
    ensure!(
        matches!(call, Err(CallFromThreadError::Closed(_))),
        "`call_from_thread` gave {call:?}"
    );
    ensure!(lp.call_soon(|| ()).is_err(), "{:?}", given("`call_soon`"));
    ensure!(
        lp.call_later(soon, || ()).is_err(),
        "{:?}",
        given("`call_later`")
    );
    ensure!(
        lp.call_when_running(|| ()).is_err(),
        "{:?}",
        given("`call_when_running`")
    );
    let spawned = block_on(lp.spawn(async {}));
    closed("`spawn`", spawned.err().ok_or_else(|| given("`spawn`"))?)?;
    let work = block_on(lp.run_in_thread(|| ()));
    closed(
        "`run_in_thread`",
        work.err().ok_or_else(|| given("`run_in_thread`"))?,
    )?;
    let served = block_on(lp.serve("127.0.0.1:0", || Probe::new(&Journal::new())));
    ensure!(served.is_err(), "{:?}", given("`serve`"));
    let connected = block_on(lp.connect("127.0.0.1:9", || Probe::new(&Journal::new())));
    ensure!(connected.is_err(), "{:?}", given("`connect`"));
    let address = "127.0.0.1:9".parse()?;
    let dialled = block_on(lp.connect_tcp(address, &TcpOptions::default()));
    ensure!(dialled.is_err(), "{:?}", given("`connect_tcp`"));
    let begun = Instant::now();
    block_on(lp.sleep(soon));
    ensure!(begun.elapsed() >= soon, "a sleep ended before its time");
    Ok(())
}

/// BACK-23. `drive` has the application drive what `lp` was made of, on this thread and
/// nowhere else, until the future is ready.
pub fn goes_on_while_it_is_driven<L: MainLoop>(lp: &L, drive: impl FnOnce(Until)) -> Verdict {
    let (ran_on, done) = (Arc::new(OnceLock::new()), Flag::new());
    let (inner, place, ends) = (lp.clone(), ran_on.clone(), done.clone());
    let task = lp.spawn(async move {
        let _ = place.set(thread::current().id());
        inner.sleep(Duration::from_millis(1)).await;
        ends.set();
    });
    let (inner, flag) = (lp.clone(), done.clone());
    drive(Box::pin(async move {
        let _ = until(&inner, "the task's end", || flag.is_set()).await;
    }));
    ensure!(
        done.is_set(),
        "a task does not go on while what its loop was made of is driven"
    );
    ensure!(
        ran_on.get() == Some(&thread::current().id()),
        "a task ran where nobody drives what its loop was made of: it is on something else"
    );
    block_on(task)?;
    Ok(())
}

/// BACK-24. `make` makes loops of one runtime, and `tasks` counts what that runtime has.
pub fn leaves_no_task<L: MainLoop>(make: impl Fn() -> L, tasks: impl Fn() -> usize) -> Verdict {
    let before = tasks();
    for _ in 0..100 {
        let lp = make();
        lp.call_soon(|| ())?;
        lp.run(polyloop_core::yield_now())?;
    }
    eventually(
        "loops that have gone leave no task on their runtime",
        || tasks() <= before,
    )
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Verdict {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        ensure!(Instant::now() < deadline, "waited 20 s in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// How often this thread has panicked, caught or not.
fn panics_here() -> usize {
    thread_local! {
        static PANICS: Cell<usize> = const { Cell::new(0) };
    }
    static COUNTED: Once = Once::new();
    COUNTED.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _ = PANICS.try_with(|panics| panics.set(panics.get() + 1));
            others(info);
        }));
    });
    PANICS.get()
}
