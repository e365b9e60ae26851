//! The conformance suite on every loop, as a matrix of behaviours and loops.
//!
//! `cargo xtask matrix` builds and runs this program. It says how far it is, prints
//! a row per behaviour, the counts by section, and last what failed, with the
//! command that runs exactly that again. It ends with an error if anything failed.
//!
//! - `--only LOOP-14` or `--only TRAN` runs a behaviour or a section, `--loop smol`
//!   a loop; each may be given several times. Run alone, a behaviour also shows the
//!   panics and the reports that it provokes.
//! - `--counts` leaves the rows out, `--reasons` adds why something doesn't apply.
//! - `--json PATH` and `--html PATH` write the whole matrix, for programs and for
//!   the eye.
//!
//! `loops` is the one place that names the loops, `selection` says what to run,
//! `running` runs it; `matrix` holds the outcomes, and `tables`, `json` and `html`
//! show them.

mod html;
mod json;
mod loops;
mod matrix;
mod options;
mod running;
mod selection;
mod tables;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use matrix::{Matrix, counted};
use options::Options;

/// Runs the conformance suite on every loop and shows behaviours by loops.
#[derive(Parser)]
#[command(name = "cargo xtask matrix")]
struct Program {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    match run(&Program::parse().options) {
        Ok(matrix) if matrix.failing().next().is_none() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Matrix, String> {
    let ids = selection::ids(&options.only)?;
    let kinds = selection::loops(&options.loops)?;
    if ids.len() > 1 {
        running::silence_what_checks_provoke();
    }
    // A path that can't be written is no news to wait a minute for.
    let json = options.json.as_deref().map(Output::create).transpose()?;
    let html = options.html.as_deref().map(Output::create).transpose()?;
    let began = Instant::now();
    let matrix = running::run(&kinds, &ids)?;
    let took = began.elapsed().as_secs_f64();
    // The files first: a closed pipe must not cost them.
    if let Some(output) = json {
        output.write(&json::write(&matrix)?)?;
    }
    if let Some(output) = html {
        output.write(&html::write(&matrix))?;
    }
    if !options.counts {
        print!("{}", tables::sections(&matrix, tables::width()));
    }
    if options.reasons {
        print!(
            "\nWhat doesn't apply, and why:\n{}",
            tables::reasons(&matrix)
        );
    }
    println!("\n{}", tables::counts(&matrix, tables::width()));
    let failing = matrix.failing().count();
    println!(
        "{} on {} in {took:.1} s, {failing} failing",
        counted(matrix.rows.len(), "behaviour"),
        counted(matrix.loops.len(), "loop")
    );
    print!("{}", tables::failures(&matrix));
    Ok(matrix)
}

/// A file that is there to be written.
struct Output<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Output<'a> {
    fn create(path: &'a Path) -> Result<Self, String> {
        File::create(path)
            .map(|file| Self { path, file })
            .map_err(|error| format!("{} can't be written: {error}", path.display()))
    }

    fn write(mut self, text: &str) -> Result<(), String> {
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| format!("{} can't be written: {error}", self.path.display()))
    }
}
