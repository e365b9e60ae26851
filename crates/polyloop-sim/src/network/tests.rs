//! Tests of the network by itself, driven by hand.

#![expect(
    clippy::unchecked_time_subtraction,
    reason = "time that runs backwards is a reason to panic here"
)]

mod actor;
mod backlog;
mod basics;
mod buffers;
mod connecting;
mod endings;
mod faults;
mod fuzz;
mod hosts;
mod links;
mod listening;
mod reassembly;
mod resting;
mod rig;
