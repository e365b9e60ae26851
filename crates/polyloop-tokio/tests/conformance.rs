//! The conformance suite on tokio: with a runtime of many threads, with one of a single
//! thread, and with one that the application has.

use std::sync::LazyLock;

use ::tokio::runtime::{Builder, Runtime};
use polyloop_conformance::probe::within_a_minute;
use polyloop_conformance::{Verdict, lent};
use polyloop_tokio::TokioLoop;

/// What an application would have. Some checks block their task's thread, so there are more
/// than cores.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| multi_thread(8));

fn multi_thread(workers: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(workers).enable_all().build();
    built.expect("a runtime")
}

fn current_thread() -> Runtime {
    let built = Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
}

fn on(runtime: &Runtime) -> TokioLoop {
    TokioLoop::from_handle(runtime.handle().clone())
}

polyloop_conformance::suite!(tokio, || TokioLoop::new().expect("a runtime"));
polyloop_conformance::suite!(current_thread, || TokioLoop::current_thread()
    .expect("a runtime"));
polyloop_conformance::suite!(lent_runtime, || on(&RUNTIME));

#[test]
fn back_22_of_one_that_is_dropped() -> Verdict {
    within_a_minute(|| {
        let runtime = multi_thread(1);
        lent::is_closed_with_its_runtime(&on(&runtime), move || drop(runtime))
    })
}

#[test]
fn back_22_of_one_that_is_not_waited_for() -> Verdict {
    within_a_minute(|| {
        let runtime = multi_thread(1);
        lent::is_closed_with_its_runtime(&on(&runtime), move || runtime.shutdown_background())
    })
}

#[test]
fn back_22_of_one_that_nobody_drove() -> Verdict {
    within_a_minute(|| {
        let runtime = current_thread();
        lent::is_closed_with_its_runtime(&on(&runtime), move || drop(runtime))
    })
}

#[test]
fn back_23() -> Verdict {
    within_a_minute(|| {
        let runtime = current_thread();
        lent::goes_on_while_it_is_driven(&on(&runtime), |until| runtime.block_on(until))
    })
}

#[test]
fn back_24() -> Verdict {
    within_a_minute(|| {
        let runtime = multi_thread(1);
        lent::leaves_no_task(|| on(&runtime), || runtime.metrics().num_alive_tasks())
    })
}
