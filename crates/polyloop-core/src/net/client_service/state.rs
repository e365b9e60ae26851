//! What the handles of a service and its task share: the order that it is under,
//! the phase that it is in, and those who wait.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};

use crate::event_loop::lifecycle::Lifecycle;
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

pub(super) struct Shared<P: Protocol> {
    inner: Mutex<Inner<P>>,
}

struct Inner<P: Protocol> {
    order: Order,
    phase: Phase<P>,
    failures: usize,
    task: Option<Waker>,
    waiting: Vec<Waiter<P>>,
    stopping: Vec<Resolver<()>>,
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
                waiting: Vec::new(),
                stopping: Vec::new(),
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
        inner.phase = Phase::Trying;
        inner.failures = 0;
        true
    }

    pub(super) fn stop(&self) -> Deferred<()> {
        let mut inner = lock(&self.inner);
        let waiting = std::mem::take(&mut inner.waiting);
        let promise = if inner.is_running() {
            let (resolver, promise) = Deferred::new();
            inner.stopping.retain(|resolver| !resolver.is_abandoned());
            inner.stopping.push(resolver);
            promise
        } else {
            inner.phase = Phase::Stopped;
            Deferred::resolved(())
        };
        inner.order = Order::Stop;
        let task = inner.task.take();
        drop(inner);
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
        match &lock(&self.inner).phase {
            Phase::Connected(connection) if !connection.is_lost() => Some(connection.clone()),
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
        inner.waiting.retain(|w| !w.resolver.is_abandoned());
        inner.waiting.push(Waiter {
            resolver,
            left: fail_after.map(|failures| failures.max(1)),
        });
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
        if !inner.task.as_ref().is_some_and(|w| w.will_wake(task)) {
            inner.task = Some(task.clone());
        }
        inner.order
    }

    pub(super) fn order(&self) -> Order {
        lock(&self.inner).order
    }

    /// There is a connection to hand out.
    pub(super) fn connected(&self, connection: &Connection<P>) {
        let mut inner = lock(&self.inner);
        inner.failures = 0;
        inner.phase = Phase::Connected(connection.clone());
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
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
            for mut waiter in std::mem::take(&mut inner.waiting) {
                waiter.left = waiter.left.map(|left| left - 1);
                if waiter.left == Some(0) {
                    enough.push(waiter);
                } else {
                    inner.waiting.push(waiter);
                }
            }
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
        let stopping = std::mem::take(&mut inner.stopping);
        inner.failures = 0;
        let mut waiting = Vec::new();
        let mut failure = None;
        let ends = match (inner.order, gave_up) {
            (Order::KeepUp, Some(reason)) => {
                waiting = std::mem::take(&mut inner.waiting);
                inner.phase = Phase::GaveUp(reason.clone());
                failure = Some(reason);
                true
            }
            (Order::KeepUp | Order::Restart, _) => {
                inner.order = Order::KeepUp;
                inner.phase = Phase::Trying;
                false
            }
            (Order::Stop | Order::LetGo, _) => {
                waiting = std::mem::take(&mut inner.waiting);
                inner.phase = Phase::Stopped;
                true
            }
        };
        drop(inner);
        if let Some(failure) = failure {
            if waiting.is_empty() {
                lp.report(
                    "a client service gave up, and nobody waited for it",
                    &failure,
                );
            }
            for waiter in waiting {
                let _ = waiter.resolver.reject(failure.clone());
            }
        } else {
            cancel(waiting, "the client service was stopped");
        }
        for resolver in stopping {
            let _ = resolver.resolve(());
        }
        ends
    }

    /// The task went with its loop, or was refused by it.
    pub(super) fn loop_ended(&self) {
        let mut inner = lock(&self.inner);
        let phase = std::mem::replace(&mut inner.phase, Phase::Stopped);
        let task = inner.task.take();
        let waiting = std::mem::take(&mut inner.waiting);
        let stopping = std::mem::take(&mut inner.stopping);
        inner.order = Order::Stop;
        drop(inner);
        drop((phase, task));
        cancel(waiting, "the loop of the client service ended");
        for resolver in stopping {
            let _ = resolver.resolve(());
        }
    }
}

fn cancel<P: Protocol>(waiting: Vec<Waiter<P>>, reason: &'static str) {
    for waiter in waiting {
        let _ = waiter.resolver.reject(Failure::cancelled(reason));
    }
}
