//! Cross-backend tests: real sockets, real processes, real clients.
//!
//! The tests themselves are in `tests/tests`, one file per promise. Here is what
//! several of them need: protocols that record what happens to them, and child
//! processes that end with the test.

mod child;
mod deadline;
#[path = "../../crates/polyloop/src/guide/adding_a_backend/guide_loop.rs"]
pub mod guide_loop;
mod recorder;
#[cfg(feature = "simulated")]
pub mod simulated;

pub use child::{Child, client_program};
pub use deadline::{block_on_plain, on_each_loop, on_each_real_loop, within_deadline};
pub use guide_loop::GuideLoop;
pub use recorder::{Event, Log, Recorder};
