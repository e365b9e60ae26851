//! [`Scripted`]: a loop whose name resolution and connection attempts go as a check
//! says, so that no check depends on a network.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use polyloop_core::backend::Backend;
use polyloop_core::{ListenOptions, Loop, LoopState, Query, Tcp, TcpOptions, Unix};

use super::Flag;

/// What becomes of an attempt to connect to one address.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// The loop below tries it.
    Real,
    /// It never ends.
    Hangs,
    /// It fails at once.
    Fails(io::ErrorKind),
    /// It connects to itself, as one does whose system happens to give it the very port
    /// that it connects to; so many attempts, and those behind them are real.
    Itself(usize),
}

/// A loop that resolves every name to given addresses, each with a [`Fate`].
#[derive(Clone)]
pub struct Scripted<L> {
    inner: L,
    addresses: Arc<Vec<(SocketAddr, Fate)>>,
    /// How many names were looked up.
    pub lookups: Flag,
    /// The attempts, in order.
    pub attempts: Arc<Mutex<Vec<SocketAddr>>>,
    /// How many attempts that hung were given up.
    pub given_up: Flag,
    /// How many sockets were bound to listen on IPv4.
    pub binds: Flag,
    taken: usize,
}

impl<L: Loop> Scripted<L> {
    /// Puts the script before `inner`.
    pub fn new(inner: &L, addresses: &[(SocketAddr, Fate)]) -> Self {
        Self {
            inner: inner.clone(),
            addresses: Arc::new(addresses.to_vec()),
            lookups: Flag::new(),
            attempts: Arc::default(),
            given_up: Flag::new(),
            binds: Flag::new(),
            taken: 0,
        }
    }

    /// Somebody else has the port each of the first `count` times that one of IPv4 is to
    /// be listened on.
    pub fn taken(mut self, count: usize) -> Self {
        self.taken = count;
        self
    }

    /// The attempts, in order.
    pub fn attempted(&self) -> Vec<SocketAddr> {
        self.attempts
            .lock()
            .map(|attempts| attempts.clone())
            .unwrap_or_default()
    }
}

impl<L: Loop> Backend for Scripted<L> {
    type Started<T: Send + 'static> = L::Started<T>;
    type Timer = L::Timer;

    fn state(&self) -> &Arc<LoopState> {
        self.inner.state()
    }

    /// The script is not written down in the state.
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

    fn timer(&self, deadline: Instant) -> Self::Timer {
        self.inner.timer(deadline)
    }

    async fn lookup(&self, _: Query) -> io::Result<Vec<SocketAddr>> {
        self.lookups.set();
        Ok(self.addresses.iter().map(|(address, _)| *address).collect())
    }
}

impl<L: Loop> Tcp for Scripted<L> {
    type TcpStream = L::TcpStream;
    type TcpListener = L::TcpListener;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<L::TcpStream> {
        let before = self.attempts.lock().map_or(0, |mut attempts| {
            attempts.push(address);
            attempts.len() - 1
        });
        let known = self.addresses.iter().find(|(known, _)| *known == address);
        match known.map_or(Fate::Real, |(_, fate)| *fate) {
            Fate::Fails(kind) => Err(kind.into()),
            Fate::Itself(count) if before < count => {
                let from_itself = options.clone().local_address(Some(address));
                self.inner.connect_tcp(address, &from_itself).await
            }
            Fate::Real | Fate::Itself(_) => self.inner.connect_tcp(address, options).await,
            Fate::Hangs => {
                let _guard = self.given_up.on_drop();
                pending().await
            }
        }
    }

    fn bind_tcp(&self, address: SocketAddr, options: &ListenOptions) -> io::Result<L::TcpListener> {
        if address.is_ipv4() {
            self.binds.set();
            if self.binds.count() <= self.taken {
                return Err(io::ErrorKind::AddrInUse.into());
            }
        }
        self.inner.bind_tcp(address, options)
    }

    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<L::TcpListener> {
        self.inner.adopt_tcp(socket)
    }

    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<L::TcpStream> {
        self.inner.adopt_stream(socket)
    }
}

impl<L: Loop> Unix for Scripted<L> {}

impl<L> std::fmt::Debug for Scripted<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}
