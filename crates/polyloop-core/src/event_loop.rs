//! What a loop is, short of the network: running it, and its tasks, calls and timers.
//!
//! | here | what |
//! | --- | --- |
//! | [`backend`] | what a runtime has to map; all the rest stands on it |
//! | [`spawner`], [`timers`], [`calls`], [`lifecycle`] | the abilities that follow, each a trait of its own |
//! | `run` | running a loop, and winding it up |
//! | [`task`], [`task_group`] | what becomes of a spawned future, and of several |
//! | [`state`] | what every handle and task of one loop shares |
//! | [`names`] | from a host name to addresses, and who is asked for them |
//! | [`context`], [`error_hook`] | which loop is current on a thread, and where its errors go |
//!
//! This room knows promises, and neither protocols nor the network. The sum of the
//! abilities, [`Loop`](crate::Loop), serves and connects, so it lies in [`net`](crate::net).

pub mod backend;
pub(crate) mod calls;
pub mod context;
pub(crate) mod error_hook;
pub(crate) mod lifecycle;
#[cfg(all(test, shuttle))]
pub(crate) mod models;
pub(crate) mod names;
pub(crate) mod read_buffer;
mod report_limits;
mod run;
pub(crate) mod spawner;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod task;
pub(crate) mod task_group;
pub(crate) mod threads;
pub(crate) mod timers;

pub use run::{JoinedRun, RunError};
pub(crate) use run::{run, wind_up};
