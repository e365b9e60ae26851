//! CPU time, rates and latencies: the subjects take turns.

use std::ops::Range;

use super::contest::Contest;
use super::pace::Pace;
use super::stage::{Stage, Turn, whole};
use crate::report::{self, Figures, Metric, Row};
use crate::suites::{Subject, Work};

/// A turn in which no more than this part was lost to other processes is as good as
/// undisturbed.
const LITTLE: f64 = 0.05;

/// Each connection has so many operations per turn at least, so that most of them
/// happen while all of the others are busy.
const ROUNDS: u64 = 4;

pub(crate) fn measure(contest: &Contest<'_>) -> Result<Vec<Row>, String> {
    let pace = contest.bench.pace;
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); contest.subjects().len()];
    sit(contest, 0..pace.sittings, &mut turns)?;
    let found = rows(contest, &turns);
    if !pace.insists || is_steady(&found) {
        return Ok(found);
    }
    // The machine was busy, or is: as much again, of which the better half counts.
    sit(contest, pace.sittings..2 * pace.sittings, &mut turns)?;
    Ok(rows(contest, &turns))
}

/// Whether the ratios of time, and their control, are steady enough to say something.
pub(crate) fn is_steady(rows: &[Row]) -> bool {
    let told = |subject: Subject| subject == Subject::Control || subject.has_bars();
    rows.iter()
        .filter(|row| told(row.subject) && row.metric == Metric::CpuNanos)
        .all(report::is_steady)
}

/// Some sittings, in each of which all subjects are started anew.
fn sit(
    contest: &Contest<'_>,
    sittings: Range<usize>,
    turns: &mut [Vec<Turn>],
) -> Result<(), String> {
    let pace = contest.bench.pace;
    let subjects = contest.subjects();
    for sitting in sittings {
        let mut stage = Stage::new(contest)?;
        for &subject in &subjects {
            stage.enter(contest.start(subject)?)?;
        }
        let operations = warm_up(contest, &mut stage, subjects.len())?;
        for turn in 0..pace.turns {
            let places = order(sitting, turn, subjects.len());
            for place in places {
                turns[place].push(stage.turn(place, operations)?);
            }
        }
        stage.end()?;
    }
    Ok(())
}

/// The order in which the subjects have a turn: another one begins each time, and
/// none of three or more follows itself, which would find the caches as it left them. In every
/// other sitting they go backwards.
fn order(sitting: usize, turn: usize, subjects: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..subjects).collect();
    if sitting % 2 == 1 {
        places.reverse();
    }
    places.rotate_left(turn % subjects);
    places
}

/// Runs each subject for a while, and says how many operations fill a turn.
fn warm_up(contest: &Contest<'_>, stage: &mut Stage, subjects: usize) -> Result<u64, String> {
    let pace = contest.bench.pace;
    let few = ROUNDS * whole(contest, 1);
    let first = stage.turn(0, few)?;
    let wanted = Pace::operations(first.operations, first.nanos, pace.warm_up);
    let wanted = whole(contest, wanted);
    let mut operations = few;
    for place in 0..subjects {
        let turn = stage.turn(place, wanted)?;
        if place == 0 {
            operations = Pace::operations(turn.operations, turn.nanos, pace.turn);
        }
    }
    Ok(whole(contest, operations).max(few))
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
    let Some((references, others)) = turns.split_first() else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    for &(metric, read) in readings {
        for (&subject, turns) in contest.others.iter().zip(others) {
            let pairs = undisturbed(turns, references);
            let (values, references): (Vec<f64>, Vec<f64>) = pairs
                .iter()
                .filter_map(|(turn, reference)| read(turn).zip(read(reference)))
                .unzip();
            if !values.is_empty() {
                rows.push(Row {
                    figures: Some(Figures::of(&values, &references)),
                    ..contest.unmeasured(subject, metric)
                });
            }
        }
    }
    rows
}

/// The pairs of turns that had their cores to themselves, as far as there are enough:
/// at least the better half.
fn undisturbed(turns: &[Turn], references: &[Turn]) -> Vec<(Turn, Turn)> {
    let mut pairs: Vec<(Turn, Turn)> = turns
        .iter()
        .copied()
        .zip(references.iter().copied())
        .collect();
    let disturbed = |(a, b): &(Turn, Turn)| a.disturbed().max(b.disturbed());
    pairs.sort_by(|a, b| disturbed(a).total_cmp(&disturbed(b)));
    let clean = pairs.partition_point(|pair| disturbed(pair) <= LITTLE);
    pairs.truncate(clean.max(pairs.len().div_ceil(2)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::{Turn, order, undisturbed};

    #[test]
    fn everybody_begins_once_and_nobody_follows_itself() {
        for sitting in 0..2 {
            for subjects in 3..7 {
                let rounds = (0..subjects).map(|turn| order(sitting, turn, subjects));
                let rounds: Vec<Vec<usize>> = rounds.collect();
                let mut first: Vec<usize> = rounds.iter().map(|round| round[0]).collect();
                first.sort_unstable();
                assert!(first.iter().copied().eq(0..subjects), "{rounds:?}");
                let turns = rounds.concat();
                assert!(turns.windows(2).all(|two| two[0] != two[1]), "{turns:?}");
            }
        }
    }

    fn turn(operations: u64, waited_nanos: u64) -> Turn {
        Turn {
            operations,
            nanos: 100,
            waited_nanos,
            ..Turn::default()
        }
    }

    fn kept(waits: &[(u64, u64)]) -> Vec<u64> {
        let numbered = || waits.iter().zip(0..);
        let turns: Vec<Turn> = numbered().map(|(wait, n)| turn(n, wait.0)).collect();
        let references: Vec<Turn> = numbered().map(|(wait, n)| turn(n, wait.1)).collect();
        let pairs = undisturbed(&turns, &references);
        pairs.iter().map(|(turn, _)| turn.operations).collect()
    }

    #[test]
    fn pairs_with_a_disturbed_turn_are_left_out() {
        assert_eq!(kept(&[(0, 0), (30, 0), (2, 1), (0, 90)]), [0, 2]);
    }

    #[test]
    fn if_all_are_disturbed_the_better_half_stays() {
        assert_eq!(kept(&[(50, 0), (30, 0), (20, 60), (0, 40)]), [1, 3]);
        assert_eq!(kept(&[(50, 0)]), [0]);
    }
}
