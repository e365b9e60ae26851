//! Runs the suite on the loops: a thread per processor takes the next loop, and
//! says after each section how it went.

use std::io::{self, Write as _};
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use polyloop_conformance::Outcome;
use tracing::subscriber::{self, NoSubscriber};

use crate::loops::LoopKind;
use crate::matrix::{Counts, Matrix, section_of};

/// What the threads here are called.
const WORKER: &str = "matrix";

/// Runs these behaviours on these loops. Each check has the suite's deadline.
pub(crate) fn run(kinds: &[LoopKind], ids: &[&'static str]) -> Result<Matrix, String> {
    let next = AtomicUsize::new(0);
    let columns: Vec<Mutex<Vec<Outcome>>> = kinds.iter().map(|_| Mutex::default()).collect();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let (Some(kind), Some(column)) = (kinds.get(place), columns.get(place)) else {
                    return;
                };
                let outcomes = one_loop(*kind, ids);
                *column.lock().expect("nothing panics with the lock held") = outcomes;
            }
        };
        (0..processors.min(kinds.len())).try_for_each(|_| {
            thread::Builder::new()
                .name(WORKER.to_owned())
                .spawn_scoped(scope, work)
                .map(drop)
        })
    })
    .map_err(|error| format!("no thread to run a loop on: {error}"))?;
    let outcomes = columns
        .into_iter()
        .map(|column| column.into_inner().expect("as above"));
    let names = kinds.iter().map(|kind| kind.name().to_owned());
    Ok(Matrix::new(names.zip(outcomes).collect()))
}

fn one_loop(kind: LoopKind, ids: &[&'static str]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for section in ids.chunk_by(|one, next| section_of(one) == section_of(next)) {
        let began = Instant::now();
        let judged = kind.judge(section);
        let mut counts = Counts::default();
        for outcome in &judged {
            counts.add(&outcome.status);
        }
        // Where nobody listens any more, the work goes on.
        let mut output = io::stdout();
        let _ = writeln!(
            output,
            "{kind:9} {:5} {:5.1} s  {}",
            section_of(section[0]),
            began.elapsed().as_secs_f64(),
            counts.words().join(", ")
        );
        let _ = output.flush();
        outcomes.extend(judged);
    }
    outcomes
}

/// Keeps off the screen what checks provoke on purpose: panics, and the failures
/// that loops report. If a check itself panics, its outcome says so.
pub(crate) fn silence_what_checks_provoke() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if matches!(thread::current().name(), Some("main" | WORKER)) {
            usual(info);
        }
    }));
    // Reports go to standard error only where nobody takes them. If somebody does
    // already, so be it.
    let _ = subscriber::set_global_default(NoSubscriber::new());
}
