//! Resident memory per connection: thousands of them, before and after some traffic.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::contest::Contest;
use super::stage::Stage;
use crate::load::Command;
use crate::report::{Metric, Row};
use crate::suites::{Payload, Subject};

/// How long the subject may take to accept them all.
const DEADLINE: Duration = Duration::from_secs(30);

/// One figure of it.
type Reading = fn(&Memory) -> f64;

/// The number of the connection that is there from the start.
const FIRST: usize = 0;

/// The number of the many.
const MANY: usize = 1;

/// Bytes per connection, as far as one measurement saw.
struct Memory {
    idle: f64,
    after_traffic: f64,
}

pub(crate) fn measure(contest: &Contest<'_>, connections: usize) -> Result<Vec<Row>, String> {
    let subjects = contest.subjects();
    let mut seen: Vec<Vec<Memory>> = Vec::new();
    seen.resize_with(subjects.len(), Vec::new);
    for _ in 0..contest.bench.pace.memory {
        for (place, subject) in subjects.iter().enumerate() {
            seen[place].push(once(contest, *subject, connections)?);
        }
    }
    let readings: [(Metric, Reading); 3] = [
        (Metric::MemoryIdle, |memory| memory.idle),
        (Metric::MemoryAfterTraffic, |memory| memory.after_traffic),
        (Metric::MemoryGrowth, |memory| {
            memory.after_traffic - memory.idle
        }),
    ];
    let mut rows = Vec::new();
    for (metric, read) in readings {
        let values: Vec<Vec<f64>> = seen
            .iter()
            .map(|seen| seen.iter().map(read).collect())
            .collect();
        rows.extend(contest.rows(metric, &values));
    }
    Ok(rows)
}

/// The same where the subject makes the connections itself, and keeps them: per connection,
/// both ends together.
pub(crate) fn measure_within(contest: &Contest<'_>, connections: u64) -> Result<Vec<Row>, String> {
    let subjects = contest.subjects();
    let mut seen = vec![Vec::new(); subjects.len()];
    for _ in 0..contest.bench.pace.memory {
        for (place, subject) in subjects.iter().enumerate() {
            let mut stage = Stage::new(contest)?;
            stage.enter(contest.start(*subject)?)?;
            // What the first ones bring in belongs to the program, not to each.
            stage.turn(0, 10)?;
            let before = stage.process(0).memory()?;
            stage.turn(0, connections)?;
            // The last ones may still be on their way into their tasks.
            sleep(Duration::from_millis(50));
            let after = stage.process(0).memory()?;
            stage.end()?;
            seen[place].push((after as f64 - before as f64) / connections as f64);
        }
    }
    Ok(contest.rows(Metric::MemoryIdle, &seen))
}

fn once(contest: &Contest<'_>, subject: Subject, connections: usize) -> Result<Memory, String> {
    let mut stage = Stage::new(contest)?;
    stage.enter(contest.start(subject)?)?;
    let address = stage.address(0).ok_or("a server has an address")?;
    // What the first connection brings in belongs to the program, not to each.
    stage.ask_load(Command::Open {
        group: FIRST,
        address,
        connections: 1,
    })?;
    echo(&mut stage, FIRST, 64, 10)?;
    echo(&mut stage, FIRST, 1024, 10)?;
    let files = stage.process(0).open_files()?;
    let before = stage.process(0).memory()?;
    stage.ask_load(Command::Open {
        group: MANY,
        address,
        connections,
    })?;
    let deadline = Instant::now() + DEADLINE;
    while stage.process(0).open_files()? < files + connections {
        if Instant::now() > deadline {
            return Err(format!(
                "{} did not accept {connections} connections within {DEADLINE:?}",
                subject.name()
            ));
        }
        sleep(Duration::from_millis(20));
    }
    // The last ones may still be on their way into their tasks.
    sleep(Duration::from_millis(50));
    let idle = stage.process(0).memory()?;
    let operations = connections as u64;
    echo(&mut stage, MANY, 64, 2 * operations)?;
    echo(&mut stage, MANY, 1024, operations)?;
    let after = stage.process(0).memory()?;
    stage.end()?;
    let each = |now: u64| (now as f64 - before as f64) / connections as f64;
    Ok(Memory {
        idle: each(idle),
        after_traffic: each(after),
    })
}

fn echo(stage: &mut Stage, group: usize, bytes: usize, operations: u64) -> Result<(), String> {
    let done = stage.ask_load(Command::Exchange {
        group,
        payload: Payload::Ping(bytes),
        operations,
        limit: DEADLINE,
    })?;
    if done.operations == operations {
        Ok(())
    } else {
        Err(format!(
            "only {} of {operations} echoes within {DEADLINE:?}",
            done.operations
        ))
    }
}
