//! A chat among simulated hosts, through a bad line, a partition and a crash: the run
//! as a picture.
//!
//! `cargo xtask sim-demo` builds and runs this program. The server is the `chat`
//! example as it is; `member` is a client for it, `story` says who does what and what
//! breaks when, and what must be true at the end.

mod member;
mod options;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use polyloop::sim::Trace;
use polyloop::sim::trace::Event;

use options::Options;

/// A chat among simulated hosts, through a bad line, a partition and a crash.
#[derive(Parser)]
#[command(name = "cargo xtask sim-demo")]
struct Program {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    match run(&Program::parse().options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let began = Instant::now();
    let told = story::tell(options.seed);
    let took = began.elapsed();
    let shown = if options.events {
        told.trace.clone()
    } else {
        summary(&told.trace)
    };
    println!("{shown}\n");
    for member in &told.members {
        println!("{} heard:", member.name());
        for line in member.heard() {
            println!("    {line}");
        }
    }
    let events = told.trace.records.len();
    println!(
        "\n{events} events, {:?} of virtual time, in {took:.0?}",
        told.length
    );
    let path = match &options.out {
        Some(path) => path.clone(),
        None => [env!("CARGO_MANIFEST_DIR"), "..", "target", "sim-demo.html"]
            .iter()
            .collect::<PathBuf>(),
    };
    let picture = told
        .trace
        .diagram()
        .title("A chat through a bad line, a partition and a crash");
    picture
        .at_most(usize::MAX)
        .write_to(&path)
        .map_err(|error| format!("{} can't be written: {error}", path.display()))?;
    let path = path.canonicalize().unwrap_or(path);
    println!("the picture: {}", path.display());
    told.verdict
}

/// What was said, what broke, and which connections came and went.
fn summary(trace: &Trace) -> Trace {
    let mut summary = trace.clone();
    summary.records.retain(|record| {
        matches!(
            record.event,
            Event::Note { .. }
                | Event::Fault { .. }
                | Event::Listening { .. }
                | Event::ConnectFailed { .. }
                | Event::Established { .. }
                | Event::Closed { .. }
        )
    });
    summary
}
