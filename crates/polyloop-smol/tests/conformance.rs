//! The conformance suite on smol.

use std::sync::Arc;

use ::smol::{Executor, block_on};
use polyloop_conformance::probe::within_a_minute;
use polyloop_conformance::{Verdict, lent};
use polyloop_smol::SmolLoop;

polyloop_conformance::suite!(smol, polyloop_smol::SmolLoop::new);

// BACK-22: a loop has a share in its executor, so nobody can take that away.

#[test]
fn back_23() -> Verdict {
    within_a_minute(|| {
        let executor = Arc::new(Executor::new());
        let lp = SmolLoop::from_executor(executor.clone());
        lent::goes_on_while_it_is_driven(&lp, |until| block_on(executor.run(until)))
    })
}

#[test]
fn back_24() -> Verdict {
    within_a_minute(|| {
        let executor = Arc::new(Executor::new());
        let make = || SmolLoop::from_executor(executor.clone());
        lent::leaves_no_task(make, || {
            while executor.try_tick() {}
            usize::from(!executor.is_empty())
        })
    })
}
