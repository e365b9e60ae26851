//! The whole network in one process, from one seed: time, scheduling, hosts and the
//! links between them are simulated, and the same seed gives the same run.

mod host;
#[allow(
    dead_code,
    unused_variables,
    clippy::unused_self,
    reason = "the loop on top of it is on its way"
)]
mod network;
pub mod trace;

pub use host::HostId;
pub use network::{Crash, Fault, FaultKind, FaultRate, Link};
