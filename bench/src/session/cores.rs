//! [`Cores`]: which core runs what.

use std::fmt;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A core for the subjects and one for everything else, where there are two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    chosen: Option<(usize, usize)>,
}

impl Cores {
    /// Takes the first two that this process may use, and moves it to the second.
    pub(crate) fn choose() -> Self {
        let allowed = sched_getaffinity(None).ok();
        let mut cores = (0..CpuSet::MAX_CPU)
            .filter(|core| allowed.as_ref().is_some_and(|set| set.is_set(*core)));
        let chosen = cores.next().zip(cores.next());
        let cores = Self { chosen };
        if let Some((_, rest)) = chosen {
            pin(rest);
        }
        cores
    }

    /// Starts a process on the subjects' core: a child runs where its parent does.
    pub(crate) fn with_subject<T>(&self, start: impl FnOnce() -> T) -> T {
        if let Some((subject, _)) = self.chosen {
            pin(subject);
        }
        let started = start();
        if let Some((_, rest)) = self.chosen {
            pin(rest);
        }
        started
    }
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    // Where it is not allowed, the figures are noisier, which the control shows.
    let _ = sched_setaffinity(None, &set);
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.chosen {
            Some((subject, rest)) => {
                write!(
                    f,
                    "subjects on core {subject}, load generator on core {rest}"
                )
            }
            None => f.write_str("one core for everything, so nothing is pinned"),
        }
    }
}
