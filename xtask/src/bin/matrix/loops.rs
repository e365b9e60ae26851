//! [`LoopKind`]: the loops that the matrix has a column for, and the one place that
//! tells them apart.

use std::fmt;
use std::time::Duration;

use polyloop::sim::Sim;
use polyloop::{AsyncStdLoop, SimLoop, SmolLoop, TokioLoop};
use polyloop_conformance::{Capability, Outcome, Runner, abilities};
use polyloop_core::{MainLoop, Udp, Watch};

/// A loop to judge. A new one needs its name in `ALL` and `name`, and a line in
/// `judge` (with `.lacking(…)` if there is something that it can't do, and `.with(…)` for
/// what it has beside `Loop`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    Tokio,
    TokioCurrentThread,
    Smol,
    AsyncStd,
    Sim,
}

impl LoopKind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Tokio,
        Self::TokioCurrentThread,
        Self::Smol,
        Self::AsyncStd,
        Self::Sim,
    ];

    /// As `--loop` takes it and reports show it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::TokioCurrentThread => "tokio-ct",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
            Self::Sim => "sim",
        }
    }

    /// Runs what stands behind these IDs, one after the other.
    pub(crate) fn judge(self, ids: &[&str]) -> Vec<Outcome> {
        fn on<L, M>(runner: &Runner<L, M>, ids: &[&str]) -> Vec<Outcome>
        where
            L: MainLoop,
            M: Fn() -> L + Send + Sync + 'static,
        {
            let run_one = |id: &&str| match runner.run_one(id) {
                Some(outcome) => outcome,
                None => panic!("the catalogue has {id}, the registry does not"),
            };
            ids.iter().map(run_one).collect()
        }
        /// A loop on the system's sockets and descriptors.
        fn real<L, M>(name: &str, make: M) -> Runner<L, M>
        where
            L: MainLoop + Udp + Watch,
            M: Fn() -> L + Send + Sync + 'static,
        {
            Runner::new(name, make)
                .with(abilities::watch())
                .with(abilities::processes())
                .with(abilities::signals())
                .with(abilities::udp())
        }
        match self {
            Self::Tokio => {
                let make = || TokioLoop::new().expect("a tokio runtime");
                on(&real(self.name(), make), ids)
            }
            Self::TokioCurrentThread => {
                let make = || TokioLoop::current_thread().expect("a tokio runtime");
                on(&real(self.name(), make), ids)
            }
            Self::Smol => on(&real(self.name(), SmolLoop::new), ids),
            Self::AsyncStd => on(&real(self.name(), AsyncStdLoop::new), ids),
            Self::Sim => {
                let runner = Runner::new(self.name(), simulated)
                    .with(abilities::signals())
                    .with(abilities::udp());
                on(&runner.lacking(&[Capability::SystemSockets]), ids)
            }
        }
    }
}

/// A simulation for checks that reach into it from outside.
fn simulated() -> SimLoop {
    Sim::builder()
        .seed(0)
        // Some checks use threads of their own, which the simulation has to wait for.
        .patience(Duration::from_secs(10))
        // And some work waits on its thread in ways that it can't see.
        .thread_grace(Duration::from_millis(30))
        .build_loop()
}

impl fmt::Display for LoopKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
