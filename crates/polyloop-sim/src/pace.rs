//! [`Pace`]: how fast the computers of a simulation are.

use std::fmt;

use crate::Scheduler;

/// How fast the hosts' computers are.
///
/// A real computer is late at times: another program has the processor, a page is read
/// from a disk, a virtual machine is moved. Meanwhile the network goes on, so that what was
/// sent to a program, or a timer, is there before a task that was ready long ago. A
/// program must be right whatever is late; each pace finds other races. All of them draw
/// from the seed alone.
///
/// How long something is late goes by the [links](crate::Link) of its host: up to three
/// times as long as a segment takes to the other end and back, and never more than ten
/// seconds. In the long run nothing is late for more than half of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pace {
    /// Nothing is ever late: whatever is ready has its turn before time moves on.
    #[default]
    Instant,
    /// Now and then a task waits for a turn, and others overtake it; most often for its
    /// first one, or after it has let others go first. So does the future that is being
    /// run, though not where it was woken by a timer: a test may tell the time.
    TasksStall,
    /// Now and then a whole host waits: none of its tasks has a turn, and what arrives
    /// waits in its sockets. Some hosts do so often, some never. The future that is being
    /// run does not wait with its host: it is the test, and not the program.
    HostsStall,
}

impl Pace {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Instant, Self::TasksStall, Self::HostsStall];

    /// The one that a seed has where seeds take turns with [all](Self::ALL) of them: each
    /// one with each [scheduler](Scheduler::by_seed). The first ten seeds are instant: what
    /// fails there has nothing to do with anything late.
    ///
    /// ```
    /// use polyloop_sim::{Pace, Scheduler, Sim};
    ///
    /// let seed = 7;
    /// let sim = Sim::builder()
    ///     .seed(seed)
    ///     .scheduler(Scheduler::by_seed(seed))
    ///     .pace(Pace::by_seed(seed))
    ///     .build();
    /// ```
    pub fn by_seed(seed: u64) -> Self {
        /// Late tasks find the most.
        const TURNS: [Pace; 4] = [
            Pace::Instant,
            Pace::TasksStall,
            Pace::HostsStall,
            Pace::TasksStall,
        ];

        let place = seed / (2 * Scheduler::ALL.len() as u64) % TURNS.len() as u64;
        TURNS[usize::try_from(place).unwrap_or(0)]
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instant => "instant",
            Self::TasksStall => "tasks stall",
            Self::HostsStall => "hosts stall",
        })
    }
}
