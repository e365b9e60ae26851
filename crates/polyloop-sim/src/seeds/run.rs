//! The run of one seed.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use polyloop_core::MainLoop;

use super::hush::Hush;
use super::{Outcome, Seeds};
use crate::trace::Event;
use crate::{Pace, Scheduler, SimLoop, Trace};

/// What one seed gave.
pub(super) struct Run {
    pub(super) error: Option<Problem>,
    pub(super) trace: Trace,
}

/// What went wrong.
pub(super) struct Problem {
    pub(super) text: String,
    /// Where that panicked, if it did and that is known.
    pub(super) place: Option<String>,
    /// Whether the simulation could not go on: then the text shows the events that led
    /// to it.
    pub(super) has_events: bool,
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
                let error = run.error.as_ref();
                let text = error.map_or_else(String::new, |error| format!("\n{}", error.text));
                run.error = Some(Problem {
                    text: format!("two runs under this seed differ: {difference}{text}"),
                    place: error.and_then(|error| error.place.clone()),
                    has_events: false,
                });
            }
        }
        run
    }

    fn run_once<B, F>(&self, seed: u64, body: &mut B) -> Run
    where
        B: FnMut(SimLoop) -> F,
        F: Future<Output: Outcome>,
    {
        let mut builder = self.builder.clone().seed(seed).silent();
        if self.each_scheduler {
            builder = builder.scheduler(Scheduler::by_seed(seed));
        }
        if self.each_pace {
            builder = builder.pace(Pace::by_seed(seed));
        }
        let lp = builder.build_loop();
        let sim = lp.sim().clone();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let main = body(lp.clone());
            lp.run(async {
                let mut end = End::of(&lp);
                let error = main.await.into_error();
                end.reached(error.is_none());
                error
            })
        }));
        let text = match ended {
            Ok(Ok(error)) => error,
            Ok(Err(error)) => Some(error.to_string()),
            Err(payload) => Some(message(payload.as_ref())),
        };
        let has_events = sim.failure().is_some();
        let error = text.map(|text| Problem {
            place: Hush::place_of(&text),
            text,
            has_events,
        });
        Run {
            error,
            trace: sim.trace(),
        }
    }
}

const STOPPED: &str = "the test is stopped";
const ENDED: &str = "the test ends";
const FAILED: &str = "the test fails";
const PANICKED: &str = "the test panics";

/// Whether the event marks where a test's body ends.
pub(super) fn is_end(event: &Event) -> bool {
    let texts = [STOPPED, ENDED, FAILED, PANICKED];
    matches!(event, Event::Note { text, .. } if texts.contains(&text.as_str()))
}

/// Marks in the trace where a test's body ends, since the end of the run comes after it.
struct End<'a> {
    lp: &'a SimLoop,
    how: &'static str,
}

impl<'a> End<'a> {
    fn of(lp: &'a SimLoop) -> Self {
        Self { lp, how: STOPPED }
    }

    fn reached(&mut self, well: bool) {
        self.how = if well { ENDED } else { FAILED };
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let how = if thread::panicking() {
            PANICKED
        } else {
            self.how
        };
        self.lp.sim().note(self.lp, how);
    }
}

/// The text of a panic.
pub(super) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked, with something else than a text")
        .to_owned()
}

/// Where two traces part, as far as their records are kept.
fn difference(one: &Trace, other: &Trace) -> String {
    let start = one.dropped.max(other.dropped);
    let kept = |trace: &Trace| {
        let earlier = usize::try_from(start - trace.dropped).unwrap_or(usize::MAX);
        let records = trace.records.get(earlier..).unwrap_or_default();
        Trace {
            records: records.to_vec(),
            ..trace.clone()
        }
    };
    let (one, other) = (kept(one), kept(other));
    let mut pairs = one.records.iter().zip(&other.records);
    let shorter = one.records.len().min(other.records.len());
    let parting = pairs.position(|(one, other)| one != other);
    let parting = parting.unwrap_or(shorter);
    let line = |trace: &Trace| {
        let records = trace.records.get(parting).cloned().into_iter().collect();
        let text = Trace {
            records,
            ..trace.clone()
        }
        .to_string();
        let line = text.lines().nth(1).map(|line| line.trim().to_owned());
        line.unwrap_or_else(|| "nothing more".to_owned())
    };
    format!("first\n  {}\nthen\n  {}", line(&one), line(&other))
}
