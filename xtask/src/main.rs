//! `cargo xtask`: the tasks of this repository, without a tool to install.
//!
//! `demo` runs the main job, `test` everything that a change must pass, `matrix` the
//! conformance suite on every loop, `models` core under every interleaving, `sim-demo` draws a simulated run, `bench` measures
//! what the layer costs. Each subcommand is a file of its own.

mod bench;
mod demo;
mod matrix;
mod models;
mod passing;
mod shell;
mod sim_demo;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the polyloop repository.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures polyloop against hand-written programs on the same runtime.
    Bench(bench::Options),
    /// Runs every loop against every other on real sockets, and chooses loops in
    /// each way.
    Demo(demo::Options),
    /// Runs the conformance suite on every loop and shows behaviours by loops.
    Matrix(matrix::Options),
    /// Runs the models of polyloop-core in every order of their threads, or in as many as
    /// are asked for.
    Models(models::Options),
    /// Runs a chat among simulated hosts, through a partition and a crash, and draws it.
    SimDemo(sim_demo::Options),
    /// Runs formatting, clippy, docs and all tests, for each set of features.
    Test(test::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Bench(options) => bench::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Matrix(options) => matrix::run(&options),
        Task::Models(options) => models::run(&options),
        Task::SimDemo(options) => sim_demo::run(&options),
        Task::Test(options) => test::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
