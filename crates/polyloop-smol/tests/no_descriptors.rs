//! What a program asks the system for where it has no descriptor left. The limit is the
//! process's, so this is alone in one.
#![cfg(target_os = "linux")]

use std::sync::Arc;

use polyloop_core::{Signal, Signals};
use polyloop_smol::SmolLoop;
use rlimit::Resource;

/// SIG-05: whether somebody else handles a signal is asked when one descriptor is free again,
/// and was not taken for a no before.
#[test]
fn what_others_handle_is_not_guessed() {
    signal_hook::flag::register(Signal::TERM.as_raw(), Arc::default()).unwrap();
    let lp = SmolLoop::new();
    let (soft, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(0, hard).unwrap();
    let refused = lp.stop_on_signals().map(drop);
    Resource::NOFILE.set(soft, hard).unwrap();
    assert!(refused.is_err(), "it was done without a descriptor");
    let stopping = lp.stop_on_signals().unwrap();
    let caught = stopping.signals();
    assert!(!caught.contains(&Signal::TERM), "caught: {caught:?}");
}
