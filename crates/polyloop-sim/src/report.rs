//! What a simulation says when it can't go on: what every task waits for, and what
//! happened last.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::HostId;
use crate::trace::TaskId;
use crate::world::World;

/// What a task waited for at the end of its last turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Until(Duration),
    Connect(SocketAddr),
    Accept(SocketAddr),
    Read(SocketAddr),
    Write(SocketAddr),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(moment) => write!(f, "sleeps until {moment:?}"),
            Self::Connect(peer) => write!(f, "connects to {peer}"),
            Self::Accept(address) => write!(f, "accepts on {address}"),
            Self::Read(peer) => write!(f, "reads from {peer}"),
            Self::Write(peer) => write!(f, "writes to {peer}"),
        }
    }
}

/// How many tasks a report lists.
const TASKS: usize = 50;

/// How many of the last events a report shows.
const EVENTS: usize = 30;

fn waits(waits: &[Wait]) -> String {
    if waits.is_empty() {
        return "waits for a promise, or for somebody to wake it".to_owned();
    }
    let mut texts: Vec<String> = Vec::new();
    for wait in waits {
        let text = wait.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(", ")
}

/// Nothing will happen any more.
pub(crate) fn deadlock(world: &World, main: HostId, at: Duration, blocking: usize) -> String {
    let mut text = format!(
        "nothing is left to happen in the simulation, and what it runs is not done; at {at:?} of \
         virtual time these wait:\n  what `run` was given, on {}: {}\n",
        world.name_of(main),
        waits(&world.main_waits),
    );
    let mut tasks: Vec<_> = world.tasks.iter().map(|(_, task)| task).collect();
    tasks.sort_by_key(|task| task.id);
    for task in tasks.iter().take(TASKS) {
        let TaskId(number) = task.id;
        let _ = writeln!(
            text,
            "  task {number} on {}, spawned at {}: {}",
            world.name_of(task.host),
            task.location,
            waits(&task.waits),
        );
    }
    if tasks.len() > TASKS {
        let _ = writeln!(text, "  and {} tasks more", tasks.len() - TASKS);
    }
    if blocking > 0 {
        let _ = writeln!(
            text,
            "  and {blocking} pieces of work on threads of their own, which have not returned"
        );
    }
    ending(world, &mut text);
    text
}

/// Tasks run and run, and the simulation is never idle.
pub(crate) fn spin(world: &World, at: Duration, turns: u64) -> String {
    let mut text = format!(
        "the simulation spins: {turns} turns without ever being idle, up to {at:?} of virtual \
         time; those that had the most of them:\n"
    );
    let mut tasks: Vec<_> = world
        .tasks
        .iter()
        .map(|(_, task)| task)
        .filter(|task| task.idle_times == world.idle_times && task.turns > 0)
        .collect();
    tasks.sort_by_key(|task| (std::cmp::Reverse(task.turns), task.id));
    for task in tasks.iter().take(10) {
        let TaskId(number) = task.id;
        let _ = writeln!(
            text,
            "  task {number} on {}, spawned at {}: {} turns",
            world.name_of(task.host),
            task.location,
            task.turns,
        );
    }
    ending(world, &mut text);
    text
}

/// Virtual time went further than it may.
pub(crate) fn too_late(world: &World, limit: Duration) -> String {
    let mut text = format!(
        "what the simulation runs is not done after {limit:?} of virtual time, its limit\n"
    );
    ending(world, &mut text);
    text
}

/// An invariant does not hold.
pub(crate) fn invariant(world: &World, at: Duration, why: &str) -> String {
    let mut text = format!("an invariant does not hold at {at:?} of virtual time: {why}\n");
    ending(world, &mut text);
    text
}

/// Which run it was, and how it ended.
fn ending(world: &World, text: &mut String) {
    let _ = writeln!(text, "the seed was {}", world.seed);
    let _ = write!(text, "the last events:\n{}", world.trace_of(EVENTS));
}
