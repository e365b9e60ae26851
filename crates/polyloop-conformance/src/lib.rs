//! What every polyloop loop must do, as a suite that any loop can run.
//!
//! A trait gives no portability: two loops that implement it may still differ in
//! what a program sees. So each behaviour that polyloop promises has a number and
//! a sentence (`LOOP-14`, "Timers with one deadline run in the order they were
//! made"), and a check that is written against [`MainLoop`] and nothing else.
//!
//! A backend runs them all with one line in its tests:
//!
//! ```ignore
//! polyloop_conformance::suite!(my_loop, || MyLoop::new());
//! ```
//!
//! That makes one named test per behaviour, each with a deadline: `cargo test
//! tran_16` runs a single one, `cargo test tran` a section. A loop that can't do
//! something says so, and what needs it is skipped:
//!
//! ```ignore
//! polyloop_conformance::suite!(my_loop, || MyLoop::new(), lacks: [Threads]);
//! ```
//!
//! So is a loop without one of the abilities that are traits of their own, such as `Watch`.
//! The section on TLS is skipped unless this crate has its feature `tls`: no loop does
//! anything for it, and not every author wants rustls and its cryptography built.
//!
//! Programs that want the outcomes as values use [`Runner`].
//!
//! | module | what |
//! | --- | --- |
//! | [`abilities`] | what a loop may have beside, and may be without |
//! | [`basics`] | what is looked at first, since everything else stands on it |
//! | [`behaviour`] | IDs, sentences, and what stands behind each: a check or a reason |
//! | [`registry`] | the one list of which check or reason belongs to which ID |
//! | [`runner`] | runs checks, each on its own thread and with a deadline |
//! | [`fault`] | why a check failed |
//! | [`lent`] | what holds for a loop on a runtime that an application has |
//! | [`probe`] | protocols, peers and reports that the checks observe with |
//! | [`checks`] | the checks, by subject |
//!
//! [`MainLoop`]: polyloop_core::MainLoop

#![allow(
    clippy::similar_names,
    reason = "a check often holds a thing and what was noted about it"
)]

pub mod abilities;
pub mod basics;
pub mod behaviour;
pub mod checks;
pub mod fault;
pub mod lent;
pub mod probe;
pub mod registry;
pub mod runner;
mod suite;
#[cfg(feature = "tls")]
mod tls;

pub(crate) use registry::{checks_of_abilities, standings};

pub use behaviour::{Behaviour, Capability, Standing};
pub use fault::{Fault, Verdict};
pub use registry::behaviours;
pub use runner::{Outcome, Runner, Status, run_all};

/// What [`suite!`] needs by name, so that a backend's tests depend on this crate
/// alone.
#[doc(hidden)]
pub mod reexport {
    pub use polyloop_core::{MainLoop, Signals, Udp};
    #[cfg(unix)]
    pub use polyloop_core::{Processes, Watch};
}
