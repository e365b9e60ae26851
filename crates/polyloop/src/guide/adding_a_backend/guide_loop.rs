//! A backend that is not one of ours, written against the public API alone.
//!
//! It runs tasks on an `async-executor` in one thread of its own, waits with
//! `async-io`, and blocks on threads of the standard library. Two traits say how
//! work is started ([`Backend`], [`MainBackend`]), one how the network is reached
//! ([`Tcp`]), one how descriptors are waited for ([`Watch`]), from which [`Udp`] comes in one
//! line; everything else a user sees follows.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_executor::{Executor, FallibleTask};
use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use polyloop_core::backend::{Backend, MainBackend, StartedTask, Timer};
use polyloop_core::net::socket::{self, BorrowedSocket, OwnedSocket};
use polyloop_core::os::{Interest, Source, Watch, Watcher};
use polyloop_core::{
    Address, Listener, LoopState, Stream, Tcp, TcpOptions, Udp, UdpError, Unix, WatchedUdp,
};

/// Step 1: The loop: a cheap handle that holds the [`LoopState`] and the runtime.
#[derive(Clone, Debug)]
pub struct GuideLoop {
    state: Arc<LoopState>,
    executor: Arc<Executor<'static>>,
}

/// Step 2: What the state keeps: whatever another handle is made of, and what lives as
/// long as the loop does. Core drops it last, which here ends the thread.
struct Shared {
    executor: Arc<Executor<'static>>,
    _stop: async_channel::Sender<()>,
}

impl GuideLoop {
    /// A loop with a thread of its own.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn new() -> Self {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let own = executor.clone();
        std::thread::Builder::new()
            .name("guide-loop".to_owned())
            .spawn(move || async_io::block_on(own.run(stopped.recv())))
            .expect("a thread");
        let shared = Shared {
            executor: executor.clone(),
            _stop: stop,
        };
        Self {
            state: LoopState::new("guide", shared),
            executor,
        }
    }
}

impl Default for GuideLoop {
    fn default() -> Self {
        Self::new()
    }
}

/// Step 3: Starting work. No method may panic for lack of an ambient runtime.
impl Backend for GuideLoop {
    type Started<T: Send + 'static> = Started<T>;
    type Timer = GuideTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        Some(Self {
            executor: state.backend::<Shared>()?.executor.clone(),
            state: state.clone(),
        })
    }

    fn start<F>(&self, future: F) -> Started<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Started(Some(self.executor.spawn(future).fallible()))
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        std::thread::spawn(work);
    }

    fn timer(&self, deadline: Instant) -> GuideTimer {
        GuideTimer(async_io::Timer::at(deadline))
    }

    fn refuses_to_wait(&self) -> Option<String> {
        // The one thread that drives the loop by itself would stand still.
        let is_own = std::thread::current().name() == Some("guide-loop");
        is_own.then(|| {
            "this thread drives the guide's loop; await what you spawn on it, or use `call_soon`"
                .to_owned()
        })
    }
}

/// Step 4: Running: the calling thread helps until its future is done.
impl MainBackend for GuideLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        async_io::block_on(self.executor.run(future))
    }
}

/// Step 5: A started future: ready with `None` if the runtime dropped it, detached when
/// its handle is dropped.
#[derive(Debug)]
pub struct Started<T>(Option<FallibleTask<T>>);

impl<T: Send> Future for Started<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(cx),
            None => Poll::Ready(None),
        }
    }
}

impl<T: Send> StartedTask<T> for Started<T> {
    fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(FallibleTask::is_finished)
    }
}

impl<T> Drop for Started<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

/// Step 6: A timer: never early, and movable.
#[derive(Debug)]
pub struct GuideTimer(async_io::Timer);

impl Future for GuideTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

impl Timer for GuideTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.set_at(deadline);
    }
}

/// Step 7: The network. Core makes and configures the sockets; a backend wraps them.
impl Tcp for GuideLoop {
    type TcpStream = GuideStream;
    type TcpListener = GuideListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<GuideStream> {
        let stream = Async::new_nonblocking(socket::start_connect(address, options)?)?;
        stream.writable().await?;
        socket::finish_connect(stream.get_ref())?;
        Ok(GuideStream(stream))
    }

    fn adopt_tcp(&self, socket: TcpListener) -> io::Result<GuideListener> {
        Async::new_nonblocking(socket).map(GuideListener)
    }

    fn adopt_stream(&self, socket: TcpStream) -> io::Result<GuideStream> {
        Async::new_nonblocking(socket).map(GuideStream)
    }
}

/// UNIX sockets, too: they are wrapped likewise.
impl Unix for GuideLoop {}

/// Step 8: A stream speaks `futures_io`; closing it ends the sending side.
#[derive(Debug)]
pub struct GuideStream(Async<TcpStream>);

impl Stream for GuideStream {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        Some(socket::borrow(self.0.get_ref()))
    }

    fn into_socket(self) -> io::Result<OwnedSocket> {
        self.0.into_inner().map(OwnedSocket::from)
    }
}

impl AsyncRead for GuideStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for GuideStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket::end_output(self.0.get_ref()))
    }
}

/// Step 9: A listener is polled for readiness, never with a fresh future per poll.
#[derive(Debug)]
pub struct GuideListener(Async<TcpListener>);

impl Listener for GuideListener {
    type Stream = GuideStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(GuideStream, Address)>> {
        loop {
            match socket::accept(self.0.get_ref()) {
                Ok((stream, peer)) => {
                    return Poll::Ready(Ok((GuideStream(Async::new(stream)?), peer)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.0.poll_readable(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        socket::local_addr(self.0.get_ref())
    }
}

/// Step 10: Anything with a descriptor. A loop without this is a loop, too; one that has it
/// has all that core builds on descriptors.
impl Watch for GuideLoop {
    type Watcher<T: Source> = GuideWatcher<T>;

    fn watcher<T: Source>(&self, source: T) -> io::Result<GuideWatcher<T>> {
        Async::new_nonblocking(source).map(GuideWatcher)
    }
}

/// Step 11: Polls are woken by the next event, and by none of the past; futures wait each
/// for themselves.
#[derive(Debug)]
pub struct GuideWatcher<T>(Async<T>);

impl<T: Source> Watcher<T> for GuideWatcher<T> {
    fn source(&self) -> &T {
        self.0.get_ref()
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            match operation(self.source()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            ready!(match interest {
                Interest::Readable => self.0.poll_readable(cx),
                Interest::Writable => self.0.poll_writable(cx),
            })?;
        }
    }

    async fn io<R: Send>(
        &self,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> io::Result<R> {
        match interest {
            Interest::Readable => self.0.read_with(operation).await,
            Interest::Writable => self.0.write_with(operation).await,
        }
    }

    fn into_source(self) -> io::Result<T> {
        self.0.into_inner()
    }
}

/// Step 12: Datagrams, which core has on anything that watches.
impl Udp for GuideLoop {
    type UdpSocket = WatchedUdp<Self>;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<WatchedUdp<Self>, UdpError> {
        WatchedUdp::adopt(self, socket)
    }
}
