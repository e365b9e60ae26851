//! The queue of a loop's calls, as it is shared: those who ask for calls, the driver that
//! makes them, and the loop that may halt it or go.

use std::panic::Location;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::PendingCall;
use super::alarm::Alarm;
use super::pending::{Key, Pending, Work};
use crate::event_loop::state::LoopState;
use crate::promise::discard::wake;
use crate::sync::primitive::atomic::{AtomicBool, Ordering};
use crate::sync::primitive::{Arc, Mutex, Weak, lock};

#[derive(Default)]
struct Inner {
    pending: Pending,
    driver: Driver,
    /// The loop lives while a call is pending on it.
    alive: Option<Hold>,
    /// `stop` was called: no further pass begins in this run.
    halted: bool,
    /// The driver is making the calls of a pass.
    in_pass: bool,
    /// Who waits for the pass to end.
    pass_waiter: Option<Waker>,
}

/// How pending calls hold their loop.
enum Hold {
    Alive(Arc<LoopState>),
    /// Only whoever has a handle could ever run it, so without one they wait in vain, and
    /// go with the loop.
    NeedsRun(Weak<LoopState>),
}

impl Hold {
    fn of(state: &Arc<LoopState>) -> Self {
        if state.needs_run() {
            Self::NeedsRun(Arc::downgrade(state))
        } else {
            Self::Alive(state.clone())
        }
    }

    fn state(&self) -> Option<Arc<LoopState>> {
        match self {
            Self::Alive(state) => Some(state.clone()),
            Self::NeedsRun(state) => state.upgrade(),
        }
    }
}

#[derive(Default)]
enum Driver {
    /// It looks at the queue, or is about to.
    #[default]
    Awake,
    /// It sleeps, until the moment if there is one.
    Asleep(Waker, Option<Instant>),
}

/// What the driver is to do next.
pub(super) enum Next {
    /// Make the calls of the batch.
    Pass(Arc<LoopState>),
    /// Sleep until the moment, or until it is woken.
    Sleep(Option<Instant>),
    /// The loop has gone.
    Exit,
}

/// Calls that will not be made. Dropping them runs code of users.
#[must_use]
pub(crate) struct Cleared {
    _calls: Vec<Work>,
    _alive: Option<Arc<LoopState>>,
}

pub(crate) struct CallQueue {
    inner: Mutex<Inner>,
    /// A driver was started, or is being.
    driven: AtomicBool,
    /// The loop has gone. Looked at where the lock would be too much.
    closed: AtomicBool,
    /// The timer that the driver sleeps by. It is here and not in the driver's future
    /// so that it goes with the loop, also where nobody gives that future another turn:
    /// it may hold the runtime, and the runtime the future.
    alarm: Mutex<Option<Alarm>>,
}

