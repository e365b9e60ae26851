//! Loops that are broken above the backend: an ability of theirs is another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use polyloop_conformance::checks::calls::in_order_and_never_inside;
use polyloop_conformance::checks::timers::{equal_deadlines_keep_order, never_early};
use polyloop_core::{Calls, DelayedCall, MainLoop, PendingCall, Rejected, Timers};
use polyloop_smol::SmolLoop;

/// How the calls of a loop are broken.
#[derive(Clone, Copy)]
enum Fault {
    /// What was asked for last comes first.
    Backwards,
    /// Calls for the next pass are made on the spot.
    OnTheSpot,
    /// Calls are made a few milliseconds before they are due.
    Early,
}

#[derive(Clone)]
struct FaultyCalls {
    inner: SmolLoop,
    fault: Fault,
    asked: Arc<AtomicU32>,
}

impl Calls for FaultyCalls {
    fn call_soon<F>(&self, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        if matches!(self.fault, Fault::OnTheSpot) {
            call();
            return Ok(self.inner.call_soon(|| ()).expect("an open loop"));
        }
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        self.inner
            .call_later(Duration::from_millis(200 - u64::from(before)), call)
    }

    fn call_later<F>(&self, delay: Duration, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.call_at(self.now() + delay, call)
    }

    fn call_at<F>(&self, deadline: Instant, call: F) -> Result<DelayedCall, Rejected<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        let early = deadline.checked_sub(Duration::from_millis(10));
        match self.fault {
            Fault::Early => self.inner.call_at(early.unwrap_or(deadline), call),
            _ => self.inner.call_at(
                deadline + Duration::from_millis(500 - u64::from(before)),
                call,
            ),
        }
    }

    fn pending_calls(&self) -> Vec<PendingCall> {
        self.inner.pending_calls()
    }
}

impl Timers for FaultyCalls {
    type Sleep = <SmolLoop as Timers>::Sleep;

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn wall_time(&self) -> SystemTime {
        self.inner.wall_time()
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.inner.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        self.inner.sleep_until(deadline)
    }
}

fn faulty(fault: Fault) -> FaultyCalls {
    FaultyCalls {
        inner: SmolLoop::new(),
        fault,
        asked: Arc::default(),
    }
}

#[test]
fn timers_of_one_deadline_out_of_order() {
    let lp = faulty(Fault::Backwards);
    let verdict = lp.inner.run(equal_deadlines_keep_order(&lp)).unwrap();
    assert!(verdict.is_err(), "LOOP-14 did not notice");
}

#[test]
fn calls_out_of_order() {
    let lp = faulty(Fault::Backwards);
    let verdict = lp.inner.run(in_order_and_never_inside(&lp)).unwrap();
    assert!(verdict.is_err(), "LOOP-12 did not notice the order");
}

#[test]
fn calls_made_on_the_spot() {
    let lp = faulty(Fault::OnTheSpot);
    let verdict = lp.inner.run(in_order_and_never_inside(&lp)).unwrap();
    assert!(verdict.is_err(), "LOOP-12 did not notice the re-entry");
}

#[test]
fn calls_made_early() {
    let lp = faulty(Fault::Early);
    let verdict = lp.inner.run(never_early(&lp)).unwrap();
    assert!(verdict.is_err(), "LOOP-15 did not notice");
}
