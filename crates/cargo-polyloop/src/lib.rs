//! `cargo polyloop`: for libraries that test with `#[polyloop::test]`.
//!
//! - `cargo polyloop new` begins such a library.
//! - `cargo polyloop test` runs its tests, and shows them as a matrix of tests and loops.
//! - `cargo polyloop seeds` hunts for seeds under which a simulated test fails.
//! - `cargo polyloop features` builds every set of the features that switch loops.
//!
//! A test has a process of its own, so its exit code is its outcome: nothing depends on how
//! the harness words its report, and a test that takes its process down takes no other
//! along. [`page`] is shared with whoever else draws a matrix as a page.

mod building;
mod cargo;
mod case;
mod command;
mod features;
mod html;
mod json;
mod junit;
mod listing;
mod markdown;
mod matrix;
mod new;
pub mod page;
mod project;
mod running;
mod seeds;
mod set;
mod table;
mod test;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Parser as _;

use command::{Command, Invocation};

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The program, with the arguments that it was started with.
pub fn main() -> ExitCode {
    let Invocation::Polyloop { command } = Invocation::parse();
    let done = match command {
        Command::New(options) => new::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Seeds(options) => seeds::run(&options),
        Command::Features(options) => features::run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        // What failed has been told.
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            anstream::eprintln!("{ERROR}error:{ERROR:#} {problem}");
            ExitCode::FAILURE
        }
    }
}
