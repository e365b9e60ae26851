//! What a simulation says when it can't go on: what every task waits for, and what
//! happened last.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::HostId;
use crate::clock::Nanos;
use crate::ready::Mode;
use crate::trace::TaskId;
use crate::world::World;

/// What a task waited for at the end of its last turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Until(Nanos),
    Connect(SocketAddr),
    Accept(SocketAddr),
    Read(SocketAddr),
    Write(SocketAddr),
    Datagram(SocketAddr),
    Room(SocketAddr),
}

/// All that it waited for, as far as a report would list it. Mostly it is one thing, which
/// needs no list of its own.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    first: Option<Wait>,
    more: Vec<Wait>,
}

impl Waits {
    /// More would not be read.
    const MOST: usize = 4;

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.first = None;
        self.more.clear();
    }

    #[inline]
    pub(crate) fn push(&mut self, wait: Wait) {
        if self.first.is_none() {
            self.first = Some(wait);
        } else if self.more.len() + 1 < Self::MOST {
            self.more.push(wait);
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(moment) => {
                write!(f, "sleeps until {:?}", Duration::from_nanos(*moment))
            }
            Self::Connect(peer) => write!(f, "connects to {peer}"),
            Self::Accept(address) => write!(f, "accepts on {address}"),
            Self::Read(peer) => write!(f, "reads from {peer}"),
            Self::Write(peer) => write!(f, "writes to {peer}"),
            Self::Datagram(address) => write!(f, "receives datagrams on {address}"),
            Self::Room(address) => write!(f, "waits for room to send datagrams from {address}"),
        }
    }
}

/// How many tasks a report lists.
const TASKS: usize = 50;

/// How many of the last events a report shows.
const EVENTS: usize = 30;

fn waits(waits: &Waits) -> String {
    if waits.first.is_none() {
        return "waits for a promise, or for somebody to wake it".to_owned();
    }
    let mut texts: Vec<String> = Vec::new();
    for wait in waits.first.iter().chain(&waits.more) {
        let text = wait.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join(", ")
}

/// A simulation that does not get on.
pub(crate) struct Stuck<'a> {
    pub(crate) world: &'a World,
    /// The host of what is run.
    pub(crate) main: HostId,
    /// The virtual time.
    pub(crate) at: Nanos,
    /// How many pieces of work have not returned from their threads.
    pub(crate) blocking: usize,
    /// What the tasks of a host may do.
    pub(crate) mode: &'a dyn Fn(HostId) -> Mode,
}

/// Nothing will happen any more.
pub(crate) fn deadlock(stuck: &Stuck<'_>) -> String {
    let mut text = format!(
        "nothing is left to happen in the simulation, and what it runs is not done; at {:?} of \
         virtual time these wait:\n",
        Duration::from_nanos(stuck.at)
    );
    stuck.write_waits(&mut text);
    ending(stuck.world, &mut text);
    text
}

/// Virtual time would go further than it may.
pub(crate) fn too_late(stuck: &Stuck<'_>) -> String {
    let mut text = format!(
        "what the simulation runs is not done at {:?} of virtual time, its limit; these wait:\n",
        Duration::from_nanos(stuck.at)
    );
    stuck.write_waits(&mut text);
    ending(stuck.world, &mut text);
    text
}

impl Stuck<'_> {
    /// What everybody waits for.
    fn write_waits(&self, text: &mut String) {
        let world = self.world;
        let _ = writeln!(
            text,
            "  what `run` was given, on {}: {}",
            world.name_of(self.main),
            waits(&world.main_waits),
        );
        let mut tasks: Vec<_> = world.tasks.iter().map(|(_, task)| task).collect();
        tasks.sort_by_key(|task| task.id);
        for task in tasks.iter().take(TASKS) {
            let TaskId(number) = task.id;
            let state = match (self.mode)(task.host) {
                Mode::Up => "",
                Mode::Paused => ", which is paused",
                Mode::Down => ", which has crashed",
            };
            let _ = writeln!(
                text,
                "  task {number} on {}{state}, spawned at {}: {}",
                world.name_of(task.host),
                task.location,
                waits(&task.waits),
            );
        }
        if tasks.len() > TASKS {
            let _ = writeln!(text, "  and {} tasks more", tasks.len() - TASKS);
        }
        match self.blocking {
            0 => {}
            1 => text.push_str("  and work on a thread of its own, which has not returned\n"),
            more => {
                let _ = writeln!(
                    text,
                    "  and {more} pieces of work on threads of their own, which have not returned"
                );
            }
        }
    }
}

/// Tasks run and run, and the simulation is never idle.
pub(crate) fn spin(world: &World, main: HostId, at: Nanos, turns: u64) -> String {
    let at = Duration::from_nanos(at);
    let mut text = format!(
        "the simulation spins: {turns} turns without ever being idle, up to {at:?} of virtual \
         time; those that had the most of them:\n"
    );
    if world.main_turns.1 == world.idle_times {
        let _ = writeln!(
            text,
            "  what `run` was given, on {}: {} turns",
            world.name_of(main),
            world.main_turns.0,
        );
    }
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

/// An invariant does not hold.
pub(crate) fn invariant(world: &World, at: Nanos, why: &str) -> String {
    let at = Duration::from_nanos(at);
    let mut text = format!("an invariant does not hold at {at:?} of virtual time: {why}\n");
    ending(world, &mut text);
    text
}

/// Which run it was, and how it ended.
fn ending(world: &World, text: &mut String) {
    let _ = writeln!(text, "the seed was {}", world.seed);
    let _ = write!(text, "the last events:\n{}", world.trace_of(EVENTS));
}
