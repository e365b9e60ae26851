//! [`Starving`]: a loop whose listeners can't accept, until they are fed, or for some
//! times.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use polyloop_core::backend::Backend;
use polyloop_core::{Address, ListenOptions, Listener, Loop, LoopState, Tcp, TcpOptions, Unix};

/// A loop that fails, for lack of descriptors or another reason, when it is to accept.
#[derive(Clone, Debug)]
pub struct Starving<L> {
    inner: L,
    hunger: Arc<Hunger>,
}

#[derive(Debug)]
struct Hunger {
    code: Option<i32>,
    kind: io::ErrorKind,
    /// How many accepts fail.
    lasts: usize,
    fed: AtomicBool,
    refusals: AtomicUsize,
}

impl<L: Loop> Starving<L> {
    /// Fails every accept of `inner` with `error`.
    pub fn new(inner: &L, error: io::Error) -> Self {
        Self::for_a_while(inner, error, usize::MAX)
    }

    /// Fails the first `lasts` accepts of `inner` with `error`.
    pub fn for_a_while(inner: &L, error: io::Error, lasts: usize) -> Self {
        let hunger = Hunger {
            code: error.raw_os_error(),
            kind: error.kind(),
            lasts,
            fed: AtomicBool::new(false),
            refusals: AtomicUsize::new(0),
        };
        Self {
            inner: inner.clone(),
            hunger: Arc::new(hunger),
        }
    }

    /// From now on accepts go through.
    pub fn feed(&self) {
        self.hunger.fed.store(true, Ordering::SeqCst);
    }

    /// How many accepts have failed.
    pub fn refusals(&self) -> usize {
        self.hunger.refusals.load(Ordering::SeqCst)
    }
}

impl<L: Loop> Backend for Starving<L> {
    type Started<T: Send + 'static> = L::Started<T>;
    type Timer = L::Timer;

    fn state(&self) -> &Arc<LoopState> {
        self.inner.state()
    }

    /// How hungry it is does not stand in the state.
    fn from_state(_: &Arc<LoopState>) -> Option<Self> {
        None
    }

    fn start<F>(&self, future: F) -> Self::Started<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.inner.start(future)
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.inner.start_blocking(work);
    }

    fn timer(&self, deadline: Instant) -> L::Timer {
        self.inner.timer(deadline)
    }
}

impl<L: Loop> Tcp for Starving<L> {
    type TcpStream = L::TcpStream;
    type TcpListener = StarvingListener<L::TcpListener>;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<L::TcpStream> {
        self.inner.connect_tcp(address, options).await
    }

    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
    ) -> io::Result<Self::TcpListener> {
        Ok(StarvingListener {
            inner: self.inner.bind_tcp(address, options)?,
            hunger: self.hunger.clone(),
        })
    }

    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<Self::TcpListener> {
        Ok(StarvingListener {
            inner: self.inner.adopt_tcp(socket)?,
            hunger: self.hunger.clone(),
        })
    }

    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<L::TcpStream> {
        self.inner.adopt_stream(socket)
    }
}

impl<L: Loop> Unix for Starving<L> {}

/// A listener of [`Starving`].
#[derive(Debug)]
pub struct StarvingListener<T> {
    inner: T,
    hunger: Arc<Hunger>,
}

impl<T: Listener> Listener for StarvingListener<T> {
    type Stream = T::Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(T::Stream, Address)>> {
        let refused = self.hunger.refusals.load(Ordering::SeqCst);
        if self.hunger.fed.load(Ordering::SeqCst) || refused == self.hunger.lasts {
            return self.inner.poll_accept(cx);
        }
        self.hunger.refusals.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Err(match self.hunger.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => self.hunger.kind.into(),
        }))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.inner.local_addr()
    }
}
