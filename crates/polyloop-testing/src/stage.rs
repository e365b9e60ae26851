//! [`Stage`]: the simulation in which protocols under test live, and that goes on only when
//! the test says so.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polyloop_core::{ErrorReport, Lifecycle as _, MainLoop as _, Timers as _};
use polyloop_sim::{Pace, Scheduler, Sim, SimLoop};

/// The shortest time there is. Whatever is ready has its turn before it has passed.
const MOMENT: Duration = Duration::from_nanos(1);

/// How soon a connection that closes looks whether its peer's system has everything.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// So often something may happen again before it is taken for something without an end.
const ROUNDS: usize = 100_000;

/// What a stage looks at to see whether something still happens.
pub(crate) trait Progress {
    /// How much has happened.
    fn steps(&self) -> u64;

    /// Whether it has ended since this was last asked, and its protocol was not told.
    fn has_just_ended(&self) -> bool;
}

/// Two hosts: the protocols' own, and the one that the test runs on when it lets time pass.
/// A run of the second leaves alone what is on the first.
pub(crate) struct Stage {
    test: SimLoop,
    lp: SimLoop,
    reports: Arc<Mutex<Vec<ErrorReport>>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let sim = Sim::builder()
            .seed(0)
            .scheduler(Scheduler::Fifo)
            .pace(Pace::Instant)
            .build();
        let (lp, test) = (sim.host("protocol"), sim.host("test"));
        let reports = Arc::new(Mutex::new(Vec::new()));
        let kept = reports.clone();
        lp.set_error_hook(move |report| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(report.clone());
        });
        Self { test, lp, reports }
    }

    /// The loop that the protocols are on.
    pub(crate) fn lp(&self) -> &SimLoop {
        &self.lp
    }

    /// Waits for `future` while everything goes on.
    ///
    /// # Panics
    /// Inside of a loop's run.
    #[track_caller]
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        match self.test.run(future) {
            Ok(output) => output,
            Err(error) => panic!(
                "{error}: what polyloop-testing has is for ordinary tests, `#[test]`, outside of \
                 any loop"
            ),
        }
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.wait(self.test.sleep(time));
    }

    /// Goes on until the sides have nothing left to do but to wait. One that has just ended
    /// is given the moment until its connection has seen that its peer has everything.
    ///
    /// # Panics
    /// If they never come to that.
    #[track_caller]
    pub(crate) fn settle(&self, sides: &[&dyn Progress]) {
        let settled = self.wait(async {
            let mut before = None;
            for _ in 0..ROUNDS {
                self.test.sleep(MOMENT).await;
                let now = Some(sides.iter().map(|side| side.steps()).sum::<u64>());
                if now != before {
                    before = now;
                    continue;
                }
                if !sides.iter().any(|side| side.has_just_ended()) {
                    return true;
                }
                self.test.sleep(FIRST_LOOK).await;
                before = None;
            }
            false
        });
        assert!(settled, "what the protocol does has no end");
    }

    pub(crate) fn take_reports(&self) -> Vec<ErrorReport> {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *reports)
    }

    /// Fails the test if something was reported that it has not looked at (TEST-04).
    #[track_caller]
    pub(crate) fn expect_no_reports(&self) {
        let reports = self.take_reports();
        if !reports.is_empty() && !std::thread::panicking() {
            let told: Vec<String> = reports.iter().map(ToString::to_string).collect();
            panic!(
                "reported, and the test has not looked at `reports`:\n  {}",
                told.join("\n  ")
            );
        }
    }
}
