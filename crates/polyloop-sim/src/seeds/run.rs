//! The run of one seed.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polyloop_core::MainLoop;

use super::{Outcome, Seeds};
use crate::{SimLoop, Trace};

/// What one seed gave.
pub(super) struct Run {
    pub(super) error: Option<String>,
    pub(super) trace: Trace,
}

impl Seeds {
    /// Runs `body` under `seed`, and again if each seed is to run twice.
    pub(super) fn run<B, F>(&self, seed: u64, body: &mut B) -> Run
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        let mut run = self.run_once(seed, body);
        if self.twice {
            let again = self.run_once(seed, body);
            if run.trace != again.trace {
                let difference = difference(&run.trace, &again.trace);
                let error = run
                    .error
                    .map_or_else(String::new, |error| format!("\n{error}"));
                run.error = Some(format!(
                    "two runs under this seed differ: {difference}{error}"
                ));
            }
        }
        run
    }

    fn run_once<B, F>(&self, seed: u64, body: &mut B) -> Run
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        let lp = self.builder.clone().seed(seed).build_loop();
        let sim = lp.sim().clone();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let main = body(lp.clone());
            lp.run(main)
        }));
        let error = match ended {
            Ok(Ok(outcome)) => outcome.into_error(),
            Ok(Err(error)) => Some(error.to_string()),
            Err(payload) => Some(message(payload.as_ref())),
        };
        let trace = sim.trace();
        Run { error, trace }
    }
}

/// The text of a panic.
fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked, with something else than a text")
        .to_owned()
}

/// Where two traces part.
fn difference(one: &Trace, other: &Trace) -> String {
    let mut pairs = one.records.iter().zip(&other.records);
    let first = pairs.position(|(one, other)| one != other);
    let first = first.unwrap_or_else(|| one.records.len().min(other.records.len()));
    let line = |trace: &Trace| {
        let mut trace = trace.clone();
        trace.records = trace.records.get(first).cloned().into_iter().collect();
        let text = trace.to_string();
        let line = text.lines().nth(1).map(|line| line.trim().to_owned());
        line.unwrap_or_else(|| "nothing more".to_owned())
    };
    format!("first\n  {}\nthen\n  {}", line(one), line(other))
}
