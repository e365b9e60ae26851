//! What a simulation promises beside what every loop does.

mod crashes;
mod crowds;
mod datagram_buffers;
mod datagram_hosts;
mod datagrams;
mod hosts;
mod inputs;
mod ordeals;
mod paces;
mod payload;
mod reports;
mod signals;
mod threads;
mod time;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polyloop_core::{Failure, Protocol, Transport};

/// Runs a test on a thread of its own, for a minute at most.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let running = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not done within a minute"),
        _ => running.join().expect("the test failed"),
    }
}

/// What `run` panics with.
fn panic_of<T>(run: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(run)) else {
        panic!("it ended without a panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .map_or_else(String::new, |text| (*text).to_owned()),
    }
}

/// Says nothing, and does not mind what it hears.
struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}
