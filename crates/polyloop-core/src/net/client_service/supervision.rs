//! The task of a running service: attempt, prepare, hand out, wait for the loss,
//! wait as the policy says, and again.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::plan::Plan;
use super::state::{Order, Shared};
use crate::net::{Layer, Loop};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, FailureKind, catch};
use crate::protocol::connection::{Connection, ConnectionLost};
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;
use crate::protocol::shared_factory::SharedFactory;
use crate::protocol::transport::WriteError;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::atomic::{AtomicBool, Ordering};
use crate::sync::primitive::{Arc, lock};

/// What one run of the task needs.
pub(super) struct Supervision<L: Loop, F: ProtocolFactory, Y> {
    pub(super) lp: L,
    pub(super) plan: Arc<Plan<F, Y>>,
    pub(super) shared: Arc<Shared<F::Protocol>>,
}

/// Why it stopped trying.
enum End {
    Ordered,
    GaveUp(Failure),
}

/// What became of one attempt.
enum Attempt<P: Protocol> {
    /// It was ended by an order, and all of it is quiet.
    Ordered,
    /// There was a connection, and it was lost.
    Lost(Failure),
    Failed(Failure),
    /// The prepare step failed. The connection is closing.
    Rejected(Failure, Rejected<P>),
}

struct Rejected<P: Protocol> {
    connection: Connection<P>,
    gone: Deferred<()>,
}

impl<P: Protocol> Rejected<P> {
    /// It had the time of the wait to close; now it has to go.
    async fn end(self) {
        self.connection.abort();
        let _ = self.gone.await;
    }
}

impl<L: Loop, F: ProtocolFactory, Y: Layer<L::TcpStream>> Supervision<L, F, Y> {
    pub(super) fn run(self) -> impl Future<Output = ()> + Send {
        // Made here, so that a task that its loop refuses ends like any other.
        let running = Arc::new(Running {
            shared: self.shared.clone(),
            ended: AtomicBool::new(false),
        });
        async move {
            loop {
                let gave_up = match self.keep_connected(&running).await {
                    End::Ordered => None,
                    End::GaveUp(failure) => Some(failure),
                };
                if self.shared.finish(gave_up, &self.lp) {
                    running.ended.store(true, Ordering::Release);
                    return;
                }
            }
        }
    }

