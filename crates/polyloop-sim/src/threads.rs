//! Work on threads of their own, in turns with the simulation.
//!
//! The work really runs on another thread, since it may block; but while it runs, the
//! simulation stands still. So it has its place in the order of things, the same in
//! each run. A thread that waits for the loop says so, and then the simulation goes on
//! until it has what it waits for.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::HostId;
use crate::lock::lock;
use crate::ready::Ready;

/// Names a piece of work.
type WorkId = u64;

#[derive(Default)]
struct Floor {
    next: WorkId,
    /// The simulation stands still for these.
    running: BTreeMap<WorkId, HostId>,
    /// These wait for the loop.
    waiting: BTreeMap<WorkId, HostId>,
    /// Those of them that have what they waited for, and run when it is their turn.
    released: VecDeque<WorkId>,
    /// The simulation is being run, so there are turns.
    driven: bool,
    /// These took too long, and go on beside the simulation.
    stray: BTreeMap<WorkId, HostId>,
    /// What was not recorded yet.
    news: Vec<News>,
}

/// What is told of work.
pub(crate) enum News {
    Done(HostId),
    /// It took too long.
    Late(HostId),
}

pub(crate) struct Workshop {
    floor: Mutex<Floor>,
    changed: Condvar,
    /// There is something to look at on the floor: most events need no lock for that.
    news: AtomicBool,
    /// Some thread has gone on beside the simulation, at some time.
    has_strayed: AtomicBool,
    /// To be told when a stray thread returns.
    ready: Arc<Ready>,
}

thread_local! {
    /// The work that this thread does, and where.
    static CURRENT: RefCell<Option<(Weak<Workshop>, WorkId)>> = const { RefCell::new(None) };
}

impl Workshop {
    pub(crate) fn new(ready: Arc<Ready>) -> Self {
        Self {
            floor: Mutex::default(),
            changed: Condvar::new(),
            news: AtomicBool::new(false),
            has_strayed: AtomicBool::new(false),
            ready,
        }
    }

    /// Begins `work` on a thread of its own. A system that has no thread for it drops
    /// it, which breaks its promise.
    pub(crate) fn begin(self: &Arc<Self>, host: HostId, work: Box<dyn FnOnce() + Send>) {
        let id = {
            let mut floor = lock(&self.floor);
            floor.next += 1;
            let id = floor.next;
            floor.running.insert(id, host);
            self.news.store(true, Ordering::Release);
            id
        };
        let ended = Ended {
            workshop: self.clone(),
            id,
            host,
        };
        let body = move || {
            let ended = ended;
            CURRENT.set(Some((Arc::downgrade(&ended.workshop), id)));
            work();
        };
        // Whatever becomes of it, `ended` is dropped.
        drop(
            thread::Builder::new()
                .name("polyloop-sim work".to_owned())
                .spawn(body),
        );
    }

