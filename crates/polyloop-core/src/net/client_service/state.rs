//! What the handles of a service and its task share: the order that it is under,
//! the phase that it is in, and those who wait.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

use crate::event_loop::lifecycle::Lifecycle;
use crate::promise::crowd::{Crowd, Waits, tell};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::Failure;
use crate::protocol::Protocol;
use crate::protocol::connection::Connection;
use crate::sync::primitive::{Mutex, lock};

/// What the task has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Keep a connection up.
    KeepUp,
    /// Try no more, and leave a live connection to its end.
    LetGo,
    /// End everything.
    Stop,
    /// End everything, then begin anew.
    Restart,
}

impl Order {
    /// Whether it ends attempts and waits.
    pub(super) fn ends_attempts(self) -> bool {
        self != Self::KeepUp
    }

    /// Whether it ends a live connection.
    pub(super) fn ends_connections(self) -> bool {
        matches!(self, Self::Stop | Self::Restart)
    }
}

pub(super) enum Phase<P: Protocol> {
    /// Not started yet.
    New,
    /// The task runs and has no connection to hand out.
    Trying,
    Connected(Connection<P>),
    GaveUp(Failure),
    Stopped,
}

struct Waiter<P: Protocol> {
    resolver: Resolver<Connection<P>>,
    /// Failures that it still takes.
    left: Option<usize>,
}

impl<P: Protocol> Waits for Waiter<P> {
    fn has_left(&self) -> bool {
        self.resolver.is_abandoned()
    }
}

pub(super) struct Shared<P: Protocol> {
    inner: Mutex<Inner<P>>,
}

struct Inner<P: Protocol> {
    order: Order,
    phase: Phase<P>,
    failures: usize,
    task: Option<Waker>,
    waiting: Crowd<Waiter<P>>,
    stopping: Crowd<Resolver<()>>,
}

impl<P: Protocol> Inner<P> {
    fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Trying | Phase::Connected(_))
    }
}

