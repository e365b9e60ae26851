//! A loop that there never is.
//!
//! It lets [`AnyLoop`](super::AnyLoop) and the enums beside it stand when no loop is
//! compiled in: a type without values that is a backend all the same, so that every
//! arm of every `match` reads alike. The compiler drops its arms.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::backend::{Backend, MainBackend, StartedTask, Timer};
use polyloop_core::net::socket::BorrowedSocket;
#[cfg(unix)]
use polyloop_core::os::{Interest, Source, Watch, Watcher};
use polyloop_core::{Address, Listener, LoopState, Stream, Tcp, TcpOptions, Unix};

/// The loop, and its timers, streams and listeners.
#[derive(Clone, Debug)]
pub struct Absent(Infallible);

/// A future that it has started.
#[derive(Debug)]
pub struct AbsentTask<T>(Infallible, PhantomData<fn() -> T>);

impl Absent {
    /// Whatever is wanted of it.
    #[cfg(unix)]
    pub(super) fn never<T>(&self) -> T {
        match self.0 {}
    }
}

impl Backend for Absent {
    type Started<T: Send + 'static> = AbsentTask<T>;
    type Timer = Self;

    fn state(&self) -> &Arc<LoopState> {
        match self.0 {}
    }

    fn from_state(_: &Arc<LoopState>) -> Option<Self> {
        None
    }

    fn start<F>(&self, _: F) -> AbsentTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self.0 {}
    }

    fn start_blocking<F>(&self, _: F)
    where
        F: FnOnce() + Send + 'static,
    {
        match self.0 {}
    }

    fn timer(&self, _: Instant) -> Self {
        match self.0 {}
    }
}

impl MainBackend for Absent {
    fn block_on<F: Future>(&self, _: F) -> F::Output {
        match self.0 {}
    }
}

impl<T> Future for AbsentTask<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        match self.0 {}
    }
}

impl<T> StartedTask<T> for AbsentTask<T> {
    fn is_finished(&self) -> bool {
        match self.0 {}
    }
}

impl Future for Absent {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.0 {}
    }
}

impl Timer for Absent {
    fn reset(self: Pin<&mut Self>, _: Instant) {
        match self.0 {}
    }
}

impl Tcp for Absent {
    type TcpStream = Self;
    type TcpListener = Self;

    async fn connect_tcp(&self, _: SocketAddr, _: &TcpOptions) -> io::Result<Self> {
        match self.0 {}
    }

    fn adopt_tcp(&self, _: std::net::TcpListener) -> io::Result<Self> {
        match self.0 {}
    }

    fn adopt_stream(&self, _: std::net::TcpStream) -> io::Result<Self> {
        match self.0 {}
    }
}

impl Unix for Absent {}

impl Listener for Absent {
    type Stream = Self;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Self, Address)>> {
        match self.0 {}
    }

    fn local_addr(&self) -> io::Result<Address> {
        match self.0 {}
    }
}

impl Stream for Absent {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        match self.0 {}
    }
}

impl AsyncRead for Absent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.0 {}
    }
}

impl AsyncWrite for Absent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

/// A source that it waits for.
#[cfg(unix)]
#[derive(Debug)]
pub struct AbsentWatcher<T>(Absent, PhantomData<fn() -> T>);

#[cfg(unix)]
impl Watch for Absent {
    type Watcher<T: Source> = AbsentWatcher<T>;

    fn watcher<T: Source>(&self, _: T) -> io::Result<AbsentWatcher<T>> {
        self.never()
    }
}

#[cfg(unix)]
impl<T: Source> Watcher<T> for AbsentWatcher<T> {
    fn source(&self) -> &T {
        self.0.never()
    }

    fn poll_io<R>(
        &self,
        _: &mut Context<'_>,
        _: Interest,
        _: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.0.never()
    }

    async fn io<R: Send>(
        &self,
        _: Interest,
        _: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> io::Result<R> {
        self.0.never()
    }

    fn into_source(self) -> io::Result<T> {
        self.0.never()
    }
}
