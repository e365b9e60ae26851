//! Counts what it is told to, on any event loop.
//!
//! [`serve`] is the server, [`add`] the whole client: both take the loop as a value, and
//! neither knows which one it is.

mod client;
mod protocol;
mod server;

pub use client::{Asking, TIME_LIMIT, add, connect};
pub use protocol::{NotAnOrder, Order};
pub use server::{Session, Tally, serve};
