//! Tasks of async-std's that are not the loop's.

use std::sync::mpsc;
use std::time::Duration;

use polyloop_async_std::AsyncStdLoop;
use polyloop_core::{CallFromThreadError, Threads};

#[test]
fn a_foreign_task_must_not_wait_and_a_thread_beside_it_may() {
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let lp = AsyncStdLoop::new();
        let (in_task, beside) = (lp.clone(), lp.clone());
        let refused = async_std::task::spawn(async move { in_task.call_from_thread(|| 1) });
        let made = async_std::task::spawn_blocking(move || beside.call_from_thread(|| 7));
        let answers = async_std::task::block_on(async { (refused.await, made.await) });
        let _ = done.send(answers);
    });
    let (refused, made) = finished.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(
        matches!(refused, Err(CallFromThreadError::MayNotBlock { .. })),
        "{refused:?}"
    );
    assert_eq!(made.unwrap(), 7);
}
