//! Tests of the network by itself, driven by hand.

mod actor;
mod basics;
mod buffers;
mod connecting;
mod endings;
mod faults;
mod fuzz;
mod hosts;
mod links;
mod listening;
mod resting;
mod rig;
