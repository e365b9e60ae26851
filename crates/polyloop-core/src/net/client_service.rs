//! [`ClientService`]: keeps a connection up.
//!
//! Its life is one task, an `async fn` that reads orders (`supervision`); the
//! handles and the task share little more than the order and the list of those who
//! wait (`state`). All waiting goes by the loop's timers, so a simulator runs an
//! hour of retries in no time.

mod plan;
mod state;
mod supervision;

use std::fmt;
use std::future::Future;

use plan::{Plan, Prepare};
use state::Shared;
use supervision::Supervision;

use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::task;
use crate::net::endpoint::{Endpoint, EndpointError, IntoEndpoint};
use crate::net::retry::{Backoff, RetryPolicy};
use crate::net::{ConnectOptions, Layer, Loop};
use crate::promise::Promise as _;
use crate::promise::deferred::Deferred;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::protocol::Protocol;
use crate::protocol::connection::Connection;
use crate::protocol::factory::ProtocolFactory;
use crate::protocol::shared_factory::SharedFactory;
use crate::sync::primitive::{Arc, Mutex};

/// Keeps a client's connection up: Twisted's `ClientService`.
///
/// It connects when started, and again after each failure and each loss, as its
/// [policy](ClientServiceBuilder::retry) says. Clones are the same service; dropping
/// them leaves it running, so stop what you started.
///
/// ```no_run
/// # use polyloop_core::*;
/// # struct Client;
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> { Ok(()) }
/// # }
/// # async fn demo<L: Loop>(lp: &L) -> Result<(), Failure> {
/// let service = ClientService::builder("db.example:5432", || Client)?
///     .retry(Backoff::exponential().max_retries(50).give_up_on(|failure| {
///         matches!(failure.downcast_ref(), Some(ConnectError::Declined { .. }))
///     }))
///     // Nobody gets a connection that has not said hello.
///     .prepare(|connection| async move {
///         connection.call(|_, transport| transport.write(b"hello")).await??;
///         Ok(())
///     })
///     .build(lp);
/// service.start()?;
///
/// // Waits while it reconnects; fails after three failures in a row.
/// let connection = service.when_connected(Some(3)).await?;
/// connection.write("query")?;
///
/// service.stop().await?;
/// # Ok(()) }
/// ```
pub struct ClientService<P: Protocol> {
    shared: Arc<Shared<P>>,
    launch: Arc<dyn Fn() -> Result<(), LoopClosed> + Send + Sync>,
}

impl<P: Protocol> ClientService<P> {
    /// Describes a service that connects to `endpoint` and asks `factory` for a
    /// protocol at each connection.
    pub fn builder<E, F>(endpoint: E, factory: F) -> Result<ClientServiceBuilder<F>, EndpointError>
    where
        E: IntoEndpoint,
        F: ProtocolFactory<Protocol = P>,
    {
        Ok(ClientServiceBuilder {
            endpoint: endpoint.into_endpoint()?,
            factory,
            options: ConnectOptions::default(),
            policy: Guarded::new(Box::new(Backoff::exponential())),
            prepare: None,
        })
    }

    /// Starts it. If it is running already this does nothing; if it is being
    /// stopped, it starts again when that is done (CLI-19). After giving up it begins
    /// anew.
    pub fn start(&self) -> Result<(), LoopClosed> {
        if self.shared.start() {
            (self.launch)()?;
        }
        Ok(())
    }

    /// Stops it: cancels a waiting retry, a running attempt or prepare step, or closes
    /// the live connection. Settles when all is quiet, which is after
    /// [`connection_lost`](Protocol::connection_lost) (CLI-19).
    ///
    /// A live connection is closed gracefully, so a peer that does not read keeps it
    /// waiting; [`TransportHandle::abort`](crate::TransportHandle::abort) ends that. Those who wait for a connection see
    /// their promise cancelled at once.
    pub fn stop(&self) -> Deferred<()> {
        self.shared.stop()
    }

    /// Tries no more: cancels the pending retry or attempt, and leaves a live
    /// connection alone; once that is lost, the service is stopped (CLI-14).
    /// [`start`](Self::start) takes it back.
    pub fn stop_trying(&self) {
        self.shared.stop_trying();
    }

