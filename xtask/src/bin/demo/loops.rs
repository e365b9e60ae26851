//! [`LoopKind`]: the loops that the demo runs, and the one place that tells them
//! apart.

use std::fmt;

use polyloop::{AsyncStdLoop, SmolLoop, TokioLoop};
use polyloop_core::{Failure, Loop, MainLoop};

/// A loop to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    Tokio,
    TokioCurrentThread,
    Smol,
    AsyncStd,
}

/// Something to do on whichever loop: an `async fn` that is generic over `Loop`, as
/// a value.
pub(crate) trait Job {
    type Output;

    async fn run<L: Loop>(self, lp: L) -> Self::Output;
}

impl LoopKind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Tokio,
        Self::TokioCurrentThread,
        Self::Smol,
        Self::AsyncStd,
    ];

    /// Makes a loop of this kind and runs `job` on it, on this thread.
    pub(crate) fn run<J: Job>(self, job: J) -> Result<J::Output, Failure> {
        fn on<L: MainLoop, J: Job>(lp: L, job: J) -> Result<J::Output, Failure> {
            lp.run(job.run(lp.clone())).map_err(Failure::new)
        }
        match self {
            Self::Tokio => on(TokioLoop::new()?, job),
            Self::TokioCurrentThread => on(TokioLoop::current_thread()?, job),
            Self::Smol => on(SmolLoop::new(), job),
            Self::AsyncStd => on(AsyncStdLoop::new(), job),
        }
    }
}

impl fmt::Display for LoopKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tokio => "tokio",
            Self::TokioCurrentThread => "tokio-ct",
            Self::Smol => "smol",
            Self::AsyncStd => "async-std",
        })
    }
}
