//! What a simulation costs: events per second, memory, and real time.
//!
//! No runtime does the same, so these figures have no reference; what the trace costs is
//! seen beside them, and what other simulators take for the same work.

use std::path::Path;

use super::contest::Contest;
use super::instructions;
use crate::report::{Figures, Metric, Row};
use crate::subject::simulated::Simulated;
use crate::suites::{Subject, Suite, Work};

/// One figure of a run.
type Reading = fn(&Simulated) -> f64;

const RATE: (Metric, Reading) = (Metric::EventRate, |run| {
    run.events as f64 * 1e9 / run.cpu_nanos.max(1) as f64
});
const MEMORY: (Metric, Reading) = (Metric::ResidentMemory, |run| {
    run.resident as f64 / f64::from(1024 * 1024)
});
const CPU: (Metric, Reading) = (Metric::CpuNanos, |run| run.cpu_nanos as f64);
const TIME: (Metric, Reading) = (Metric::RealMillis, |run| run.nanos as f64 / 1e6);

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    let plain = matches!(contest.suite.work(), Work::PlainSimulation(_));
    let (readings, turns) = match contest.suite {
        _ if plain => (&[CPU][..], contest.bench.pace.turns),
        // The memory of later runs is also that of the first.
        Suite::SimHosts => (&[RATE, MEMORY][..], 1),
        Suite::SimRetries => (&[TIME][..], contest.bench.pace.turns),
        _ => (&[RATE][..], contest.bench.pace.turns),
    };
    let subjects = contest.subjects();
    let mut runs: Vec<Vec<Simulated>> = vec![Vec::new(); subjects.len()];
    for _ in 0..contest.bench.pace.sittings {
        for (runs, subject) in runs.iter_mut().zip(&subjects) {
            sit(contest, *subject, turns, runs)?;
        }
    }
    let mut rows = Vec::new();
    for (metric, read) in readings {
        let values: Vec<Vec<f64>> = runs
            .iter()
            .map(|runs| runs.iter().map(read).collect())
            .collect();
        rows.push(Row {
            against: None,
            figures: Some(Figures::alone(&values[0])),
            ..contest.unmeasured(contest.reference, *metric)
        });
        rows.extend(contest.rows(*metric, &values));
    }
    if plain && contest.bench.instructions && contest.bench.no_valgrind.is_none() {
        rows.extend(weigh_all(contest)?);
    }
    Ok(rows)
}

/// What one run takes in instructions: on a machine that does something else at the same
/// time they tell more than its time.
fn weigh_all(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    let logs = tempfile::tempdir().map_err(|error| format!("a directory: {error}"))?;
    let log = logs.path().join("log");
    let mut values = Vec::new();
    for subject in contest.subjects() {
        let (one, three) = (
            weigh(contest, subject, 1, &log)?,
            weigh(contest, subject, 3, &log)?,
        );
        values.push(vec![(three - one) / 2.0]);
    }
    let reference = Row {
        against: None,
        figures: Some(Figures::alone(&values[0])),
        ..contest.unmeasured(contest.reference, Metric::Instructions)
    };
    let mut rows = vec![reference];
    rows.extend(contest.rows(Metric::Instructions, &values));
    Ok(rows)
}

/// The instructions of a process that runs so often.
fn weigh(contest: &Contest<'_>, subject: Subject, runs: u32, log: &Path) -> Result<f64, String> {
    let bench = contest.bench;
    let mut process =
        bench
            .programs
            .weighed(&bench.cores, contest.suite, contest.on, subject, log)?;
    process.line()?;
    for _ in 0..runs {
        process.ask("run 1")?;
    }
    process.end()?;
    Ok(instructions::total_in(log)? as f64)
}

/// So many runs in a process of their own.
fn sit(
    contest: &Contest<'_>,
    subject: Subject,
    turns: usize,
    runs: &mut Vec<Simulated>,
) -> Result<(), String> {
    let mut process = contest.start(subject)?;
    let said = process.line()?;
    if said != "ready" {
        return Err(format!("a subject said {said:?} instead of being ready"));
    }
    for _ in 0..turns {
        let answer = process.ask("run 1")?;
        let run = serde_json::from_str(&answer)
            .map_err(|error| format!("a subject said {answer:?}: {error}"))?;
        runs.push(run);
    }
    process.end()?;
    Ok(())
}
