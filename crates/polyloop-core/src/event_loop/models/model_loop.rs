//! [`ModelLoop`]: a loop on a model checker's threads, and a clock that the model moves.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use shuttle::future::block_on;
use shuttle::thread;
use slab::Slab;

use crate::event_loop::backend::{Backend, MainBackend, StartedTask, Timer};
use crate::event_loop::state::LoopState;
use crate::promise::deferred::{Deferred, Resolver};
use crate::sync::primitive::{Arc, Mutex, lock};

/// A loop without anything below it.
#[derive(Clone)]
pub(crate) struct ModelLoop {
    state: Arc<LoopState>,
    clock: Arc<Clock>,
    /// What the rooms above keep here, by port.
    pub(crate) ports: Arc<Mutex<BTreeMap<u16, Arc<dyn Any + Send + Sync>>>>,
}

impl ModelLoop {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Clock::new());
        let told = clock.clone();
        Self {
            state: LoopState::with_clock("model", (), move || lock(&told.0).now),
            clock,
            ports: Arc::default(),
        }
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl Backend for ModelLoop {
    type Started<T: Send + 'static> = Started<T>;
    type Timer = ModelTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn from_state(_: &Arc<LoopState>) -> Option<Self> {
        None
    }

    fn start<F>(&self, future: F) -> Started<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (resolver, output) = Deferred::new();
        thread::spawn(move || run(future, resolver));
        Started(output)
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        thread::spawn(work);
    }

    fn wait_on_thread<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }

    fn random_seed(&self) -> u64 {
        1
    }

    fn timer(&self, deadline: Instant) -> ModelTimer {
        let waiting = Waiting {
            deadline,
            waker: None,
        };
        ModelTimer {
            key: lock(&self.clock.0).timers.insert(waiting),
            clock: self.clock.clone(),
        }
    }
}

fn run<F: Future>(future: F, resolver: Resolver<F::Output>)
where
    F::Output: Send,
{
    drop(resolver.resolve(block_on(future)));
}

impl MainBackend for ModelLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }
}

/// A future on a thread of its own.
pub(crate) struct Started<T>(Deferred<T>);

impl<T: Send> Future for Started<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl<T: Send> StartedTask<T> for Started<T> {
    fn is_finished(&self) -> bool {
        use crate::promise::Promise as _;
        self.0.is_done()
    }
}

struct Clock(Mutex<Time>);

struct Time {
    now: Instant,
    timers: Slab<Waiting>,
}

struct Waiting {
    deadline: Instant,
    waker: Option<Waker>,
}

impl Clock {
    fn new() -> Self {
        Self(Mutex::new(Time {
            now: Instant::now(),
            timers: Slab::new(),
        }))
    }

    fn advance(&self, by: Duration) {
        let mut time = lock(&self.0);
        time.now += by;
        let now = time.now;
        let due: Vec<Waker> = time
            .timers
            .iter_mut()
            .filter(|(_, waiting)| waiting.deadline <= now)
            .filter_map(|(_, waiting)| waiting.waker.take())
            .collect();
        drop(time);
        due.into_iter().for_each(Waker::wake);
    }
}

/// A timer of a [`ModelLoop`].
pub(crate) struct ModelTimer {
    clock: Arc<Clock>,
    key: usize,
}

impl Future for ModelTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut time = lock(&self.clock.0);
        let now = time.now;
        let waiting = &mut time.timers[self.key];
        if waiting.deadline <= now {
            return Poll::Ready(());
        }
        let old = waiting.waker.replace(cx.waker().clone());
        drop(time);
        drop(old);
        Poll::Pending
    }
}

impl Timer for ModelTimer {
    fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let mut time = lock(&self.clock.0);
        let now = time.now;
        let waiting = &mut time.timers[self.key];
        waiting.deadline = deadline;
        let waker = waiting.waker.take_if(|_| deadline <= now);
        drop(time);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for ModelTimer {
    fn drop(&mut self) {
        let waiting = lock(&self.clock.0).timers.remove(self.key);
        drop(waiting);
    }
}
