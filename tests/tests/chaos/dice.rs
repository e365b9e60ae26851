//! [`Dice`]: what is drawn from a seed, and rounds that say theirs when they fail.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use fastrand::Rng;
use polyloop::AnyLoop;
use polyloop_core::{Failure, Lifecycle as _};
use polyloop_tests::within_deadline;

/// Draws what happens next.
#[derive(Clone)]
pub(crate) struct Dice(Rng);

impl Dice {
    /// Another, for somebody who draws at another time.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// Once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Up to a few milliseconds, often none.
    pub(crate) fn moment(&mut self) -> Duration {
        Duration::from_micros(self.0.u64(..5_000).saturating_sub(1_000))
    }
}

/// Panics without the hook's pages on standard error.
pub(crate) fn panic_quietly() -> ! {
    resume_unwind(Box::new("chaos"))
}

pub(crate) fn no() -> Failure {
    Failure::message("chaos")
}

/// Runs `test` with each of so many seeds on each of the loops, each within the deadline.
pub(crate) fn rounds(loops: &'static [&'static str], seeds: u64, test: fn(&AnyLoop, &mut Dice)) {
    let seeds = match env::var("POLYLOOP_CHAOS_SEED") {
        Ok(given) => {
            let seed = given.parse().expect("POLYLOOP_CHAOS_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..seeds,
    };
    for name in loops {
        let seeds = seeds.clone();
        within_deadline(move || {
            for seed in seeds {
                let lp = AnyLoop::by_name(name).expect("a loop that is compiled in");
                // What chaos reports is checked elsewhere.
                lp.set_error_hook(|_| {});
                let mut dice = Dice(Rng::with_seed(seed));
                let outcome = catch_unwind(AssertUnwindSafe(|| test(&lp, &mut dice)));
                if let Err(panic) = outcome {
                    eprintln!("chaos on the {name} loop failed with POLYLOOP_CHAOS_SEED={seed}");
                    resume_unwind(panic);
                }
            }
        });
    }
}
