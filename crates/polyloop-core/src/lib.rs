//! The concepts of polyloop, and all behaviour that needs no runtime.
//!
//! A network library is written once against five concepts and runs on every
//! loop:
//!
//! * a [`Loop`] waits for events and dispatches them. It is the sum of small
//!   abilities ([`Spawner`], [`Timers`], [`Calls`], [`Threads`], [`Resolve`],
//!   [`Tcp`], [`Unix`], [`Lifecycle`]); ask for the least you need. [`MainLoop`] is one that
//!   a program's top level can run. Not every loop has the rest, so it is asked for by
//!   name: [`Udp`], [`Signals`], and on Unix [`Watch`] and [`Processes`].
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
//! | room | what |
//! | --- | --- |
//! | `promise` | promises, what they fail with, and waiting for several at once; it knows no loop |
//! | `event_loop` | the abilities of a loop, running it, its tasks, calls, timers and names; in [`backend`] what a runtime has to map: read this to add one; in [`context`] which loop is current on a thread |
//! | `protocol` | protocols, transports, factories, and what drives a connection; [`producer`] |
//! | [`os`] | readiness of whatever has a descriptor and child processes (both on Unix), signals |
//! | [`net`] | endpoints, sockets, options, clients, servers, layers between a socket and its protocol, datagrams, a client that reconnects, and the sum of it all, [`Loop`] |
//! | [`sync`] | locks, semaphores, events, conditions and queues, for any loop |
//! | [`schedule`] | looping calls, cooperative tasks, batched timers |
//!
//! Core names no runtime. What a user can see is decided here, so it is the same
//! on all of them; the numbers in the documentation (LOOP-14, TRAN-05, …) are
//! those of the conformance suite.

mod event_loop;
pub mod net;
pub mod os;
mod promise;
mod protocol;
pub mod schedule;
pub mod sync;

/// The byte string that [`TransportHandle::write`] takes, re-exported so that its
/// version never has to be guessed.
pub use bytes::Bytes;

/// The traits that a [`Stream`] speaks, re-exported for the same reason.
pub use futures_io;

pub use event_loop::calls::{Calls, DelayedCall, PendingCall};
pub use event_loop::error_hook::ErrorHook;
pub use event_loop::lifecycle::{
    Lifecycle, LoopClosed, NobodyRuns, NotRunning, Rejected, ShutdownHook, ShutdownPhase,
    StillRunning,
};
pub use event_loop::names::{
    Families, Lookup, LookupError, LookupOptions, NameResolver, Query, Resolve, SocketType,
};
pub use event_loop::spawner::Spawner;
pub use event_loop::state::LoopState;
pub use event_loop::task::{CatchCancel, Outcome, Task, catch_cancel};
pub use event_loop::task_group::{
    GroupClosed, GroupFailed, GroupSpawner, GroupTask, JoinGroup, TaskGroup,
};
pub use event_loop::threads::{CallFromThreadError, Threads};
pub use event_loop::timers::{Sleep, Timers, yield_now};
pub use event_loop::{RunError, backend, context};
pub use net::client::{Attempts, ConnectError, Connected};
pub use net::datagrams::{DatagramEndpoint, DatagramProtocol, DatagramTransport, EndpointStopped};
pub use net::endpoint::{
    Arguments, Endpoint, EndpointError, InheritedError, IntoEndpoint, Parameter, Scheme, Schemes,
    TLS_PARAMETERS, quote,
};
#[cfg(feature = "proxy-header")]
pub use net::policy::{AcceptProxyHeader, ProxiedStream, ProxyHeaderError, SendProxyHeader};
pub use net::policy::{
    ConnectionLimit, LimitedStream, Throttle, ThrottledStream, TooManyConnections,
};
pub use net::server::{Incoming, ListenError, Server, UnfitSocket};
#[cfg(unix)]
pub use net::udp::WatchedUdp;
pub use net::udp::{
    DatagramSocket, MulticastError, MulticastInterface, SendError, Udp, UdpError, UdpOptions,
    UdpSettings,
};
#[cfg(unix)]
pub use net::unix::{
    DescriptorStream, PassDescriptors, UnixDatagram, UnixDatagramError, UnixDatagrams,
};
pub use net::{
    Backoff, ClientService, ClientServiceBuilder, ConnectOptions, DriveError, DriveOptions,
    GiveUpOn, Layer, ListenOptions, Listener, Loop, MainLoop, RetryPolicy, Tcp, TcpOptions, Unix,
    UnixOptions, UnixPathError, UpgradeOptions,
};
#[cfg(unix)]
pub use os::{
    Child, ChildInput, ChildOutput, InputClosed, OutputPipe, Process, ProcessEnd, ProcessError,
    ProcessLost, ProcessProtocol, ProcessSignalError, ProcessTransport, Processes,
};
pub use os::{Interest, Signal, SignalError, SignalStream, Signals, StopOnSignals};
#[cfg(unix)]
pub use os::{IntoInnerError, ReadinessCallback, Watch, WatchError, Watched};
pub use promise::combine::{
    AllFailed, AsCompleted, FirstFailure, Gather, NothingToWaitFor, Race, Select, Selected, Shield,
    TryGather, Wait, WaitFor, Waited, as_completed, gather, race, select, shield, try_gather, wait,
};
pub use promise::deferred::{Deferred, Resolver};
pub use promise::delays::Delays;
pub use promise::failure::{Failure, FailureKind};
pub use promise::report::ErrorReport;
pub use promise::{
    AndThen, AsPromise, CancelOnDrop, Finally, FromFuture, IntoPromise, OnDone, OrElse, Promise,
    Shared, Then, Timeout, as_promise, from_future,
};
pub use protocol::address::{Address, UnixAddress};
pub use protocol::buffered::{Buffered, BufferedProtocol};
pub use protocol::connection::{
    Connection, ConnectionLost, CutShort, IdleLimitPassed, ProtocolReplaced, TransportHandle,
};
#[cfg(unix)]
pub use protocol::descriptors::{Descriptors, PassError};
pub use protocol::factory::ProtocolFactory;
pub use protocol::peer::{Credentials, Peer, Secure};
pub use protocol::producer::{
    self, Consumer, Produced, PullProducer, PushProducer, RegisterError, Registration,
};
pub use protocol::shared_factory::SharedFactory;
pub use protocol::stream::{BoxedStream, Stream};
pub use protocol::switchable::{SwitchHandle, Switchable};
pub use protocol::timer_key::TimerKey;
pub use protocol::transport::{Flow, InvalidLimits, Transport, WriteError, WriteLimits};
pub use protocol::upgrade::{Upgrade, UpgradeError};
pub use protocol::{AsAny, CloseReason, OnEof, Protocol};
