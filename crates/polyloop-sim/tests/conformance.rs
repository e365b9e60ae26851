//! The conformance suite in a simulation.

use std::time::Duration;

use polyloop_sim::{Sim, SimLoop};

/// Some checks use threads of their own, which the simulation has to wait for; and
/// some work waits on its thread in ways that it can't see.
fn sim() -> SimLoop {
    Sim::builder()
        .patience(Duration::from_secs(10))
        .thread_grace(Duration::from_millis(30))
        .build_loop()
}

polyloop_conformance::suite!(sim, super::sim, lacks: [SystemSockets]);
