//! [`Stage`]: subjects that are up and ready, and how operations are had of them.

use std::net::SocketAddr;
use std::time::Duration;

use super::contest::Contest;
use super::process::Process;
use crate::load::{Command, Load, Reply};
use crate::subject::control::Done;
use crate::suites::{LINES_PER_BATCH, Payload, Suite, Work};

/// After this, a turn of a slow subject begins nothing more.
const LIMIT: Duration = Duration::from_secs(5);

/// Some subjects of a contest, in the order they entered, and the load generator.
pub(crate) struct Stage {
    suite: Suite,
    load: Option<Process>,
    entered: Vec<Entered>,
}

struct Entered {
    process: Process,
    address: Option<SocketAddr>,
}

/// What was read off one turn of one subject.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) operations: u64,
    pub(crate) nanos: u64,
    pub(crate) cpu_nanos: u64,
    /// How long the subject or the load generator waited for others to leave its core.
    pub(crate) waited_nanos: u64,
    pub(crate) p50_nanos: Option<u64>,
    pub(crate) p99_nanos: Option<u64>,
}

impl Turn {
    /// The part of it that was lost to others.
    pub(crate) fn disturbed(&self) -> f64 {
        self.waited_nanos as f64 / self.nanos.max(1) as f64
    }

    /// So much, for each operation.
    pub(crate) fn each(&self, amount: u64) -> f64 {
        amount as f64 / self.operations.max(1) as f64
    }
}

impl Stage {
    pub(crate) fn new(contest: &Contest<'_>) -> Result<Self, String> {
        let load = match contest.suite.work() {
            Work::Inside => None,
            _ => Some(contest.bench.programs.load()?),
        };
        Ok(Self {
            suite: contest.suite,
            load,
            entered: Vec::new(),
        })
    }

    /// Waits until the subject is ready, and connects to it as the suite demands.
    pub(crate) fn enter(&mut self, mut process: Process) -> Result<(), String> {
        let address = match self.suite.work() {
            Work::Inside => {
                let said = process.line()?;
                if said != "ready" {
                    return Err(format!("a subject said {said:?} instead of being ready"));
                }
                None
            }
            _ => Some(process.address()?),
        };
        if let (Work::Exchange(connections, _), Some(address)) = (self.suite.work(), address) {
            let group = self.entered.len();
            self.ask_load(Command::Open {
                group,
                address,
                connections,
            })?;
        }
        self.entered.push(Entered { process, address });
        Ok(())
    }

    pub(crate) fn process(&mut self, place: usize) -> &mut Process {
        &mut self.entered[place].process
    }

    pub(crate) fn address(&self, place: usize) -> Option<SocketAddr> {
        self.entered[place].address
    }

    /// Has so many operations of the subject in that place.
    pub(crate) fn turn(&mut self, place: usize, operations: u64) -> Result<Turn, String> {
        match (self.suite.work(), self.entered[place].address) {
            (Work::Exchange(_, payload), _) => self.loaded(
                place,
                Command::Exchange {
                    group: place,
                    payload,
                    operations,
                    limit: LIMIT,
                },
            ),
            (Work::Churn(workers), Some(address)) => self.loaded(
                place,
                Command::Churn {
                    address,
                    workers,
                    operations,
                    limit: LIMIT,
                },
            ),
            _ => self.inside(place, operations),
        }
    }

    fn loaded(&mut self, place: usize, command: Command) -> Result<Turn, String> {
        let (before, waited) = self.schedule(place)?;
        let load = self.ask_load(command)?;
        let (after, waited_then) = self.schedule(place)?;
        Ok(Turn {
            operations: load.operations,
            nanos: load.nanos,
            cpu_nanos: after.saturating_sub(before),
            waited_nanos: waited_then.saturating_sub(waited),
            p50_nanos: load.p50_nanos,
            p99_nanos: load.p99_nanos,
        })
    }

    fn inside(&mut self, place: usize, operations: u64) -> Result<Turn, String> {
        let (_, waited) = self.schedule(place)?;
        let answer = self.entered[place]
            .process
            .ask(&format!("run {operations}"))?;
        let (_, waited_then) = self.schedule(place)?;
        let done: Done = serde_json::from_str(&answer)
            .map_err(|error| format!("a subject said {answer:?}: {error}"))?;
        Ok(Turn {
            operations,
            nanos: done.nanos,
            cpu_nanos: done.cpu_nanos,
            waited_nanos: waited_then.saturating_sub(waited),
            ..Turn::default()
        })
    }

    /// How long the subject has run, and how long it and the load generator have
    /// waited for their cores.
    fn schedule(&self, place: usize) -> Result<(u64, u64), String> {
        let subject = self.entered[place].process.schedule()?;
        let load = self.load.as_ref().map(Process::schedule).transpose()?;
        let waited = load.unwrap_or_default().waited_nanos + subject.waited_nanos;
        Ok((subject.ran_nanos, waited))
    }

    pub(crate) fn ask_load(&mut self, command: Command) -> Result<Load, String> {
        let load = self
            .load
            .as_mut()
            .ok_or("this suite has no load generator")?;
        let line = serde_json::to_string(&command).map_err(|error| error.to_string())?;
        let answer = load.ask(&line)?;
        let reply: Reply = serde_json::from_str(&answer)
            .map_err(|error| format!("the load generator said {answer:?}: {error}"))?;
        reply.map_err(|problem| format!("the load generator, asked for {line}: {problem}"))
    }

    /// Ends the subjects, one after the other.
    pub(crate) fn end(self) -> Result<(), String> {
        for entered in self.entered {
            entered.process.end()?;
        }
        Ok(())
    }
}

/// Fewer would show what it takes to ask for them.
pub(crate) fn fewest(suite: Suite) -> u64 {
    match suite {
        // One takes as long as a hundred of the others.
        Suite::Closing => 200,
        // And as a thousand.
        Suite::Process | Suite::TlsHandshakes => 20,
        Suite::TlsStream => 100,
        // Each is several system calls, on both sides, which take long below strace.
        Suite::UdpEcho | Suite::UnixPing | Suite::TlsPing => 300,
        Suite::TlsIdle => 10,
        _ => 2000,
    }
}

/// The nearest number of operations that a contest can do.
pub(crate) fn whole(contest: &Contest<'_>, operations: u64) -> u64 {
    nearest(contest.suite, contest.bench.pace.alive, operations)
}

fn nearest(suite: Suite, alive: u64, operations: u64) -> u64 {
    match suite.work() {
        // Each connection has as many.
        Work::Exchange(connections, payload) => {
            let round = match payload {
                Payload::Lines => connections as u64 * LINES_PER_BATCH,
                _ => connections as u64,
            };
            operations.div_ceil(round) * round
        }
        Work::Churn(workers) => operations.max(workers as u64),
        _ if suite == Suite::CallLater => alive,
        _ => operations.max(fewest(suite)),
    }
}

#[cfg(test)]
mod tests {
    use super::{fewest, nearest};
    use crate::suites::Suite;

    #[test]
    fn each_connection_has_its_share() {
        assert_eq!(nearest(Suite::Ping64, 0, 1), 64);
        assert_eq!(nearest(Suite::Ping64, 0, 1000), 1024);
        assert_eq!(nearest(Suite::Lines, 0, 1), 16 * 512);
        assert_eq!(nearest(Suite::Spawn, 0, 7), fewest(Suite::Spawn));
        assert_eq!(nearest(Suite::Spawn, 0, 7000), 7000);
        assert_eq!(nearest(Suite::CallLater, 100, 7), 100);
    }
}
