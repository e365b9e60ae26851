//! A loop whose tasks are metered and weighed, and which is otherwise the one inside.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use polyloop_core::backend::{Backend, MainBackend};
use polyloop_core::{
    ListenOptions, LoopState, MainLoop, Query, Tcp, TcpOptions, Udp, UdpError, UdpOptions, Unix,
};

use crate::meter::Metered;

/// The bytes of the last future that was started: what a runtime keeps for a task, beside
/// its own books.
static LAST_STARTED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn bytes_of_last_started() -> usize {
    LAST_STARTED.load(Ordering::SeqCst)
}

#[derive(Clone)]
pub(crate) struct MeteredLoop<L>(pub(crate) L);

impl<L: MainLoop> Backend for MeteredLoop<L> {
    type Started<T: Send + 'static> = L::Started<T>;
    type Timer = L::Timer;

    fn state(&self) -> &Arc<LoopState> {
        self.0.state()
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        L::from_state(state).map(Self)
    }

    fn start<F>(&self, future: F) -> Self::Started<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        LAST_STARTED.store(size_of::<F>(), Ordering::SeqCst);
        self.0.start(Metered::new(future))
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        self.0.start_blocking(work);
    }

    fn wait_on_thread<F: Future>(&self, future: F) -> F::Output {
        self.0.wait_on_thread(future)
    }

    fn random_seed(&self) -> u64 {
        self.0.random_seed()
    }

    fn timer(&self, deadline: Instant) -> Self::Timer {
        self.0.timer(deadline)
    }

    fn system_time(&self) -> SystemTime {
        self.0.system_time()
    }

    async fn lookup(&self, query: Query) -> io::Result<Vec<SocketAddr>> {
        self.0.lookup(query).await
    }
}

impl<L: MainLoop + MainBackend> MainBackend for MeteredLoop<L> {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

impl<L: MainLoop> Tcp for MeteredLoop<L> {
    type TcpStream = L::TcpStream;
    type TcpListener = L::TcpListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<Self::TcpStream> {
        self.0.connect_tcp(address, options).await
    }

    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
    ) -> io::Result<Self::TcpListener> {
        self.0.bind_tcp(address, options)
    }

    fn adopt_tcp(&self, socket: TcpListener) -> io::Result<Self::TcpListener> {
        self.0.adopt_tcp(socket)
    }

    fn adopt_stream(&self, socket: TcpStream) -> io::Result<Self::TcpStream> {
        self.0.adopt_stream(socket)
    }
}

impl<L: MainLoop> Unix for MeteredLoop<L> {}

impl<L: MainLoop + Udp> Udp for MeteredLoop<L> {
    type UdpSocket = L::UdpSocket;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<L::UdpSocket, UdpError> {
        self.0.adopt_udp(socket)
    }

    fn bind_udp(
        &self,
        address: SocketAddr,
        options: &UdpOptions,
    ) -> Result<L::UdpSocket, UdpError> {
        self.0.bind_udp(address, options)
    }
}