impl<P: Protocol> Shared<P> {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                order: Order::Stop,
                phase: Phase::New,
                failures: 0,
                task: None,
                waiting: Crowd::default(),
                stopping: Crowd::default(),
            }),
        }
    }

    /// Whether a task has to be started for it.
    pub(super) fn start(&self) -> bool {
        let mut inner = lock(&self.inner);
        if inner.is_running() {
            inner.order = match inner.order {
                Order::KeepUp | Order::LetGo => Order::KeepUp,
                Order::Stop | Order::Restart => Order::Restart,
            };
            return false;
        }
        inner.order = Order::KeepUp;
        inner.failures = 0;
        // It may hold a failure, and that anything.
        let old = std::mem::replace(&mut inner.phase, Phase::Trying);
        drop(inner);
        drop(old);
        true
    }

    pub(super) fn stop(&self) -> Deferred<()> {
        let mut inner = lock(&self.inner);
        let waiting = inner.waiting.leave();
        let (promise, left, old);
        if inner.is_running() {
            (promise, left) = inner.stopping.wait();
            old = None;
        } else {
            (promise, left) = (Deferred::resolved(()), Vec::new());
            old = Some(std::mem::replace(&mut inner.phase, Phase::Stopped));
        }
        inner.order = Order::Stop;
        let task = inner.task.take();
        drop(inner);
        drop((left, old));
        cancel(waiting, "the client service was stopped");
        if let Some(task) = task {
            task.wake();
        }
        promise
    }

    pub(super) fn stop_trying(&self) {
        let mut inner = lock(&self.inner);
        inner.order = match inner.order {
            Order::KeepUp | Order::LetGo => Order::LetGo,
            Order::Stop | Order::Restart => Order::Stop,
        };
        let task = inner.task.take();
        drop(inner);
        if let Some(task) = task {
            task.wake();
        }
    }

    pub(super) fn reset(&self) {
        lock(&self.inner).failures = 0;
    }

    pub(super) fn failures(&self) -> usize {
        lock(&self.inner).failures
    }

    pub(super) fn is_running(&self) -> bool {
        lock(&self.inner).is_running()
    }

    pub(super) fn connection(&self) -> Option<Connection<P>> {
        let inner = lock(&self.inner);
        match &inner.phase {
            Phase::Connected(connection)
                if !inner.order.ends_connections() && !connection.is_lost() =>
            {
                Some(connection.clone())
            }
            _ => None,
        }
    }

    pub(super) fn when_connected(&self, fail_after: Option<usize>) -> Deferred<Connection<P>> {
        let mut inner = lock(&self.inner);
        let will_try = match (&inner.phase, inner.order) {
            (Phase::GaveUp(failure), _) => return Deferred::failed(failure.clone()),
            // One that is lost is as good as none, though the task may not know it yet.
            (Phase::Connected(connection), Order::KeepUp | Order::LetGo)
                if !connection.is_lost() =>
            {
                return Deferred::resolved(connection.clone());
            }
            (Phase::New, _) => true,
            (Phase::Stopped, _) => false,
            (_, order) => matches!(order, Order::KeepUp | Order::Restart),
        };
        if !will_try {
            return Deferred::failed(Failure::cancelled("the client service is stopped"));
        }
        let (resolver, promise) = Deferred::new();
        let left = inner.waiting.join(Waiter {
            resolver,
            left: fail_after.map(|failures| failures.max(1)),
        });
        drop(inner);
        drop(left);
        promise
    }

    /// Runs `work` to its end unless an order comes that `ends` it; then it is dropped.
    pub(super) async fn unless<W: Future>(
        &self,
        ends: impl Fn(Order) -> bool,
        work: W,
    ) -> Option<W::Output> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if ends(self.look(cx.waker())) {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// The order, and a wake-up when it changes.
    fn look(&self, task: &Waker) -> Order {
        let mut inner = lock(&self.inner);
        let old = match &mut inner.task {
            Some(known) if known.will_wake(task) => None,
            known => known.replace(task.clone()),
        };
        let order = inner.order;
        drop(inner);
        drop(old);
        order
    }

    pub(super) fn order(&self) -> Order {
        lock(&self.inner).order
    }

    /// There is a connection to hand out.
    pub(super) fn connected(&self, connection: &Connection<P>) {
        let mut inner = lock(&self.inner);
        inner.failures = 0;
        let old = std::mem::replace(&mut inner.phase, Phase::Connected(connection.clone()));
        let waiting = inner.waiting.leave();
        drop(inner);
        drop(old);
        for waiter in waiting {
            let _ = waiter.resolver.resolve(connection.clone());
        }
    }

    /// The connection that was handed out is lost, or about to be closed.
    pub(super) fn disconnected(&self) {
        let connected = {
            let mut inner = lock(&self.inner);
            std::mem::replace(&mut inner.phase, Phase::Trying)
        };
        drop(connected);
    }

    /// Counts a failure, and tells those who have seen enough of them. A loss counts
    /// for the policy alone: nobody waits for a connection that is there.
    pub(super) fn failed(&self, failure: &Failure, is_loss: bool) -> usize {
        let mut inner = lock(&self.inner);
        inner.failures = inner.failures.saturating_add(1);
        let failures = inner.failures;
        let mut enough = Vec::new();
        if !is_loss {
            enough = inner.waiting.leave_if(|waiter| {
                waiter.left = waiter.left.map(|left| left - 1);
                waiter.left == Some(0)
            });
        }
        drop(inner);
        for waiter in enough {
            let _ = waiter.resolver.reject(failure.clone());
        }
        failures
    }

    /// All is quiet. Whether the task is to end; otherwise it was started again.
    pub(super) fn finish(&self, gave_up: Option<Failure>, lp: &impl Lifecycle) -> bool {
        let mut inner = lock(&self.inner);
        let stopping = inner.stopping.leave();
        inner.failures = 0;
        let mut waiting = Vec::new();
        let mut failure = None;
        let (phase, ends) = match (inner.order, gave_up) {
            (Order::KeepUp, Some(reason)) => {
                waiting = inner.waiting.leave();
                failure = Some(reason.clone());
                (Phase::GaveUp(reason), true)
            }
            (Order::KeepUp | Order::Restart, _) => {
                inner.order = Order::KeepUp;
                (Phase::Trying, false)
            }
            (Order::Stop | Order::LetGo, _) => {
                waiting = inner.waiting.leave();
                (Phase::Stopped, true)
            }
        };
        let old = std::mem::replace(&mut inner.phase, phase);
        drop(inner);
        drop(old);
        if let Some(failure) = failure {
            let mut told = false;
            for waiter in waiting {
                told |= waiter.resolver.reject(failure.clone()).is_ok();
            }
            if !told {
                lp.report(
                    "a client service gave up, and nobody waited for it",
                    &failure,
                );
            }
        } else {
            cancel(waiting, "the client service was stopped");
        }
        tell(stopping);
        ends
    }

    /// The task went with its loop, or was refused by it.
    pub(super) fn loop_ended(&self) {
        let mut inner = lock(&self.inner);
        let phase = std::mem::replace(&mut inner.phase, Phase::Stopped);
        let task = inner.task.take();
        let waiting = inner.waiting.leave();
        let stopping = inner.stopping.leave();
        inner.order = Order::Stop;
        drop(inner);
        drop((phase, task));
        cancel(waiting, "the loop of the client service ended");
        tell(stopping);
    }
}

fn cancel<P: Protocol>(waiting: Vec<Waiter<P>>, reason: &'static str) {
    for waiter in waiting {
        let _ = waiter.resolver.reject(Failure::cancelled(reason));
    }
}
