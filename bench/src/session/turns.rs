//! CPU time, rates and latencies: the subjects take turns.

use super::contest::Contest;
use super::pace::Pace;
use super::stage::{Stage, Turn, whole};
use crate::report::{Metric, Row};
use crate::suites::Work;

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    let pace = contest.bench.pace;
    let subjects = contest.subjects();
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); subjects.len()];
    for sitting in 0..pace.sittings {
        let mut stage = Stage::new(contest)?;
        for &subject in &subjects {
            stage.enter(contest.start(subject)?)?;
        }
        let operations = warm_up(contest, &mut stage, subjects.len())?;
        for turn in 0..pace.turns {
            // There and back again, so that nobody always follows the same one.
            let places: Vec<usize> = if (sitting + turn) % 2 == 0 {
                (0..subjects.len()).collect()
            } else {
                (0..subjects.len()).rev().collect()
            };
            for place in places {
                turns[place].push(stage.turn(place, operations)?);
            }
        }
        stage.end()?;
    }
    Ok(rows(contest, &turns))
}

/// Runs each subject for a while, and says how many operations fill a turn.
fn warm_up(contest: &Contest<'_>, stage: &mut Stage, subjects: usize) -> Result<u64, String> {
    let pace = contest.bench.pace;
    let few = whole(contest.suite, 1);
    let first = stage.turn(0, few)?;
    let wanted = Pace::operations(first.operations, first.nanos, pace.warm_up);
    let wanted = whole(contest.suite, wanted);
    let mut operations = few;
    for place in 0..subjects {
        let turn = stage.turn(place, wanted)?;
        if place == 0 {
            operations = Pace::operations(turn.operations, turn.nanos, pace.turn);
        }
    }
    Ok(whole(contest.suite, operations))
}

fn rows(contest: &Contest<'_>, turns: &[Vec<Turn>]) -> Vec<Row> {
    type Reading = fn(&Turn) -> Option<f64>;
    let inside: &[(Metric, Reading)] = &[
        (Metric::CpuNanos, |turn| Some(turn.each(turn.cpu_nanos))),
        (Metric::Nanos, |turn| Some(turn.each(turn.nanos))),
    ];
    let loaded: &[(Metric, Reading)] = &[
        (Metric::CpuNanos, |turn| Some(turn.each(turn.cpu_nanos))),
        (Metric::Rate, |turn| {
            Some(turn.operations as f64 * 1e9 / turn.nanos.max(1) as f64)
        }),
        (Metric::P50, |turn| Some(turn.p50_nanos? as f64 / 1e3)),
        (Metric::P99, |turn| Some(turn.p99_nanos? as f64 / 1e3)),
    ];
    let readings = match contest.suite.work() {
        Work::Inside => inside,
        _ => loaded,
    };
    let mut rows = Vec::new();
    for &(metric, read) in readings {
        let values: Vec<Vec<f64>> = turns
            .iter()
            .map(|turns| turns.iter().filter_map(read).collect())
            .collect();
        rows.extend(contest.rows(metric, &values));
    }
    rows
}
