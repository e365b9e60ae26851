//! A child process from its start to its end: the polyloop side, and what the hand-written
//! ones share.

use std::process::Command;

use polyloop::Processes;

/// Ends at once.
pub(super) const PROGRAM: &str = "true";

pub(super) async fn start<L: Processes>(lp: &L, operations: u64) {
    for _ in 0..operations {
        let child = lp.spawn_child(&mut Command::new(PROGRAM));
        let ended = child.expect("the program is there").wait().await;
        assert!(ended.is_ok_and(|status| status.success()));
    }
}

/// By async-process, which smol and async-std have for this.
pub(super) async fn start_by_hand(operations: u64) {
    for _ in 0..operations {
        let ended = async_process::Command::new(PROGRAM).status().await;
        assert!(ended.is_ok_and(|status| status.success()));
    }
}
