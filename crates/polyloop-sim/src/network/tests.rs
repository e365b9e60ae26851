//! Tests of the network by itself, driven by hand.

mod basics;
mod rig;
