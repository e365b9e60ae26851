//! What a service does, as against the state it is in: it outlives each run of the
//! task, so that a service can be started again.

use std::future::Future;
use std::pin::Pin;

use crate::net::ConnectOptions;
use crate::net::endpoint::Endpoint;
use crate::net::retry::RetryPolicy;
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::protocol::connection::Connection;
use crate::protocol::factory::ProtocolFactory;
use crate::protocol::shared_factory::SharedFactory;
use crate::sync::primitive::{Arc, Mutex};

pub(super) type Step = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
pub(super) type Prepare<P> = Guarded<Box<dyn FnMut(Connection<P>) -> Step + Send>>;

pub(super) struct Plan<F: ProtocolFactory, Y> {
    pub(super) endpoint: Endpoint,
    pub(super) options: ConnectOptions<Arc<Y>>,
    pub(super) factory: SharedFactory<F>,
    /// The locks are the task's alone; they make the plan shareable.
    pub(super) policy: Mutex<Guarded<Box<dyn RetryPolicy>>>,
    pub(super) prepare: Option<Mutex<Prepare<F::Protocol>>>,
}
