//! polyloop against the best programs written by hand on the same runtime.
//!
//! `cargo xtask bench` builds and runs this. A *subject* is one program (hand-written,
//! or on polyloop) on one loop, in a process of its own; a *suite* is a kind of work.
//! The subjects of a suite run side by side, in turns of a fraction of a second, so
//! that whatever the machine does happens to all of them, and each figure is a ratio
//! of two turns that were next to each other. One of the subjects is the reference
//! once more: how far that *control* is from 1 is how far any figure can be trusted.
//!
//! A simulation has nothing to be held against but its bars: events per second, memory,
//! and the real time that an hour takes.
//!
//! | module | what |
//! | --- | --- |
//! | `suites`, `options` | the suites, loops and subjects by name; the command line |
//! | `subject` | the programs that are measured |
//! | `load` | the load generator, one and the same for all of them |
//! | `session` | starts them, takes turns and reads clocks and counters |
//! | `report` | ratios and their spread, the bars, tables, JSON and charts |

mod load;
mod options;
mod report;
mod session;
mod subject;
mod suites;

use std::process::ExitCode;

/// The program `polyloop-bench`: a bench session, or one of the processes that take
/// part in it.
pub fn bench() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((word, rest)) if word == "subject" => subject::run(rest, || None),
        Some((word, _)) if word == "load" => load::run(),
        _ => session::run(),
    };
    ended(outcome)
}

/// A program that is only ever a subject, and counts its allocations as it is told.
pub fn counted_subject(allocations: fn() -> Option<u64>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ended(match arguments.split_first() {
        Some((word, rest)) if word == "subject" => subject::run(rest, allocations),
        _ => Err("expected `subject SUITE LOOP SUBJECT`".to_owned()),
    })
}

/// A program that is only ever a subject, and whose servers are someone else's: `serve`
/// gets the names of the suite, the loop and the subject.
pub fn peer(serve: fn(&str, &str, &str) -> Result<(), String>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ended(match &arguments[..] {
        [word, suite, on, subject] if word == "subject" => {
            subject::prepare(|| None).and_then(|_| serve(suite, on, subject))
        }
        _ => Err("expected `subject SUITE LOOP SUBJECT`".to_owned()),
    })
}

/// The same for a simulator of someone else's: `run` gets the names of the suite and of
/// the subject, and does the suite's work once.
pub fn simulating_peer(run: fn(&str, &str) -> Result<(), String>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ended(match &arguments[..] {
        [word, suite, _, subject] if word == "subject" => {
            subject::prepare(|| None).and_then(|control| {
                control.obey_blocking(|| subject::simulated::measured(|| run(suite, subject)))
            })
        }
        _ => Err("expected `subject SUITE LOOP SUBJECT`".to_owned()),
    })
}

pub use subject::listener::{announce, bind as listener};

fn ended(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
