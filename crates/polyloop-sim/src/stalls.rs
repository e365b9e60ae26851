//! [`Stalls`]: what is late, and until when, as the [`Pace`] of the simulation says.
//!
//! Whatever was chosen for a turn passes through here. What is late is held, and comes
//! back among those that are ready when its time has come; the network and the timers
//! have gone on meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

use crate::clock::Nanos;
use crate::ready::{Entry, Turn};
use crate::{HostId, Pace};

/// The share of tasks that are late for their first turn.
const FIRST_TURNS: f64 = 0.4;

/// The share of turns after a task has let others have one: nowhere else does it matter
/// more who comes first.
const TURNS_AFTER_A_YIELD: f64 = 0.875;

/// The share of all other turns.
const FURTHER_TURNS: f64 = 0.125;

/// So often a task may be late without having made up for it.
const TO_BEGIN_WITH: u64 = 3;

/// The share of its turns after which a host stalls, drawn for each host.
const HOSTS: [f64; 4] = [0.0, 0.0625, 0.25, 0.5];

/// The longest stall, in times to the other end of the host's links and back.
const LONGEST: Nanos = 3;

/// Nothing was ever measured to be less late.
const SHORTEST_ROUND_TRIP: Nanos = 100_000;

/// However long its links are, no computer stands still for longer.
const LONGEST_OF_ALL: Nanos = 10_000_000_000;

/// As many stalls begin at most until something else happens: whoever has one turn after
/// the other for ever is no less busy for being late.
const IN_A_ROW: u32 = 64;

pub(crate) struct Stalls {
    pace: Pace,
    random: Rng,
    held: BTreeMap<(Nanos, u64), Entry>,
    next: u64,
    /// By their numbers.
    hosts: Vec<Standing>,
    /// Since when what is run may be late again.
    main_rested: Nanos,
    /// How many may begin until something else happens.
    left: u32,
}

/// How often a task was late, and since when it may be so again.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    times: AtomicU64,
    rested: AtomicU64,
}

impl Lateness {
    fn rested(&self) -> Nanos {
        if self.times.load(Ordering::Relaxed) < TO_BEGIN_WITH {
            return 0;
        }
        self.rested.load(Ordering::Relaxed)
    }

    fn late(&self, rested: Nanos) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.rested.store(rested, Ordering::Relaxed);
    }
}

/// How a host stands.
struct Standing {
    share: f64,
    /// It stalls until then.
    until: Nanos,
    /// And not again before.
    rested: Nanos,
}

/// What became of an entry that was chosen.
pub(crate) enum Admission {
    /// It has its turn.
    Turn(Entry),
    /// It is held: until then, if that is news.
    Held(Option<Nanos>),
}

impl Stalls {
    pub(crate) fn new(pace: Pace, random: Rng) -> Self {
        Self {
            pace,
            random,
            held: BTreeMap::new(),
            next: 0,
            hosts: Vec::new(),
            main_rested: 0,
            left: IN_A_ROW,
        }
    }

    /// Holds `entry` if it is late. A stall is as long as `round_trip` says.
    pub(crate) fn admit(
        &mut self,
        now: Nanos,
        mut entry: Entry,
        round_trip: impl FnOnce(HostId) -> Nanos,
    ) -> Admission {
        let stalls = match entry.turn {
            Turn::Task(_) => !entry.ends,
            Turn::Main => self.pace == Pace::TasksStall,
            Turn::Blocking(_) | Turn::Stop => false,
        };
        if !stalls {
            return Admission::Turn(entry);
        }
        if self.pace == Pace::HostsStall {
            let until = self.standing(entry.host).until;
            if until > now {
                self.hold(until, entry);
                return Admission::Held(None);
            }
            return Admission::Turn(entry);
        }
        if std::mem::take(&mut entry.was_held) {
            return Admission::Turn(entry);
        }
        let (rested, share) = match &entry.turn {
            Turn::Task(task) => {
                let share = match task.metadata().last_turn() {
                    0 => FIRST_TURNS,
                    _ if entry.yields => TURNS_AFTER_A_YIELD,
                    _ => FURTHER_TURNS,
                };
                (task.metadata().lateness.rested(), share)
            }
            _ => (self.main_rested, FURTHER_TURNS),
        };
        if !self.begins(now, rested, share) {
            return Admission::Turn(entry);
        }
        let (until, rested) = self.length(now, round_trip(entry.host));
        match &entry.turn {
            Turn::Task(task) => task.metadata().lateness.late(rested),
            _ => self.main_rested = rested,
        }
        entry.was_held = true;
        self.hold(until, entry);
        Admission::Held(Some(until))
    }

