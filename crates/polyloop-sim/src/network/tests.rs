//! Tests of the network by itself, driven by hand.

mod actor;
mod basics;
mod fuzz;
mod rig;