    async fn keep_connected(&self, running: &Arc<Running<F::Protocol>>) -> End {
        // The service uses the factory from start to stop, so that its hooks do not run
        // at each reconnection (FACT-06).
        let _factory = match Started::new(self.plan.factory.clone()) {
            Ok(started) => started,
            Err(failure) => return End::GaveUp(failure),
        };
        loop {
            let (failure, is_loss, rejected) = match self.attempt(running).await {
                Attempt::Ordered => return End::Ordered,
                Attempt::Lost(failure) => (failure, true, None),
                Attempt::Failed(failure) => (failure, false, None),
                Attempt::Rejected(failure, rejected) => (failure, false, Some(rejected)),
            };
            let end = self.pause(failure, is_loss).await;
            if let Some(rejected) = rejected {
                rejected.end().await;
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Waits as the policy says, unless it is over.
    async fn pause(&self, failure: Failure, is_loss: bool) -> Option<End> {
        if self.shared.order().ends_attempts() {
            return Some(End::Ordered);
        }
        let failures = self.shared.failed(&failure, is_loss);
        let delay = match catch(|| Ok(lock(&self.plan.policy).delay(failures, &failure))) {
            Ok(Some(delay)) => delay,
            Ok(None) => return Some(End::GaveUp(failure)),
            Err(panicked) => return Some(End::GaveUp(panicked)),
        };
        let waited = self
            .shared
            .unless(Order::ends_attempts, self.lp.sleep(delay))
            .await;
        waited.is_none().then_some(End::Ordered)
    }

    async fn attempt(&self, running: &Arc<Running<F::Protocol>>) -> Attempt<F::Protocol> {
        let (resolver, mut gone) = Deferred::new();
        let factory = AttemptFactory {
            factory: self.plan.factory.clone(),
            gone: Some(resolver),
            _running: running.clone(),
        };
        let connecting = self.lp.connect_with(
            self.plan.endpoint.clone(),
            self.plan.options.clone(),
            factory,
        );
        let connected = self.shared.unless(Order::ends_attempts, connecting).await;
        let connection = match connected {
            Some(Ok(connection)) => connection,
            failed => {
                // Whatever there was of a connection ends first.
                let _ = gone.await;
                return match failed {
                    Some(Err(error)) => Attempt::Failed(Failure::new(error)),
                    _ => Attempt::Ordered,
                };
            }
        };
        let prepared = self
            .shared
            .unless(Order::ends_attempts, self.prepare(&connection, &mut gone))
            .await;
        match prepared {
            Some(Ok(())) => {}
            Some(Err(failure)) => {
                connection.close();
                return Attempt::Rejected(failure, Rejected { connection, gone });
            }
            None => {
                connection.abort();
                let _ = gone.await;
                return Attempt::Ordered;
            }
        }
        self.shared.connected(&connection);
        let lost = self.shared.unless(Order::ends_connections, &mut gone).await;
        self.shared.disconnected();
        if lost.is_some() {
            return Attempt::Lost(failure_of(&connection).await);
        }
        connection.close();
        let _ = gone.await;
        Attempt::Ordered
    }

    /// The prepare step. If the connection is lost meanwhile, it has failed.
    async fn prepare(
        &self,
        connection: &Connection<F::Protocol>,
        gone: &mut Deferred<()>,
    ) -> Result<(), Failure> {
        let Some(prepare) = &self.plan.prepare else {
            return Ok(());
        };
        let mut step = Guarded::new(catch(|| Ok(lock(prepare)(connection.clone())))?);
        let done = poll_fn(|cx| {
            let step = match catch(|| Ok(step.as_mut().poll(cx))) {
                Ok(step) => step,
                Err(panicked) => Poll::Ready(Err(panicked)),
            };
            if step.is_pending() && Pin::new(&mut *gone).poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            step.map(Some)
        })
        .await;
        match done {
            Some(Ok(())) if !connection.is_lost() => Ok(()),
            Some(Err(failure)) if !is_of_an_end(&failure) => Err(failure),
            // Whoever had a part of the connection may know of its end before it is told.
            Some(Err(failure)) => Err(self.goodbye(connection).await.unwrap_or(failure)),
            Some(Ok(())) | None => Err(failure_of(connection).await),
        }
    }

    /// How a connection that is about to end has ended, unless it takes its time.
    async fn goodbye(&self, connection: &Connection<F::Protocol>) -> Option<Failure> {
        let mut end = pin!(failure_of(connection));
        let mut limit = pin!(self.lp.sleep(GOODBYE));
        poll_fn(|cx| match end.as_mut().poll(cx) {
            Poll::Ready(failure) => Poll::Ready(Some(failure)),
            Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
        })
        .await
    }
}

/// How long a connection that the prepare step has seen end may take to say why.
const GOODBYE: Duration = Duration::from_secs(1);

/// Whether a failure only tells that a connection has ended: by what a handle of it says,
/// or by a promise that its protocol was to settle.
fn is_of_an_end(failure: &Failure) -> bool {
    let mut next: Option<&dyn Error> = Some(failure);
    while let Some(error) = next {
        let closed = matches!(
            error.downcast_ref(),
            Some(WriteError::Closed | WriteError::Closing)
        );
        if closed || error.is::<ConnectionLost>() {
            return true;
        }
        next = error.source();
    }
    failure.kind() == FailureKind::Broken
}

/// How a lost connection ended, as a failure.
async fn failure_of<P: Protocol>(connection: &Connection<P>) -> Failure {
    match connection.closed().await {
        CloseReason::Error(failure) => failure,
        reason => Failure::message(format!("the connection ended: {reason}")),
    }
}

/// Says that the task has ended, also when its loop drops it. The last to hold it says
/// so, the task or its connection: when a stop settles, the protocol has gone, whatever
/// the order in which a loop drops what is left (CLI-26).
struct Running<P: Protocol> {
    shared: Arc<Shared<P>>,
    ended: AtomicBool,
}

impl<P: Protocol> Drop for Running<P> {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::Acquire) {
            self.shared.loop_ended();
        }
    }
}

/// The factory for one attempt. It is dropped when the attempt has failed or its
/// connection is lost, after `connection_lost`; so its end is the end of both.
struct AttemptFactory<F: ProtocolFactory> {
    factory: SharedFactory<F>,
    gone: Option<Resolver<()>>,
    _running: Arc<Running<F::Protocol>>,
}

impl<F: ProtocolFactory> ProtocolFactory for AttemptFactory<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, peer: &Peer) -> Option<F::Protocol> {
        self.factory.build_protocol(peer)
    }

    fn start_factory(&mut self) {
        self.factory.start_factory();
    }

    fn stop_factory(&mut self) {
        self.factory.stop_factory();
    }
}

impl<F: ProtocolFactory> Drop for AttemptFactory<F> {
    fn drop(&mut self) {
        if let Some(gone) = self.gone.take() {
            let _ = gone.resolve(());
        }
    }
}
