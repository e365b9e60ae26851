//! The conformance suite on tokio, with a runtime of many threads and of one.

use polyloop_tokio::TokioLoop;

polyloop_conformance::suite!(tokio, || TokioLoop::new().expect("a runtime"));
polyloop_conformance::suite!(current_thread, || TokioLoop::current_thread()
    .expect("a runtime"));
