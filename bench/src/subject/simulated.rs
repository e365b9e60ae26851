//! The subject that runs a simulation, whenever it is asked to.

use std::fs;
use std::time::Instant;

use polyloop_sim::Sim;
use serde::{Deserialize, Serialize};

use super::control::{Control, cpu_time, nanos, nanos_between};
use super::plain;
use crate::suites::{Subject, Suite, Work};

/// What came of one run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Simulated {
    pub(crate) events: u64,
    pub(crate) nanos: u64,
    pub(crate) cpu_nanos: u64,
    /// Resident memory of the process while everything was open, in bytes.
    pub(crate) resident: u64,
}

pub(super) fn run(suite: Suite, subject: Subject, control: Control) -> Result<(), String> {
    let recording = subject != Subject::Unrecorded;
    let scenario = match suite.work() {
        Work::Simulation(scenario) => scenario,
        Work::PlainSimulation(work) => return plain::obey(work, recording, control),
        _ => return Err(format!("{} is no simulation", suite.name())),
    };
    let mut events = None;
    control.obey_blocking(|| {
        let builder = Sim::builder().recording(recording);
        let (began, cpu) = (Instant::now(), cpu_time());
        let (sim, resident) = scenario
            .run(builder, resident)
            .map_err(|error| error.to_string())?;
        // Nothing is left but the trace, which nobody has asked for.
        drop(sim);
        let (nanos, cpu_nanos) = (nanos(began.elapsed()), nanos_between(cpu, cpu_time()));
        let events = match events {
            Some(events) => events,
            // Afterwards: a whole trace leaves its memory behind.
            None => *events.insert(scenario.events().map_err(|error| error.to_string())?),
        };
        Ok(Simulated {
            events,
            nanos,
            cpu_nanos,
            resident: resident?,
        })
    })
}

/// What came of `work`, of which nothing is known but how long it takes.
pub(crate) fn measured(work: impl FnOnce() -> Result<(), String>) -> Result<Simulated, String> {
    let (began, cpu) = (Instant::now(), cpu_time());
    work()?;
    Ok(Simulated {
        events: 0,
        nanos: nanos(began.elapsed()),
        cpu_nanos: nanos_between(cpu, cpu_time()),
        resident: 0,
    })
}

fn resident() -> Result<u64, String> {
    let path = "/proc/self/status";
    let status = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let kib = status.lines().find_map(|line| {
        let value = line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?;
        value.trim().parse::<u64>().ok()
    });
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| format!("{path} does not tell the resident memory"))
}
