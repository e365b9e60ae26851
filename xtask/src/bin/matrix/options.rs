//! [`Options`] of `cargo xtask matrix`.
//!
//! `cargo xtask` includes this file too, so that a wrong option and `--help` are
//! answered before three runtimes are compiled.

use std::path::PathBuf;

use clap::Args;

/// Which part of the matrix to run, and where it goes.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Runs only this behaviour, such as LOOP-14, or this section, such as TRAN.
    /// May be given several times.
    #[arg(long, value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// Runs only this loop, such as tokio-ct. May be given several times.
    #[arg(long = "loop", value_name = "NAME")]
    pub(crate) loops: Vec<String>,
    /// Also prints why something doesn't apply.
    #[arg(long)]
    pub(crate) reasons: bool,
    /// Prints the counts of each section without a row per behaviour.
    #[arg(long)]
    pub(crate) counts: bool,
    /// Writes the matrix to this file as JSON.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the matrix to this file as one page of HTML, to be looked at.
    #[arg(long, value_name = "PATH")]
    pub(crate) html: Option<PathBuf>,
}