impl CallQueue {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner::default()),
            driven: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            alarm: Mutex::new(None),
        }
    }

    /// Whether a driver was started, or is being.
    pub(super) fn is_driven(&self) -> bool {
        self.driven.load(Ordering::Acquire)
    }

    /// True if a driver has to be started, by whoever asks.
    pub(super) fn wants_driver(&self) -> bool {
        !self.is_driven() && !self.driven.swap(true, Ordering::AcqRel)
    }

    /// Adds a call.
    pub(super) fn push(
        &self,
        state: &Arc<LoopState>,
        due: Option<Instant>,
        work: Work,
        location: &'static Location<'static>,
    ) -> Key {
        let mut inner = lock(&self.inner);
        let key = inner.pending.push(due, work, location);
        if inner.alive.is_none() {
            inner.alive = Some(Hold::of(state));
        }
        let waker = inner.wake_for(due);
        drop(inner);
        if let Some(waker) = waker {
            wake(waker);
        }
        key
    }

    /// Takes a call back, unless it is too late. What is given may be code of a user,
    /// and so may be what goes with the loop if this was the last that it lived for.
    pub(super) fn cancel(&self, key: Key) -> Option<(Work, Option<Arc<LoopState>>)> {
        let mut inner = lock(&self.inner);
        let work = inner.pending.remove(key)?;
        Some((work, inner.release_if_empty()))
    }

    pub(super) fn reset(&self, key: Key, due: Instant) -> bool {
        let mut inner = lock(&self.inner);
        if !inner.pending.holds(key) {
            return false;
        }
        inner.pending.move_to(key, due);
        let waker = inner.wake_for(Some(due));
        drop(inner);
        if let Some(waker) = waker {
            wake(waker);
        }
        true
    }

    pub(super) fn is_pending(&self, key: Key) -> bool {
        lock(&self.inner).pending.holds(key)
    }

    pub(super) fn pending(&self) -> Vec<PendingCall> {
        lock(&self.inner).pending.list()
    }

    /// What the driver does next. For a pass, `batch` receives the calls that are
    /// due at `now`; one asked for or moved from here on waits for a later pass.
    pub(super) fn next(
        &self,
        now: impl FnOnce(&LoopState) -> Instant,
        batch: &mut Vec<Key>,
        waker: &Waker,
    ) -> Next {
        let mut inner = lock(&self.inner);
        if self.is_closed() {
            return Next::Exit;
        }
        let Some(state) = inner.alive.as_ref().and_then(Hold::state) else {
            inner.driver = Driver::Asleep(waker.clone(), None);
            return Next::Sleep(None);
        };
        if inner.halted {
            inner.driver = Driver::Asleep(waker.clone(), None);
            drop(inner);
            return self.sleep(None, state);
        }
        let now = now(&state);
        inner.pending.take_soon(batch);
        let until = inner.pending.take_due(now, batch);
        if batch.is_empty() {
            inner.driver = Driver::Asleep(waker.clone(), until);
            drop(inner);
            return self.sleep(until, state);
        }
        inner.driver = Driver::Awake;
        inner.in_pass = true;
        Next::Pass(state)
    }

    fn sleep(&self, until: Option<Instant>, state: Arc<LoopState>) -> Next {
        // Outside of the lock: it may be the last handle of the loop.
        drop(state);
        if self.is_closed() {
            Next::Exit
        } else {
            Next::Sleep(until)
        }
    }

    /// Takes a call of the batch out of the queue, unless it was cancelled or moved
    /// while the pass went on.
    pub(super) fn take(&self, key: Key) -> Option<Work> {
        lock(&self.inner).pending.take(key)
    }

    /// After a pass: lets the loop go if nothing is pending.
    pub(super) fn pass_done(&self) -> Option<Arc<LoopState>> {
        let mut inner = lock(&self.inner);
        inner.in_pass = false;
        let waiter = inner.pass_waiter.take();
        let released = inner.release_if_empty();
        drop(inner);
        if let Some(waiter) = waiter {
            wake(waiter);
        }
        released
    }

    /// Ready when no pass is under way.
    pub(crate) fn poll_between_passes(&self, waker: &Waker) -> Poll<()> {
        let mut inner = lock(&self.inner);
        if !inner.in_pass {
            return Poll::Ready(());
        }
        let old = inner.pass_waiter.replace(waker.clone());
        drop(inner);
        drop(old);
        Poll::Pending
    }

    /// Begins no further pass; the one that is under way goes on.
    pub(crate) fn halt(&self) {
        lock(&self.inner).halted = true;
    }

    /// Allows passes again, and makes what is due by now.
    pub(crate) fn resume(&self) {
        let mut inner = lock(&self.inner);
        let was_halted = std::mem::replace(&mut inner.halted, false);
        let waker = if was_halted && !inner.pending.is_empty() {
            inner.wake_for(None)
        } else {
            None
        };
        drop(inner);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Takes every pending call out, to be dropped without the lock. Those who wait in
    /// a task for a moment go on to: they end with their tasks.
    pub(crate) fn clear(&self) -> Cleared {
        let mut inner = lock(&self.inner);
        Cleared {
            _calls: inner.pending.remove_calls(),
            _alive: inner.release_if_empty(),
        }
    }

    /// The driver was dropped.
    pub(super) fn driver_lost(&self) {
        let mut inner = lock(&self.inner);
        let driver = std::mem::take(&mut inner.driver);
        inner.in_pass = false;
        let waiter = inner.pass_waiter.take();
        drop(inner);
        // Dropping a waker may run code of others.
        drop(driver);
        if let Some(waiter) = waiter {
            wake(waiter);
        }
    }

    /// Lets the driver go, and its timer at once.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let driver = std::mem::take(&mut lock(&self.inner).driver);
        let alarm = lock(&self.alarm).take();
        drop(alarm);
        if let Driver::Asleep(waker, _) = driver {
            waker.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The timer for a driver that is about to be started.
    pub(super) fn set_alarm(&self, alarm: Alarm) {
        let old = lock(&self.alarm).replace(alarm);
        drop(old);
    }

    /// Whether the moment has come; otherwise the driver is woken for it.
    pub(super) fn poll_alarm(&self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *lock(&self.alarm) {
            Some(alarm) => alarm.poll(until, cx),
            None => Poll::Pending,
        }
    }
}

impl Inner {
    /// The driver's waker, if it sleeps for longer than `due` allows.
    fn wake_for(&mut self, due: Option<Instant>) -> Option<Waker> {
        let Driver::Asleep(_, until) = &self.driver else {
            return None;
        };
        if until.is_some_and(|until| due.is_some_and(|due| due >= until)) {
            return None;
        }
        match std::mem::take(&mut self.driver) {
            Driver::Asleep(waker, _) => Some(waker),
            Driver::Awake => None,
        }
    }

    fn release_if_empty(&mut self) -> Option<Arc<LoopState>> {
        if !self.pending.is_empty() {
            return None;
        }
        match self.alive.take() {
            Some(Hold::Alive(state)) => Some(state),
            _ => None,
        }
    }
}
