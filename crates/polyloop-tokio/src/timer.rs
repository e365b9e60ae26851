//! A timer of tokio's.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use polyloop_core::backend::{ThreadTimer, Timer};
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::runtime::Life;

pin_project! {
    /// tokio's [`Sleep`](tokio::time::Sleep), or a timer of the system's where the runtime
    /// has none: it was built without them, or was shut down.
    #[derive(Debug)]
    pub struct TokioTimer {
        #[pin]
        kind: Kind,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind {
        Runtime {
            #[pin]
            sleep: Sleep,
            life: Arc<Life>,
        },
        Thread {
            #[pin]
            timer: ThreadTimer,
        },
    }
}

impl TokioTimer {
    pub(crate) fn new(life: &Arc<Life>, handle: &Handle, deadline: Instant) -> Self {
        if !life.has_time(handle) {
            return Self::on_a_thread(deadline);
        }
        let _context = handle.enter();
        // Made where it is to be: it is large, and each move of it shows.
        Self {
            kind: Kind::Runtime {
                sleep: tokio::time::sleep_until(deadline.into()),
                life: life.clone(),
            },
        }
    }

    #[cold]
    fn on_a_thread(deadline: Instant) -> Self {
        let timer = ThreadTimer::at(deadline);
        Self {
            kind: Kind::Thread { timer },
        }
    }
}

impl Future for TokioTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut kind = self.project().kind;
        let deadline = match kind.as_mut().project() {
            KindProjection::Thread { timer } => return timer.poll(cx),
            KindProjection::Runtime { mut sleep, life } => {
                // A runtime that goes between the two makes tokio panic.
                if !life.is_gone()
                    && let Ok(polled) = catch_unwind(AssertUnwindSafe(|| sleep.as_mut().poll(cx)))
                {
                    return polled;
                }
                sleep.deadline().into_std()
            }
        };
        kind.set(Kind::Thread {
            timer: ThreadTimer::at(deadline),
        });
        match kind.project() {
            KindProjection::Thread { timer } => timer.poll(cx),
            KindProjection::Runtime { .. } => Poll::Pending,
        }
    }
}

impl Timer for TokioTimer {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        match self.project().kind.project() {
            KindProjection::Runtime { sleep, .. } => sleep.reset(deadline.into()),
            KindProjection::Thread { timer } => timer.reset(deadline),
        }
    }
}
