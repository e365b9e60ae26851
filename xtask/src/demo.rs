//! `cargo xtask demo`: builds the demo in sight and runs it.
//!
//! The demo is a program of its own, behind a feature of this package: `cargo
//! xtask` itself is built quietly and without optimization, which is right for a
//! task runner and wrong for both the numbers and the patience of whoever waits
//! for three runtimes to be compiled.

use clap::Args;

use crate::shell::Shell;

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct Options {
    /// Builds without optimization: sooner there, but the numbers mean nothing.
    #[arg(long)]
    debug: bool,
    /// What is passed on to the demo, such as `-- --mib 16`; `-- --help` lists it.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let profile = if options.debug { "" } else { "--release" };
    let call = format!("run {profile} --package xtask --features demo --bin polyloop-demo --");
    Shell::cargo(&call).args(options.arguments.clone()).run()
}
