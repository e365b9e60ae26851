//! The load generator: a process that takes [`Command`]s as lines of JSON and answers
//! each with a [`Reply`].
//!
//! It is written by hand on epoll, and is the same for every subject.

mod churn;
mod exchange;
mod group;

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::suites::Payload;
use group::Group;

/// How long nothing may happen before the load generator gives up.
const SILENCE: Duration = Duration::from_secs(20);

/// What it can be asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Makes so many connections, under a number that later commands use.
    Open {
        group: usize,
        address: SocketAddr,
        connections: usize,
    },
    /// Closes them.
    Close { group: usize },
    /// Sends and waits for the same back, so often over all connections together; no
    /// more begins after the limit.
    Exchange {
        group: usize,
        payload: Payload,
        operations: u64,
        limit: Duration,
    },
    /// Connects, exchanges 64 bytes and closes.
    Churn {
        address: SocketAddr,
        workers: usize,
        operations: u64,
        limit: Duration,
    },
}

/// What came of it.
pub(crate) type Reply = Result<Load, String>;

/// What was done, and how long it took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) operations: u64,
    pub(crate) nanos: u64,
    /// Half of the operations took no longer.
    pub(crate) p50_nanos: Option<u64>,
    /// One in a hundred took longer.
    pub(crate) p99_nanos: Option<u64>,
}

impl Load {
    fn new(operations: u64, took: Duration, latencies: &mut [Duration]) -> Self {
        latencies.sort_unstable();
        let nanos = |duration: &Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let at = |percent| latencies.get(latencies.len() * percent / 100).map(nanos);
        Self {
            operations,
            nanos: nanos(&took),
            p50_nanos: at(50),
            p99_nanos: at(99),
        }
    }
}

/// Obeys until the end of its input.
pub(crate) fn run() -> Result<(), String> {
    rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|error| format!("the limit of open files: {error}"))?;
    let mut groups = HashMap::new();
    for line in io::stdin().lines() {
        let line = line.map_err(|error| format!("the input: {error}"))?;
        let command = serde_json::from_str(&line)
            .map_err(|error| format!("{line:?} is no command: {error}"))?;
        let reply: Reply = obey(&mut groups, command).map_err(|error| error.to_string());
        let reply = serde_json::to_string(&reply).map_err(|error| error.to_string())?;
        // Nobody listens any more: the end of the input is next.
        let _ = writeln!(io::stdout().lock(), "{reply}");
    }
    Ok(())
}

fn obey(groups: &mut HashMap<usize, Group>, command: Command) -> io::Result<Load> {
    match command {
        Command::Open {
            group,
            address,
            connections,
        } => {
            groups.insert(group, Group::open(address, connections)?);
            Ok(Load::default())
        }
        Command::Close { group } => {
            groups.remove(&group);
            Ok(Load::default())
        }
        Command::Exchange {
            group,
            payload,
            operations,
            limit,
        } => {
            let group = groups.get_mut(&group).ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, "the group was never opened")
            })?;
            exchange::run(group, payload, operations, limit)
        }
        Command::Churn {
            address,
            workers,
            operations,
            limit,
        } => churn::run(address, workers, operations, limit),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Load;

    #[test]
    fn the_percentiles_are_those_of_the_sorted_latencies() {
        let mut latencies: Vec<_> = (0..100).rev().map(Duration::from_nanos).collect();
        let load = Load::new(100, Duration::from_micros(1), &mut latencies);
        assert_eq!((load.p50_nanos, load.p99_nanos), (Some(50), Some(99)));
        assert_eq!((load.operations, load.nanos), (100, 1000));
    }

    #[test]
    fn without_latencies_there_are_no_percentiles() {
        let load = Load::new(1, Duration::from_nanos(1), &mut []);
        assert_eq!((load.p50_nanos, load.p99_nanos), (None, None));
    }
}
