//! [`Scheduler`]: which of the tasks that are ready has its turn.

use std::collections::VecDeque;
use std::fmt;

use fastrand::Rng;

use crate::ready::Entry;

/// How the simulation chooses among the tasks that are ready.
///
/// A program must be right whatever the choice is; each strategy finds other races.
/// All of them draw from the seed alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheduler {
    /// Any of them, drawn from the seed.
    #[default]
    Random,
    /// The one that was woken first, as most runtimes do it.
    Fifo,
    /// The one that was woken last; after a while the one that was woken first, since
    /// no runtime lets a task wait for ever.
    Lifo,
    /// Of some that are drawn, the one whose last turn is longest ago: those that hardly
    /// ever run meet those that always do.
    Starved,
    /// Of some that are drawn, the one that was woken last: a task runs on before
    /// others have seen what it did.
    Fresh,
}

/// How many are drawn for [`Scheduler::Starved`] and [`Scheduler::Fresh`].
const DRAWN: usize = 4;

/// How many turns [`Scheduler::Lifo`] passes a task over.
const PATIENCE: u64 = 200;

impl Scheduler {
    /// All strategies.
    pub const ALL: &[Self] = &[
        Self::Random,
        Self::Fifo,
        Self::Lifo,
        Self::Starved,
        Self::Fresh,
    ];

    /// The one that a seed has where seeds take turns with [all](Self::ALL) of them.
    ///
    /// ```
    /// use polyloop_sim::{Scheduler, Sim};
    ///
    /// let seed = 7;
    /// let scheduler = Scheduler::by_seed(seed);
    /// let sim = Sim::builder().seed(seed).scheduler(scheduler).build();
    /// ```
    pub fn by_seed(seed: u64) -> Self {
        let place = seed % Self::ALL.len() as u64;
        Self::ALL[usize::try_from(place).unwrap_or(0)]
    }

    /// Takes one out. `turn` is the number of this choice.
    #[inline]
    pub(crate) fn choose(
        self,
        random: &mut Rng,
        waiting: &mut VecDeque<Entry>,
        turn: u64,
    ) -> Option<Entry> {
        if waiting.len() <= 1 {
            return waiting.pop_front();
        }
        self.choose_one(random, waiting, turn)
    }

    /// The same where there is a choice.
    fn choose_one(
        self,
        random: &mut Rng,
        waiting: &mut VecDeque<Entry>,
        turn: u64,
    ) -> Option<Entry> {
        let len = waiting.len();
        match self {
            Self::Random => waiting.swap_remove_back(random.usize(..len)),
            Self::Fifo => waiting.pop_front(),
            Self::Lifo => {
                let bound = PATIENCE + 2 * u64::try_from(len).unwrap_or(u64::MAX / 4);
                if waiting.front().is_some_and(|e| e.since + bound < turn) {
                    waiting.pop_front()
                } else {
                    waiting.pop_back()
                }
            }
            Self::Starved => {
                let drawn = (0..DRAWN).map(|_| random.usize(..len));
                let chosen = drawn.min_by_key(|place| (waiting[*place].last_turn(), *place));
                waiting.swap_remove_back(chosen.unwrap_or(0))
            }
            Self::Fresh => {
                let drawn = (0..DRAWN).map(|_| random.usize(..len));
                let chosen = drawn.max_by_key(|place| (waiting[*place].since, *place));
                waiting.swap_remove_back(chosen.unwrap_or(0))
            }
        }
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "random",
            Self::Fifo => "first in, first out",
            Self::Lifo => "last in, first out",
            Self::Starved => "starved first",
            Self::Fresh => "fresh first",
        })
    }
}
