//! [`SmolLoop`]: polyloop on smol.
//!
//! This crate only maps; how things behave is decided in `polyloop-core`, and the
//! sockets are those of `polyloop-async-io`. It is the shortest backend: copy it to
//! add another.
//!
//! ```
//! use polyloop_core::{MainLoop, Timers};
//! use polyloop_smol::SmolLoop;
//! use std::time::Duration;
//!
//! let lp = SmolLoop::new();
//! let answer = lp.run(async {
//!     lp.sleep(Duration::from_millis(1)).await;
//!     42
//! })?;
//! assert_eq!(answer, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod spawn;

use std::fmt;
use std::future::Future;
use std::io;
#[cfg(unix)]
use std::net::UdpSocket;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::time::Instant;

#[cfg(unix)]
use polyloop_async_io::ReactorWatcher;
use polyloop_async_io::{ReactorTcpListener, ReactorTcpStream, ReactorTimer};
use polyloop_core::backend::{Backend, MainBackend};
#[cfg(unix)]
use polyloop_core::os::{Source, Watch};
use polyloop_core::{LoopState, Tcp, TcpOptions, Unix};
#[cfg(unix)]
use polyloop_core::{Udp, UdpError, WatchedUdp};
use smol::Executor;

pub use spawn::Spawned;

/// A loop on smol's executor: the global one, or one that an application owns.
#[derive(Clone)]
pub struct SmolLoop {
    state: Arc<LoopState>,
    executor: Where,
}

#[derive(Clone)]
enum Where {
    /// `smol::spawn`, whose threads run by themselves (`SMOL_THREADS` of them, one
    /// unless set).
    Global,
    Own(Arc<Executor<'static>>),
}

/// What a loop's state remembers, to make another handle of. Tasks hold the state, and an
/// executor holds its tasks; so only handles, and the application, hold the executor.
enum Kept {
    Global,
    Own(Weak<Executor<'static>>),
}

impl SmolLoop {
    /// A loop on the global executor.
    ///
    /// Each call makes a loop of its own, with its own error hook and its own end;
    /// clone one to have the same.
    pub fn new() -> Self {
        Self::with(Where::Global)
    }

    /// A loop on an executor that the application owns. It runs while the
    /// application runs the executor, or some thread is inside
    /// [`run`](polyloop_core::MainLoop::run).
    ///
    /// Once neither the application nor a handle of the loop has the executor, it goes, and
    /// the tasks on it with it: nobody could run them. A task that holds a handle itself
    /// keeps it, in a circle that nobody sees; `run(async {})` ends it, since a run ends all
    /// tasks.
    pub fn from_executor(executor: Arc<Executor<'static>>) -> Self {
        Self::with(Where::Own(executor))
    }

    fn with(executor: Where) -> Self {
        let kept = match &executor {
            Where::Global => Kept::Global,
            Where::Own(executor) => Kept::Own(Arc::downgrade(executor)),
        };
        Self {
            state: LoopState::new("smol", kept),
            executor,
        }
    }
}

impl Default for SmolLoop {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for SmolLoop {
    type Started<T: Send + 'static> = Spawned<T>;
    type Timer = ReactorTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        let executor = match state.backend::<Kept>()? {
            Kept::Global => Where::Global,
            Kept::Own(executor) => Where::Own(executor.upgrade()?),
        };
        Some(Self {
            executor,
            state: state.clone(),
        })
    }

    fn start<F>(&self, future: F) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawned::new(match &self.executor {
            Where::Global => smol::spawn(future),
            Where::Own(executor) => executor.spawn(future),
        })
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        smol::unblock(work).detach();
    }

    fn timer(&self, deadline: Instant) -> ReactorTimer {
        ReactorTimer::at(deadline)
    }

    fn refuses_to_wait(&self) -> Option<String> {
        // What else runs on the global executor's threads would stand still with them, and
        // there may be one only. They are known by their names alone.
        let thread = std::thread::current();
        let is_executors = thread.name().is_some_and(|name| name.starts_with("smol-"));
        is_executors.then(|| {
            "this thread runs smol's global executor; await what you spawn on the loop, or use \
             `call_soon`"
                .to_owned()
        })
    }
}

impl MainBackend for SmolLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.executor {
            Where::Global => smol::block_on(future),
            Where::Own(executor) => smol::block_on(executor.run(future)),
        }
    }
}

impl Tcp for SmolLoop {
    type TcpStream = ReactorTcpStream;
    type TcpListener = ReactorTcpListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<ReactorTcpStream> {
        polyloop_async_io::connect_tcp(address, options).await
    }

    fn adopt_tcp(&self, socket: TcpListener) -> io::Result<ReactorTcpListener> {
        polyloop_async_io::adopt_tcp(socket)
    }

    fn adopt_stream(&self, socket: TcpStream) -> io::Result<ReactorTcpStream> {
        polyloop_async_io::adopt_stream(socket)
    }
}

impl Unix for SmolLoop {}

#[cfg(unix)]
impl Watch for SmolLoop {
    type Watcher<T: Source> = ReactorWatcher<T>;

    fn watcher<T: Source>(&self, source: T) -> io::Result<ReactorWatcher<T>> {
        polyloop_async_io::watcher(source)
    }
}

#[cfg(unix)]
impl Udp for SmolLoop {
    type UdpSocket = WatchedUdp<Self>;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<WatchedUdp<Self>, UdpError> {
        WatchedUdp::adopt(self, socket)
    }
}

impl fmt::Debug for SmolLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmolLoop")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
