//! Allocations per operation, counted by the subject's own allocator.

use super::contest::Contest;
use super::pace::Pace;
use super::stage::{Stage, whole};
use crate::report::{Metric, Row};
use crate::suites::Subject;

/// How often it is counted: the first runs may still grow something.
const RUNS: usize = 3;

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    let mut values = Vec::new();
    for subject in contest.subjects() {
        values.push(if subject.is_own() {
            count(contest, subject)?
        } else {
            Vec::new()
        });
    }
    Ok(contest.rows(Metric::Allocations, &values))
}

fn count(contest: &Contest<'_>, subject: Subject) -> Result<Vec<f64>, String> {
    let bench = contest.bench;
    let process = bench
        .programs
        .counting(&bench.cores, contest.suite, contest.on, subject)?;
    let mut stage = Stage::new(contest)?;
    stage.enter(process)?;
    let first = stage.turn(0, whole(contest, 1))?;
    let wanted = Pace::operations(first.operations, first.nanos, bench.pace.counted);
    let wanted = whole(contest, wanted);
    if wanted > first.operations {
        stage.turn(0, wanted)?;
    }
    let mut counts = Vec::new();
    for _ in 0..RUNS {
        let before = allocations(&mut stage)?;
        let turn = stage.turn(0, wanted)?;
        counts.push(turn.each(allocations(&mut stage)? - before));
    }
    stage.end()?;
    Ok(counts)
}

fn allocations(stage: &mut Stage) -> Result<u64, String> {
    let answer = stage.process(0).ask("count")?;
    answer
        .parse()
        .map_err(|_| format!("asked for its allocations, a subject said {answer:?}"))
}
