//! [`Timers`]: the clock of a loop, and sleeping by it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use pin_project_lite::pin_project;

use crate::event_loop::backend::{Backend, Timer};
use crate::promise::delays::Delays;

/// A clock, and a way to wait for it.
///
/// This is all that a retry policy or a rate limit needs, so it is all that such
/// code asks for; a test can give it a clock of its own.
///
/// ```
/// use polyloop_core::Timers;
/// use std::time::Duration;
///
/// async fn backoff<T: Timers>(timers: &T, attempt: u32) {
///     timers.sleep(Duration::from_millis(100) * 2u32.pow(attempt.min(8))).await;
/// }
/// ```
pub trait Timers: Send + Sync {
    /// What [`sleep`](Self::sleep) returns.
    type Sleep: Future<Output = ()> + Send;

    /// The monotonic clock: it never goes backwards (LOOP-30). In a simulation it
    /// is virtual.
    fn now(&self) -> Instant;

    /// The time of day, which may be set and may jump. Never use it for deadlines.
    fn wall_time(&self) -> SystemTime;

    /// Waits until `duration` has passed, never less (LOOP-15). Zero gives up
    /// exactly one turn (SCHED-11); more than the clock can express waits for ever.
    ///
    /// Cancel safe: dropping it removes its timer at once (SCHED-10).
    fn sleep(&self, duration: Duration) -> Self::Sleep;

    /// Waits until `deadline`. One that has passed gives up one turn.
    fn sleep_until(&self, deadline: Instant) -> Self::Sleep;
}

impl<B: Backend> Timers for B {
    type Sleep = Sleep<B::Timer>;

    fn now(&self) -> Instant {
        self.state().now()
    }

    fn wall_time(&self) -> SystemTime {
        self.system_time()
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        if duration.is_zero() {
            Sleep::one_turn()
        } else {
            Sleep::timer(self.timer_after(duration))
        }
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        if deadline <= self.state().now() {
            Sleep::one_turn()
        } else {
            Sleep::timer(self.timer(deadline))
        }
    }
}

impl<T: Timers + ?Sized> Delays for T {
    type Delay = T::Sleep;

    fn delay(&self, duration: Duration) -> Self::Delay {
        self.sleep(duration)
    }
}

pin_project! {
    /// What a loop's [`Timers::sleep`] returns.
    ///
    /// Runtimes disagree on zero: one rounds it up to a millisecond, another does
    /// not yield at all. Here it never reaches the runtime.
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Sleep<T> {
        #[pin]
        kind: Kind<T>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<T> {
        OneTurn { given_up: bool },
        Timer { #[pin] timer: T },
    }
}

impl<T> Sleep<T> {
    fn one_turn() -> Self {
        Self {
            kind: Kind::OneTurn { given_up: false },
        }
    }

    fn timer(timer: T) -> Self {
        Self {
            kind: Kind::Timer { timer },
        }
    }
}

impl<T: Timer> Future for Sleep<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project().kind.project() {
            KindProjection::OneTurn { given_up: true } => Poll::Ready(()),
            KindProjection::OneTurn { given_up } => {
                *given_up = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            KindProjection::Timer { timer } => timer.poll(cx),
        }
    }
}

/// Gives up one turn, on any loop.
///
/// ```
/// # async fn work() {
/// for _ in 0..1_000_000 {
///     polyloop_core::yield_now().await; // lets other tasks run
/// }
/// # }
/// ```
pub fn yield_now() -> impl Future<Output = ()> + Send {
    let mut given_up = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut given_up, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// What comes of `work` within the limit, or `None`. A limit of zero begins nothing: whether
/// the system would be done at once differs from loop to loop.
pub(crate) async fn within<B: Backend, T>(
    backend: &B,
    limit: Option<Duration>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let Some(limit) = limit else {
        return Some(work.await);
    };
    if limit.is_zero() {
        return None;
    }
    let mut work = pin!(work);
    let mut timer = pin!(backend.timer_after(limit));
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}
