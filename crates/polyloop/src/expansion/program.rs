//! What `#[polyloop::main]` becomes.

use std::future::Future;
use std::io::Write as _;
use std::process::{ExitCode, Termination};

use polyloop_core::{MainLoop, RunError, Signal, Signals};

use crate::{ChooseError, StartError};

/// Runs a program's main function on the loop that `make` gives.
pub fn run_main<L, B, F>(make: fn() -> Result<L, ChooseError>, body: B) -> ExitCode
where
    L: MainLoop,
    B: FnOnce(L) -> F,
    F: Future<Output: Termination>,
{
    match run(make, body) {
        Ok(output) => output.report(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run<L, B, F>(make: fn() -> Result<L, ChooseError>, body: B) -> Result<F::Output, StartError>
where
    L: MainLoop,
    B: FnOnce(L) -> F,
    F: Future,
{
    let lp = make()?;
    Ok(lp.run(body(lp.clone()))?)
}

/// The same, and the first signal that asks the process to end stops the loop in good order.
pub fn run_main_until_signal<L, B, F>(make: fn() -> Result<L, ChooseError>, body: B) -> ExitCode
where
    L: MainLoop + Signals,
    B: FnOnce(L) -> F,
    F: Future<Output: Termination>,
{
    match run_until_signal(make, body) {
        Ok(Ended::ByItself(output)) => output.report(),
        // What should have ended the process was caught by somebody else: then it is told as
        // shells do.
        Ok(Ended::By(signal)) => {
            ExitCode::from(u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX))
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Ended<T> {
    ByItself(T),
    By(Signal),
}

fn run_until_signal<L, B, F>(
    make: fn() -> Result<L, ChooseError>,
    body: B,
) -> Result<Ended<F::Output>, StartError>
where
    L: MainLoop + Signals,
    B: FnOnce(L) -> F,
    F: Future,
{
    let lp = make()?;
    let stopping = lp.stop_on_signals()?;
    match (lp.run(body(lp.clone())), stopping.stopped_by()) {
        (Err(RunError::StoppedEarly { .. }), Some(signal)) => {
            // The default is back, and nobody flushes what it ends.
            drop(stopping);
            let _ = std::io::stdout().flush();
            lp.raise_signal(signal)?;
            Ok(Ended::By(signal))
        }
        (output, _) => Ok(Ended::ByItself(output?)),
    }
}
