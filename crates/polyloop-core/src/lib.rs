//! The concepts of polyloop, and all behaviour that needs no runtime.
//!
//! A network library is written once against five concepts and runs on every
//! loop:
//!
//! * a [`Loop`] waits for events and dispatches them. It is the sum of small
//!   abilities ([`Spawner`], [`Timers`], [`Calls`], [`Threads`], [`Resolve`],
//!   [`Tcp`], [`Lifecycle`]); ask for the least you need. [`MainLoop`] is one that
//!   a program's top level can run.
//! * a [`Promise`] is a value that isn't available yet: a spawned [`Task`], a
//!   [`Deferred`] that you settle through its [`Resolver`], or a chain of either.
//!   It fails with a [`Failure`].
//! * a [`Transport`] is a communication channel, as a protocol sees it.
//! * a [`Protocol`] is where a network protocol is implemented.
//! * a [`ProtocolFactory`] makes one per connection.
//!
//! [`Loop::serve`] and [`Loop::connect`] put a factory on an [`Endpoint`] and give
//! back a [`Server`] or a [`Connection`].
//!
//! # Where things live
//!
//! | module | what |
//! | --- | --- |
//! | `event_loop`, `spawner`, `timers`, `calls`, `lifecycle` | the abilities of a loop |
//! | [`net`] | sockets, options, clients, servers, and a client that reconnects |
//! | `task`, `deferred`, `promise`, `failure` | promises |
//! | `combine` | waiting for several promises at once |
//! | [`schedule`] | looping calls, cooperative tasks, batched timers |
//! | [`sync`] | locks, semaphores, events, conditions and queues, for any loop |
//! | `protocol`, `transport`, `factory`, `connection` | protocols and what drives them |
//! | `buffered`, `switchable`, [`producer`] | protocols that own their buffer, change, or are fed |
//! | [`backend`] | what a runtime has to map: read this to add one |
//! | [`context`] | which loop is current on a thread |
//!
//! Core names no runtime. What a user can see is decided here, so it is the same
//! on all of them; the numbers in the documentation (LOOP-14, TRAN-05, …) are
//! those of the conformance suite.

pub mod backend;
mod buffered;
mod calls;
mod combine;
mod connection;
pub mod context;
mod deferred;
mod endpoint;
mod error_hook;
mod event_loop;
mod factory;
mod failure;
mod lifecycle;
mod lock;
pub mod net;
pub mod producer;
mod promise;
mod protocol;
pub mod schedule;
mod spawner;
mod state;
mod switchable;
pub mod sync;
mod task;
mod timers;
mod transport;

/// The byte string that [`TransportHandle::write`] takes, re-exported so that its
/// version never has to be guessed.
pub use bytes::Bytes;

pub use buffered::{Buffered, BufferedProtocol};
pub use calls::{Calls, DelayedCall, PendingCall};
pub use combine::{
    AllFailed, AsCompleted, FirstFailure, Gather, GroupClosed, GroupFailed, GroupSpawner,
    GroupTask, JoinGroup, NothingToWaitFor, Race, Select, Selected, Shield, TaskGroup, TryGather,
    Wait, WaitFor, Waited, as_completed, gather, race, select, shield, try_gather, wait,
};
pub use connection::{Connection, ConnectionLost, TransportHandle};
pub use deferred::{Deferred, Resolver};
pub use endpoint::{Endpoint, EndpointError, IntoEndpoint};
pub use error_hook::{ErrorHook, ErrorReport};
pub use event_loop::{Loop, MainLoop, RunError};
pub use factory::{ProtocolFactory, SharedFactory};
pub use failure::{Failure, FailureKind};
pub use lifecycle::{
    Lifecycle, LoopClosed, NotRunning, Rejected, ShutdownHook, ShutdownPhase, StillRunning,
};
pub use net::client::{Attempts, ConnectError, Connected};
pub use net::server::{ListenError, Server};
pub use net::{
    Backoff, ClientService, ClientServiceBuilder, ConnectOptions, ListenOptions, Listener, Resolve,
    RetryPolicy, Stream, Tcp, TcpOptions,
};
pub use producer::{Consumer, Produced, PullProducer, PushProducer, RegisterError, Registration};
pub use promise::{
    AndThen, AsPromise, Finally, FromFuture, IntoPromise, OnDone, OrElse, Promise, Shared, Then,
    Timeout, as_promise, from_future,
};
pub use protocol::{CloseReason, OnEof, Protocol};
pub use spawner::{CallFromThreadError, Spawner, Threads};
pub use state::LoopState;
pub use switchable::{SwitchHandle, Switchable};
pub use task::{CancelOnDrop, CatchCancel, Outcome, Task, catch_cancel};
pub use timers::{Sleep, Timers, yield_now};
pub use transport::{Flow, InvalidLimits, Transport, WriteError, WriteLimits};
