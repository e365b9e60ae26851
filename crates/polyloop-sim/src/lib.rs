//! The whole network in one process, from one seed: time, scheduling, hosts and the
//! links between them are simulated, and the same seed gives the same run.

mod host;
pub mod trace;

pub use host::HostId;
pub use trace::{Diagram, Trace};
