//! The main job: every loop as server against every loop as client, on real
//! sockets, and the three ways of choosing a loop.
//!
//! `cargo xtask demo` builds and runs this program. It prints what it does while it
//! does it, then tables, and ends with an error at the first thing that is not as
//! promised.
//!
//! The protocols are in files of their own (`bulk`, `lines`, `half_close`, `reset`),
//! each written once; no line of them names a runtime. `exchange` says what must be
//! true of each, `pair` runs them between two loops.

mod bulk;
mod checksum;
mod choosing;
mod exchange;
mod half_close;
mod inbox;
mod lines;
mod loops;
mod pair;
mod probe;
mod reset;
mod tables;
mod witness;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use exchange::Plan;
use loops::LoopKind;

/// Every loop as server against every loop as client, on real sockets.
#[derive(Parser)]
#[command(name = "cargo xtask demo")]
struct Options {
    /// Mebibytes sent each way in each bulk exchange.
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 8 } else { 64 })]
    mib: u64,
    /// Lines sent and echoed in each lines exchange.
    #[arg(long, default_value_t = if cfg!(debug_assertions) { 10_000 } else { 100_000 })]
    lines: u64,
    /// Determines the content of everything that is sent.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that each exchange may take before it counts as hung.
    #[arg(long, default_value_t = 60)]
    deadline: u64,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Says which loop the environment chooses; the demo starts itself with this.
    #[command(hide = true)]
    Chosen,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let deadline = Duration::from_secs(options.deadline);
    let outcome = match options.part {
        Some(Part::Chosen) => choosing::report_chosen(deadline),
        None => demo(&options, deadline),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // What was begun on standard output ends there.
            println!();
            let _ = io::stdout().flush();
            eprintln!("error: not as promised: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn demo(options: &Options, deadline: Duration) -> Result<(), String> {
    let plan = Plan {
        bulk_bytes: options.mib * 1024 * 1024,
        lines: options.lines,
        seed: options.seed,
    };
    println!("Every loop as server against every loop as client, on real sockets:");
    let mut reports = Vec::new();
    for server in LoopKind::ALL {
        for client in LoopKind::ALL {
            print!(
                "[{:2}/{}] server {server:9}  client {client:9} ",
                reports.len() + 1,
                LoopKind::ALL.len().pow(2)
            );
            let _ = io::stdout().flush();
            reports.push(pair::run(server, client, plan, deadline)?);
            println!(" ok");
        }
    }
    println!("\n{}\n", tables::pairs(&reports, plan));
    println!("The three ways of choosing a loop:");
    let choices = choosing::run(deadline)?;
    println!("\n{}", tables::choices(&choices));
    Ok(())
}
