//! Supervisor: `supervisor -- PROGRAM ARGUMENTS…` keeps a program running, prints what it
//! says, and ends with it at Ctrl-C.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Parser;
use polyloop_core::{Backoff, OutputPipe};
use polyloop_examples::program::LoopChoice;
use polyloop_examples::supervisor::supervise;

/// Keeps a program running.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    choice: LoopChoice,
    /// The program, and what it is given.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    let Arguments { choice, command } = Arguments::parse();
    choice.run(async |lp| {
        let start = || {
            let mut program = Command::new(&command[0]);
            program.args(&command[1..]);
            program
        };
        supervise(
            &lp,
            start,
            Backoff::exponential(),
            |pipe, line| match pipe {
                OutputPipe::Stdout => println!("{line}"),
                OutputPipe::Stderr => eprintln!("{line}"),
            },
        )
        .await
    })
}
