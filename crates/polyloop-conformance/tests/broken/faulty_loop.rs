//! A loop that is broken in one way below core: its backend.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use polyloop_core::backend::{Backend, MainBackend, StartedTask, Timer};
use polyloop_core::{ListenOptions, LoopState, Tcp, TcpOptions};
use polyloop_smol::SmolLoop;

use crate::faulty_stream::{FaultyListener, FaultyStream};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    EarlyTimers,
    UnmovableTimers,
    ClockStepsBack,
    PollsInsideSpawn,
    BlocksTheCaller,
    LosesBlockingWork,
    LosesTasks,
    LosesValues,
    NeverFinished,
    AlwaysFinished,
    NoReset,
    NoHalfClose,
    TakesEverything,
    SwapsBytes,
    RepeatsBytes,
    LosesBytes,
    HidesResets,
    ResetsAtEof,
    ConfirmsEverything,
    HidesBreaks,
    LosesParts,
    NoDelayOff,
    IgnoresOptions,
    SwapsAddresses,
    HidesThePort,
    DropsConnections,
    MovesBusyPorts,
    IgnoresLocalAddress,
    WrongRefusal,
}

/// smol's loop with one fault, or with none.
#[derive(Clone)]
pub(crate) struct FaultyLoop {
    inner: SmolLoop,
    state: Arc<LoopState>,
    fault: Option<Fault>,
}

impl FaultyLoop {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        let begun = Instant::now() + Duration::from_secs(60);
        let readings = AtomicU64::new(0);
        let state = if fault == Some(Fault::ClockStepsBack) {
            LoopState::with_clock("faulty", (), move || {
                let back = Duration::from_micros(readings.fetch_add(1, Ordering::SeqCst));
                begun.checked_sub(back).unwrap_or(begun)
            })
        } else {
            LoopState::new("faulty", ())
        };
        Self {
            inner: SmolLoop::new(),
            state,
            fault,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

impl Backend for FaultyLoop {
    type Started<T: Send + 'static> = FaultyTask<T>;
    type Timer = FaultyTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn start<F>(&self, future: F) -> FaultyTask<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut future = Box::pin(future);
        let mut value = None;
        if self.has(Fault::PollsInsideSpawn)
            && let Poll::Ready(ready) = future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        {
            value = Some(ready);
        }
        let lost = self.has(Fault::LosesTasks);
        let running = self.inner.start(async move {
            match value {
                _ if lost => std::future::pending().await,
                Some(value) => value,
                None => future.await,
            }
        });
        FaultyTask {
            running,
            fault: self.fault,
        }
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        match self.fault {
            Some(Fault::BlocksTheCaller) => work(),
            Some(Fault::LosesBlockingWork) => drop(work),
            _ => self.inner.start_blocking(work),
        }
    }

    fn timer(&self, deadline: Instant) -> FaultyTimer {
        let early = if self.has(Fault::EarlyTimers) {
            Duration::from_millis(10)
        } else {
            Duration::ZERO
        };
        FaultyTimer {
            inner: self
                .inner
                .timer(deadline.checked_sub(early).unwrap_or(deadline)),
            movable: !self.has(Fault::UnmovableTimers),
        }
    }
}

impl MainBackend for FaultyLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.inner.block_on(future)
    }
}

impl Tcp for FaultyLoop {
    type TcpStream = FaultyStream<<SmolLoop as Tcp>::TcpStream>;
    type TcpListener = FaultyListener<<SmolLoop as Tcp>::TcpListener>;

    async fn connect_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<Self::TcpStream> {
        let mut options = options.clone();
        if self.has(Fault::NoDelayOff) {
            options.nodelay = false;
        }
        if self.has(Fault::IgnoresLocalAddress) {
            options.local_address = None;
        }
        match self.inner.connect_tcp(address, &options).await {
            Ok(stream) => Ok(FaultyStream::new(stream, self.fault)),
            Err(_) if self.has(Fault::WrongRefusal) => Err(io::ErrorKind::TimedOut.into()),
            Err(error) => Err(error),
        }
    }

    fn bind_tcp(
        &self,
        address: SocketAddr,
        options: &ListenOptions,
    ) -> io::Result<Self::TcpListener> {
        let listener = match self.inner.bind_tcp(address, options) {
            Err(_) if self.has(Fault::MovesBusyPorts) => {
                self.inner.bind_tcp((address.ip(), 0).into(), options)?
            }
            bound => bound?,
        };
        Ok(FaultyListener::new(listener, self.fault))
    }

    fn adopt_tcp(&self, socket: std::net::TcpListener) -> io::Result<Self::TcpListener> {
        let listener = self.inner.adopt_tcp(socket)?;
        Ok(FaultyListener::new(listener, self.fault))
    }
}

pub(crate) struct FaultyTask<T: Send + 'static> {
    running: <SmolLoop as Backend>::Started<T>,
    fault: Option<Fault>,
}

impl<T: Send + 'static> Future for FaultyTask<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let fault = self.fault;
        Pin::new(&mut self.running)
            .poll(cx)
            .map(|value| value.filter(|_| fault != Some(Fault::LosesValues)))
    }
}

impl<T: Send + 'static> StartedTask<T> for FaultyTask<T> {
    fn is_finished(&self) -> bool {
        match self.fault {
            Some(Fault::NeverFinished) => false,
            Some(Fault::AlwaysFinished) => true,
            _ => self.running.is_finished(),
        }
    }
}

pub(crate) struct FaultyTimer {
    inner: <SmolLoop as Backend>::Timer,
    movable: bool,
}

impl Future for FaultyTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

impl Timer for FaultyTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        if self.movable {
            Pin::new(&mut self.inner).reset(deadline);
        }
    }
}