    /// Puts the count of failures, and so the delay of most policies, back to the
    /// beginning (CLI-14). A wait that has begun is not shortened.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// The connection: at once if there is one, otherwise when there is (CLI-17).
    ///
    /// With `fail_after` it fails with the cause after that many failed attempts
    /// from now on (0 counts as 1); without, it waits as long as the service tries. It
    /// fails if the service has given up, with the last cause, and ends as cancelled
    /// if it is stopped. A service that was never started may still be, so it waits.
    pub fn when_connected(&self, fail_after: Option<usize>) -> Deferred<Connection<P>> {
        self.shared.when_connected(fail_after)
    }

    /// The connection, if there is one now; none from the moment that a
    /// [stop](Self::stop) was asked for (CLI-25).
    pub fn connection(&self) -> Option<Connection<P>> {
        self.shared.connection()
    }

    /// How many attempts have failed since the last success.
    pub fn failures(&self) -> usize {
        self.shared.failures()
    }

    /// Whether it was started and has neither given up nor come to the end of a stop.
    pub fn is_running(&self) -> bool {
        self.shared.is_running()
    }
}

impl<P: Protocol> Clone for ClientService<P> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            launch: self.launch.clone(),
        }
    }
}

impl<P: Protocol> fmt::Debug for ClientService<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("running", &self.is_running())
            .field("connection", &self.connection())
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}

/// What [`ClientService::builder`] returns.
#[must_use = "a service is made by `build` and runs from `start` on"]
pub struct ClientServiceBuilder<F: ProtocolFactory, Y = ()> {
    endpoint: Endpoint,
    factory: F,
    options: ConnectOptions<Y>,
    policy: Guarded<Box<dyn RetryPolicy>>,
    prepare: Option<Mutex<Prepare<F::Protocol>>>,
}

impl<F: ProtocolFactory, Y> ClientServiceBuilder<F, Y> {
    /// Options of each connection.
    pub fn options<N>(self, options: ConnectOptions<N>) -> ClientServiceBuilder<F, N> {
        ClientServiceBuilder {
            endpoint: self.endpoint,
            factory: self.factory,
            options,
            policy: self.policy,
            prepare: self.prepare,
        }
    }

    /// How long to wait after a failure or a loss: [`Backoff::exponential`] unless
    /// set. It is given the number of consecutive failures, which is 1 after a loss, and the
    /// last of them. If it answers `None`, or panics, the service gives up (CLI-16); so a
    /// refusal that is final [ends the retries](RetryPolicy::give_up_on) (CLI-24).
    pub fn retry(mut self, policy: impl RetryPolicy) -> Self {
        self.policy = Guarded::new(Box::new(policy));
        self
    }

    /// Runs `step` with each new connection before anybody sees it. If it fails, that
    /// counts as a failed attempt, and the connection is closed (CLI-18); it has ended
    /// before the next attempt begins (CLI-27). It has no time limit but its own.
    ///
    /// A step that failed because the connection had ended, with
    /// [`ConnectionLost`](crate::ConnectionLost), [`WriteError`](crate::WriteError) or a
    /// promise that the protocol took along, says nothing of the cause. Then the failure is
    /// what the connection was lost with, such as the peer's goodbye (CLI-28).
    pub fn prepare<S, O>(mut self, mut step: S) -> Self
    where
        S: FnMut(Connection<F::Protocol>) -> O + Send + 'static,
        O: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.prepare = Some(Mutex::new(Guarded::new(Box::new(move |connection| {
            Box::pin(step(connection))
        }))));
        self
    }

    /// Makes the service, stopped.
    pub fn build<L: Loop>(mut self, lp: &L) -> ClientService<F::Protocol>
    where
        Y: Layer<L::TcpStream>,
    {
        self.policy.seed_from_loop(lp.random_seed());
        let plan = Arc::new(Plan {
            endpoint: self.endpoint,
            options: self.options.over(Arc::new),
            factory: SharedFactory::new(self.factory),
            policy: Mutex::new(self.policy),
            prepare: self.prepare,
        });
        let shared = Arc::new(Shared::new());
        let (lp, its) = (lp.clone(), shared.clone());
        let launch = Arc::new(move || {
            let supervision = Supervision {
                lp: lp.clone(),
                plan: plan.clone(),
                shared: its.clone(),
            };
            let run = supervision.run();
            // A closed loop drops the run, which says so to whoever waits.
            lp.state().check_open()?;
            task::spawn(&lp, run).detach();
            Ok(())
        });
        ClientService { shared, launch }
    }
}

impl<F: ProtocolFactory, Y: fmt::Debug> fmt::Debug for ClientServiceBuilder<F, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientServiceBuilder")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