    /// A turn was had on `host`. Until when that stalls now, if it does.
    pub(crate) fn turn_had(
        &mut self,
        now: Nanos,
        host: HostId,
        round_trip: impl FnOnce(HostId) -> Nanos,
    ) -> Option<Nanos> {
        let standing = self.standing(host);
        let (rested, share) = (standing.rested, standing.share);
        if share == 0.0 || !self.begins(now, rested, share) {
            return None;
        }
        let (until, rested) = self.length(now, round_trip(host));
        let standing = self.standing(host);
        (standing.until, standing.rested) = (until, rested);
        Some(until)
    }

    fn begins(&mut self, now: Nanos, rested: Nanos, share: f64) -> bool {
        let begins = self.random.f64() < share && now >= rested && self.left > 0;
        self.left -= u32::from(begins);
        begins
    }

    /// Until when something stalls that begins to now, and when it may again.
    fn length(&mut self, now: Nanos, round_trip: Nanos) -> (Nanos, Nanos) {
        let round_trip = round_trip.max(SHORTEST_ROUND_TRIP);
        let most = round_trip.saturating_mul(LONGEST).min(LONGEST_OF_ALL);
        let length = self.random.u64(1..=most);
        let until = now + length;
        (until, until + length)
    }

    fn standing(&mut self, host: HostId) -> &mut Standing {
        while self.hosts.len() <= host.index() {
            self.hosts.push(Standing {
                share: HOSTS[self.random.usize(..HOSTS.len())],
                until: 0,
                rested: 0,
            });
        }
        &mut self.hosts[host.index()]
    }

    fn hold(&mut self, until: Nanos, entry: Entry) {
        self.held.insert((until, self.next), entry);
        self.next += 1;
    }

    /// When something that is held goes on.
    pub(crate) fn next_event(&self) -> Option<Nanos> {
        self.held.first_key_value().map(|((until, _), _)| *until)
    }

    /// Takes out what goes on by `now`.
    pub(crate) fn take_due(&mut self, now: Nanos, into: &mut Vec<Entry>) {
        while let Some(first) = self.held.first_entry() {
            if first.key().0 > now {
                break;
            }
            into.push(first.remove());
        }
    }

    /// Takes out all of a host that has crashed.
    pub(crate) fn take_host(&mut self, host: HostId) -> Vec<Entry> {
        if let Some(standing) = self.hosts.get_mut(host.index()) {
            standing.until = 0;
        }
        let of_host = |entry: &Entry| entry.host == host && !matches!(entry.turn, Turn::Main);
        let held = self.held.iter().filter(|(_, entry)| of_host(entry));
        let keys: Vec<_> = held.map(|(key, _)| *key).collect();
        keys.iter()
            .filter_map(|key| self.held.remove(key))
            .collect()
    }

    /// Another main future is run from here on.
    pub(crate) fn forget_main(&mut self) {
        self.held
            .retain(|_, entry| !matches!(entry.turn, Turn::Main));
    }

    /// Something happened that is no end of a stall.
    pub(crate) fn went_on(&mut self) {
        self.left = IN_A_ROW;
    }
}