    /// The simulation is run from here until the guard is dropped.
    pub(crate) fn drive(&self) -> Driving<'_> {
        lock(&self.floor).driven = true;
        Driving(self)
    }

    /// Whether there is something to [stand still](Self::stand_still) for, or to tell.
    pub(crate) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    /// Stands still while work runs, for `grace` at most.
    pub(crate) fn stand_still(&self, grace: Duration, news: &mut Vec<News>) {
        if !self.news.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut floor = lock(&self.floor);
        loop {
            floor = self.until_nobody_runs(floor, grace);
            // One after the other, so that what they do has an order.
            match floor.released.pop_front() {
                Some(id) => self.resume(&mut floor, id),
                None => break,
            }
        }
        news.append(&mut floor.news);
    }

    fn until_nobody_runs<'a>(
        &self,
        mut floor: MutexGuard<'a, Floor>,
        grace: Duration,
    ) -> MutexGuard<'a, Floor> {
        if floor.running.is_empty() {
            return floor;
        }
        let deadline = Instant::now() + grace;
        while !floor.running.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let late = std::mem::take(&mut floor.running);
                floor.news.extend(late.values().copied().map(News::Late));
                floor.stray.extend(late);
                self.has_strayed.store(true, Ordering::Release);
                break;
            }
            floor = self
                .changed
                .wait_timeout(floor, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(floor, _)| floor);
        }
        floor
    }

    fn resume(&self, floor: &mut Floor, id: WorkId) {
        if let Some(host) = floor.waiting.remove(&id) {
            floor.running.insert(id, host);
            self.changed.notify_all();
        }
    }

    fn wait_for_change<'a>(&self, floor: MutexGuard<'a, Floor>) -> MutexGuard<'a, Floor> {
        self.changed
            .wait(floor)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many threads go on beside the simulation.
    pub(crate) fn strays(&self) -> usize {
        if !self.has_strayed.load(Ordering::Acquire) {
            return 0;
        }
        lock(&self.floor).stray.len()
    }

    /// How many pieces of work have not returned.
    pub(crate) fn unfinished(&self) -> usize {
        let floor = lock(&self.floor);
        floor.running.len() + floor.waiting.len() + floor.stray.len()
    }

    /// Blocks this thread until `future` is ready.
    pub(crate) fn wait<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let id = CURRENT.with_borrow(|current| {
            let (workshop, id) = current.as_ref()?;
            (workshop.as_ptr() == Arc::as_ptr(self)).then_some(*id)
        });
        let signal = Arc::new(Signal {
            workshop: self.clone(),
            id,
            woken: AtomicBool::new(false),
        });
        let waker = Waker::from(signal.clone());
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            signal.sleep();
        }
    }
}

/// The simulation is being run.
pub(crate) struct Driving<'a>(&'a Workshop);

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        let mut floor = lock(&self.0.floor);
        floor.driven = false;
        // There are no turns any more to wait for.
        while let Some(id) = floor.released.pop_front() {
            self.0.resume(&mut floor, id);
        }
    }
}

/// Wakes a thread that waits for the loop. One that does the simulation's work goes on
/// when the event is over in which it was woken, and then the simulation stands still
/// for it.
struct Signal {
    workshop: Arc<Workshop>,
    id: Option<WorkId>,
    /// Changed under the lock of the floor.
    woken: AtomicBool,
}

impl Signal {
    /// Sleeps until it was woken, which may have been already.
    fn sleep(&self) {
        let workshop = &self.workshop;
        let mut floor = lock(&workshop.floor);
        let Some(id) = self.id else {
            while !self.woken.swap(false, Ordering::AcqRel) {
                floor = workshop.wait_for_change(floor);
            }
            return;
        };
        if !self.woken.load(Ordering::Acquire) {
            let ran = floor.running.remove(&id);
            let strayed = floor.stray.remove(&id);
            if strayed.is_some() {
                workshop.ready.nudge();
            }
            floor.waiting.extend(ran.or(strayed).map(|host| (id, host)));
            workshop.changed.notify_all();
            while floor.waiting.contains_key(&id) {
                floor = workshop.wait_for_change(floor);
            }
        }
        self.woken.store(false, Ordering::Release);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut floor = lock(&self.workshop.floor);
        let known = self.woken.swap(true, Ordering::AcqRel);
        let Some(id) = self.id else {
            self.workshop.changed.notify_all();
            return;
        };
        if known || !floor.waiting.contains_key(&id) {
            return;
        }
        if floor.driven {
            floor.released.push_back(id);
            self.workshop.news.store(true, Ordering::Release);
            drop(floor);
            // It may be a thread that wakes another.
            self.workshop.ready.nudge();
        } else {
            self.workshop.resume(&mut floor, id);
        }
    }
}

/// Says that a piece of work has returned, on every way out of its thread.
struct Ended {
    workshop: Arc<Workshop>,
    id: WorkId,
    host: HostId,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut floor = lock(&self.workshop.floor);
        floor.running.remove(&self.id);
        floor.waiting.remove(&self.id);
        let stray = floor.stray.remove(&self.id).is_some();
        floor.news.push(News::Done(self.host));
        self.workshop.news.store(true, Ordering::Release);
        drop(floor);
        self.workshop.changed.notify_all();
        if stray {
            self.workshop.ready.nudge();
        }
    }
}
