//! `cargo xtask test`: everything that a change must pass, as a list of steps.
//!
//! What there is to run is in `steps`; the checks that are not a single call of
//! cargo are in `manifests`, `core_dependencies` and `rooms`.

mod core_dependencies;
mod manifests;
mod rooms;
mod steps;

use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use steps::Step;

/// Options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only the steps whose name contains one of these texts.
    filters: Vec<String>,
    /// Goes on after a step has failed.
    #[arg(long)]
    keep_going: bool,
    /// Lists the steps instead of running them.
    #[arg(long)]
    list: bool,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut steps = steps::all();
    if !options.filters.is_empty() {
        steps.retain(|step| {
            let wanted = |filter: &String| step.name.contains(filter.as_str());
            options.filters.iter().any(wanted)
        });
    }
    if steps.is_empty() {
        return Err(format!(
            "no step's name contains {}; `cargo xtask test --list` lists them",
            options.filters.join(" or ")
        ));
    }
    if options.list {
        for step in &steps {
            println!("{:22} {}", step.name, step.work);
        }
        return Ok(());
    }

    let started = Instant::now();
    let mut outcomes = Vec::new();
    let mut problems = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        if !problems.is_empty() && !options.keep_going {
            outcomes.push(Outcome::NotRun);
            continue;
        }
        println!("\n== {} ({}/{})", step.name, number + 1, steps.len());
        let began = Instant::now();
        let result = step.run();
        let took = began.elapsed();
        outcomes.push(match result {
            Ok(()) => Outcome::Passed(took),
            Err(problem) => {
                eprintln!("step {}: {problem}", step.name);
                problems.push(format!("step {} failed: {problem}", step.name));
                Outcome::Failed(took)
            }
        });
    }
    println!(
        "\n{}\ntotal: {:.1} s",
        summary(&steps, &outcomes),
        started.elapsed().as_secs_f64()
    );
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\nerror: "))
    }
}

fn summary(steps: &[Step], outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["step", "result", "seconds"]);
    for (step, outcome) in steps.iter().zip(outcomes) {
        let seconds = |took: &Duration| format!("{:.1}", took.as_secs_f64());
        let (result, seconds) = match outcome {
            Outcome::Passed(took) => ("ok", seconds(took)),
            Outcome::Failed(took) => ("FAILED", seconds(took)),
            Outcome::NotRun => ("not run", String::new()),
        };
        table.add_row([&step.name, result, &seconds]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
