//! What every program does around its library: choose a loop, run on it, say where it
//! listens, and report what went wrong.
//!
//! This and `src/bin` are the only places that know `polyloop`, the facade. A program
//! that is content with `POLYLOOP_LOOP` and the default needs none of it:
//! `#[polyloop::main]` in front of `async fn main(lp: AnyLoop)` does the same.

use std::future::Future;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use clap::Args;
use polyloop::{Address, AnyLoop, ChooseError, Failure, MainLoop};

/// The command line's part that chooses a loop. Flatten it into a program's own.
#[derive(Clone, Debug, Args)]
pub struct LoopChoice {
    /// The loop to run on: tokio, smol or async-std, if compiled in. Without it, the
    /// one that `POLYLOOP_LOOP` names, or the default one.
    #[arg(long = "loop", value_name = "NAME", global = true)]
    name: Option<String>,
}

impl LoopChoice {
    /// Makes the chosen loop.
    pub fn make(&self) -> Result<AnyLoop, ChooseError> {
        match &self.name {
            Some(name) => AnyLoop::by_name(name),
            None => AnyLoop::from_env(),
        }
    }

    /// Runs a program on the chosen loop. Its error goes to standard error, and the
    /// exit code says that there was one.
    pub fn run<F, R>(&self, main: F) -> ExitCode
    where
        F: FnOnce(AnyLoop) -> R,
        R: Future<Output = Result<(), Failure>>,
    {
        let outcome = self
            .make()
            .map_err(Failure::new)
            .and_then(|lp| lp.run(main(lp.clone())).map_err(Failure::new))
            .and_then(|outcome| outcome);
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("error: {failure:#}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Tells whoever started the program, which may be another one, where to connect. With
/// port 0 there is no other way to know.
pub fn announce(address: &Address) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "listening on {address}")?;
    out.flush()?;
    Ok(())
}
