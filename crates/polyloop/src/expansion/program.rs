//! What `#[polyloop::main]` becomes.

use std::future::Future;
use std::process::{ExitCode, Termination};

use polyloop_core::MainLoop;

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
