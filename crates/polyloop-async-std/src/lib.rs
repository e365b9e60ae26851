//! [`AsyncStdLoop`]: polyloop on async-std, for programs that have not moved to
//! smol yet.
//!
//! async-std is discontinued (RUSTSEC-2025-0052) and names smol as its successor.
//! The two share a reactor, so moving is one word: `features = ["smol"]` instead of
//! `features = ["async-std"]`, or `SmolLoop` instead of `AsyncStdLoop`.
//!
//! ```
//! use polyloop_async_std::AsyncStdLoop;
//! use polyloop_core::{MainLoop, Timers};
//! use std::time::Duration;
//!
//! let lp = AsyncStdLoop::new();
//! let answer = lp.run(async {
//!     lp.sleep(Duration::from_millis(1)).await;
//!     42
//! })?;
//! assert_eq!(answer, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod spawn;

use std::future::Future;
use std::io;
#[cfg(unix)]
use std::net::UdpSocket;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
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

pub use spawn::Spawned;

/// A loop on async-std's global executor.
#[derive(Clone, Debug)]
pub struct AsyncStdLoop {
    state: Arc<LoopState>,
}

/// Marks the state as this backend's: the executor is global, so there is nothing
/// to keep.
struct Global;

impl AsyncStdLoop {
    /// A loop on the global executor.
    ///
    /// Each call makes a loop of its own, with its own error hook and its own end;
    /// clone one to have the same.
    pub fn new() -> Self {
        Self {
            state: LoopState::new("async-std", Global),
        }
    }
}

impl Default for AsyncStdLoop {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for AsyncStdLoop {
    type Started<T: Send + 'static> = Spawned<T>;
    type Timer = ReactorTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        state.backend::<Global>()?;
        Some(Self {
            state: state.clone(),
        })
    }

    fn start<F>(&self, future: F) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Spawned::new(async_std::task::spawn(future))
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        drop(async_std::task::spawn_blocking(work));
    }

    fn timer(&self, deadline: Instant) -> ReactorTimer {
        ReactorTimer::at(deadline)
    }

    fn refuses_to_wait(&self) -> Option<String> {
        async_std::task::try_current().map(|_| {
            "this thread runs a task of async-std's; await what you spawn on the loop, or use \
             `call_soon`"
                .to_owned()
        })
    }
}

impl MainBackend for AsyncStdLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        async_std::task::block_on(future)
    }
}

impl Tcp for AsyncStdLoop {
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

impl Unix for AsyncStdLoop {}

#[cfg(unix)]
impl Watch for AsyncStdLoop {
    type Watcher<T: Source> = ReactorWatcher<T>;

    fn watcher<T: Source>(&self, source: T) -> io::Result<ReactorWatcher<T>> {
        polyloop_async_io::watcher(source)
    }
}

#[cfg(unix)]
impl Udp for AsyncStdLoop {
    type UdpSocket = WatchedUdp<Self>;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<WatchedUdp<Self>, UdpError> {
        WatchedUdp::adopt(self, socket)
    }
}
