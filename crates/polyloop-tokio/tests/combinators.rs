//! The combinators on tokio, with several threads and with one.

// One list of scenarios for every backend; it stands beside the smallest.
#[path = "../../polyloop-smol/tests/combinators/on_any_loop.rs"]
mod on_any_loop;

mod multi_thread {
    super::on_any_loop::tests! { polyloop_tokio::TokioLoop::new().unwrap() }
}

mod current_thread {
    super::on_any_loop::tests! { polyloop_tokio::TokioLoop::current_thread().unwrap() }
}
