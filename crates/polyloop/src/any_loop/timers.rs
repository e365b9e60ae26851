//! The timers of whichever loop it is.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use polyloop_core::backend::{Backend, Timer};

use super::{Absent, AnyLoop, dispatch};

// Some timers must not move, so the enum is projected; `pin_project!` takes no
// `cfg` on a variant, so that of a loop which is not compiled in holds a type
// without values.
cfg_if::cfg_if! {
    if #[cfg(feature = "async-std")] {
        type AsyncStd = <crate::AsyncStdLoop as Backend>::Timer;
    } else {
        type AsyncStd = Absent;
    }
}
cfg_if::cfg_if! {
    if #[cfg(feature = "smol")] {
        type Smol = <crate::SmolLoop as Backend>::Timer;
    } else {
        type Smol = Absent;
    }
}
cfg_if::cfg_if! {
    if #[cfg(feature = "tokio")] {
        type Tokio = <crate::TokioLoop as Backend>::Timer;
    } else {
        type Tokio = Absent;
    }
}
cfg_if::cfg_if! {
    if #[cfg(feature = "sim")] {
        type Sim = <crate::SimLoop as Backend>::Timer;
    } else {
        type Sim = Absent;
    }
}

pin_project! {
    /// A timer of one of the loops.
    #[derive(Debug)]
    pub struct AnyTimer {
        #[pin]
        kind: Kind,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    #[allow(dead_code)] // the variants of loops that are not compiled in
    enum Kind {
        AsyncStd { #[pin] timer: AsyncStd },
        Smol { #[pin] timer: Smol },
        Tokio { #[pin] timer: Tokio },
        Sim { #[pin] timer: Sim },
        Absent { #[pin] timer: Absent },
    }
}

impl AnyTimer {
    pub(super) fn new(lp: &AnyLoop, deadline: Instant) -> Self {
        let kind = dispatch!(AnyLoop, lp, lp => Kind as Wrap: Wrap { timer: lp.timer(deadline) });
        Self { kind }
    }
}

impl Future for AnyTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        #[allow(clippy::match_same_arms)] // two loops may have timers of one type
        match self.project().kind.project() {
            KindProjection::AsyncStd { timer } => timer.poll(cx),
            KindProjection::Smol { timer } => timer.poll(cx),
            KindProjection::Tokio { timer } => timer.poll(cx),
            KindProjection::Sim { timer } => timer.poll(cx),
            KindProjection::Absent { timer } => timer.poll(cx),
        }
    }
}

impl Timer for AnyTimer {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        #[allow(clippy::match_same_arms)] // two loops may have timers of one type
        match self.project().kind.project() {
            KindProjection::AsyncStd { timer } => timer.reset(deadline),
            KindProjection::Smol { timer } => timer.reset(deadline),
            KindProjection::Tokio { timer } => timer.reset(deadline),
            KindProjection::Sim { timer } => timer.reset(deadline),
            KindProjection::Absent { timer } => timer.reset(deadline),
        }
    }
}
