//! The examples in the simulation: each scenario runs an example as it is on hosts of
//! its own, makes trouble drawn from the seed, and states what must hold all the same.
//!
//! A scenario takes the example's server as an argument, so that the same scenario also
//! runs [mistaken] ones: what it says about the right one is worth something
//! because it finds what is wrong with those.

mod chat;
mod kv;
pub mod mistaken;
mod proxy;
mod trouble;

pub use chat::chat;
pub use kv::kv;
pub use proxy::{Setting, proxy};
pub use trouble::{Trouble, World};
