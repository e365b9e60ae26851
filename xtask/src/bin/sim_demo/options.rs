//! [`Options`] of `cargo xtask sim-demo`.
//!
//! `cargo xtask` includes this file too, so that a wrong option and `--help` are
//! answered before anything is compiled.

use std::path::PathBuf;

use clap::Args;

/// Which run, and where its picture goes.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Everything that is left to chance is drawn from it: the same seed gives the same
    /// run, and another seed another one.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the picture goes; `target/sim-demo.html` unless set.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Also prints every event of the run, one per line.
    #[arg(long)]
    pub(crate) events: bool,
}
