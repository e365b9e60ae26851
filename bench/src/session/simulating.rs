//! What a simulation costs: events per second, memory, and real time.
//!
//! No runtime does the same, so these figures have no reference; what the trace costs is
//! seen beside them.

use super::contest::Contest;
use crate::report::{Figures, Metric, Row};
use crate::subject::simulated::Simulated;
use crate::suites::{Subject, Suite};

/// One figure of a run.
type Reading = fn(&Simulated) -> f64;

const RATE: (Metric, Reading) = (Metric::EventRate, |run| {
    run.events as f64 * 1e9 / run.cpu_nanos.max(1) as f64
});
const MEMORY: (Metric, Reading) = (Metric::ResidentMemory, |run| {
    run.resident as f64 / f64::from(1024 * 1024)
});
const TIME: (Metric, Reading) = (Metric::RealMillis, |run| run.nanos as f64 / 1e6);

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    let (readings, turns) = match contest.suite {
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
    Ok(rows)
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
