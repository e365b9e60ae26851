//! A loop that is broken in one way below core: its backend.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use polyloop_core::backend::{Backend, MainBackend, StartedTask, Timer};
use polyloop_core::{
    ListenOptions, Listener as _, LoopState, Query, Tcp, TcpOptions, Unix, context,
};
use polyloop_smol::SmolLoop;

use crate::faulty_stream::{FaultyListener, FaultyStream};
use crate::few_threads;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    EarlyTimers,
    UnmovableTimers,
    ClockStepsBack,
    PollsInsideSpawn,
    PollsUnwoken,
    RudeWhenDropped,
    HidesThatNobodyRuns,
    BlocksTheCaller,
    LooksUpOnFewThreads,
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
    CancelsDroppedTasks,
    PanicsForNone,
    SpinsInRun,
    StaysReady,
    ForgetsWhoWaits,
    OneBlockingThread,
    LooksUpAtOnce,
    BlockingSockets,
    SpinningReads,
    HastyConnects,
    LeavesDescriptors,
    LeavesThreads,
    ForgetsItsState,
    FindsAnother,
    SpinningWatches,
    MixesDirections,
    OneWaiter,
    WatchesOnlyInside,
    HidesReasons,
    WatchesForEver,
    LosesEmptyDatagrams,
    CutsDatagrams,
    SendsCutDatagrams,
    SendsToAnybody,
    HidesRefusals,
    HidesRoom,
    QueuesDatagrams,
    BroadcastsAlways,
    MixesUpSources,
    /// Not a fault: how bytes are cut says nothing.
    SingleBytes,
}

/// smol's loop with one fault, or with none.
#[derive(Clone)]
pub(crate) struct FaultyLoop {
    inner: SmolLoop,
    state: Arc<LoopState>,
    fault: Option<Fault>,
    /// For the fault that there is only one.
    blocking: Arc<Mutex<()>>,
    _rude: Option<Arc<Rude>>,
}

/// What the state remembers, to make another handle of.
struct Kept {
    inner: SmolLoop,
    fault: Option<Fault>,
    blocking: Arc<Mutex<()>>,
}

/// A runtime that panics when it is dropped where a loop runs code.
struct Rude;

impl Drop for Rude {
    fn drop(&mut self) {
        let unwinding = std::thread::panicking();
        assert!(unwinding || !context::is_entered(), "dropped inside a loop");
    }
}

impl FaultyLoop {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        let inner = if fault == Some(Fault::HidesThatNobodyRuns) {
            SmolLoop::from_executor(Arc::default())
        } else {
            SmolLoop::new()
        };
        let blocking = Arc::default();
        let kept = Kept {
            inner: inner.clone(),
            fault,
            blocking: Arc::clone(&blocking),
        };
        let begun = Instant::now() + Duration::from_secs(60);
        let readings = AtomicU64::new(0);
        let state = if fault == Some(Fault::ClockStepsBack) {
            LoopState::with_clock("faulty", kept, move || {
                let back = Duration::from_micros(readings.fetch_add(1, Ordering::SeqCst));
                begun.checked_sub(back).unwrap_or(begun)
            })
        } else {
            LoopState::new("faulty", kept)
        };
        match fault {
            // Nobody ever closes it.
            Some(Fault::LeavesDescriptors) => {
                std::mem::forget(TcpListener::bind("127.0.0.1:0").unwrap());
            }
            Some(Fault::LeavesThreads) => drop(thread::spawn(|| {
                loop {
                    thread::park();
                }
            })),
            _ => {}
        }
        Self {
            inner,
            state,
            fault,
            blocking,
            _rude: (fault == Some(Fault::RudeWhenDropped)).then(|| Arc::new(Rude)),
        }
    }

    #[cfg(unix)]
    pub(crate) fn inner(&self) -> &SmolLoop {
        &self.inner
    }

    #[cfg(unix)]
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

impl Backend for FaultyLoop {
    type Started<T: Send + 'static> = FaultyTask<T>;
    type Timer = FaultyTimer;

    fn state(&self) -> &Arc<LoopState> {
        &self.state
    }

    fn from_state(state: &Arc<LoopState>) -> Option<Self> {
        let kept = state.backend::<Kept>()?;
        match kept.fault {
            Some(Fault::ForgetsItsState) => None,
            Some(Fault::FindsAnother) => Some(Self::new(None)),
            fault => Some(Self {
                inner: kept.inner.clone(),
                state: state.clone(),
                fault,
                blocking: kept.blocking.clone(),
                _rude: None,
            }),
        }
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
        let (cancel, cancelled) = futures_channel::oneshot::channel::<()>();
        let cancels = self.has(Fault::CancelsDroppedTasks);
        let restless = self.has(Fault::PollsUnwoken);
        let future = poll_fn(move |cx| {
            if restless {
                cx.waker().wake_by_ref();
            }
            future.as_mut().poll(cx)
        });
        let running = self.inner.start(async move {
            match value {
                _ if lost => std::future::pending().await,
                Some(value) => value,
                // A second look at it would be a turn that nobody asked for.
                None if !cancels => future.await,
                None => match select(future, cancelled).await {
                    Either::Left((value, _)) => value,
                    // Whoever has the handle keeps the sender; one that was never given
                    // out cancels nothing.
                    Either::Right((Ok(()), _)) => std::future::pending().await,
                    Either::Right((Err(_), future)) => future.await,
                },
            }
        });
        FaultyTask {
            running,
            fault: self.fault,
            state: Arc::downgrade(&self.state),
            cancels: cancels.then_some(cancel),
        }
    }

    fn start_blocking<F>(&self, work: F)
    where
        F: FnOnce() + Send + 'static,
    {
        match self.fault {
            Some(Fault::BlocksTheCaller) => work(),
            Some(Fault::LosesBlockingWork) => drop(work),
            Some(Fault::OneBlockingThread) => {
                let alone = self.blocking.clone();
                self.inner.start_blocking(move || {
                    let _alone = alone.lock();
                    work();
                });
            }
            Some(Fault::LooksUpOnFewThreads) => few_threads::run(Box::new(work)),
            _ => self.inner.start_blocking(work),
        }
    }

    fn refuses_to_wait(&self) -> Option<String> {
        self.inner.refuses_to_wait()
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
            fault: self.fault,
            was_ready: false,
        }
    }

    async fn lookup(&self, query: Query) -> io::Result<Vec<SocketAddr>> {
        match self.fault {
            Some(Fault::LooksUpAtOnce) => Ok((query.host(), 0).to_socket_addrs()?.collect()),
            Some(Fault::LooksUpOnFewThreads) => few_threads::look_up(query).await,
            _ => self.inner.lookup(query).await,
        }
    }
}

impl MainBackend for FaultyLoop {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        if !self.has(Fault::SpinsInRun) {
            return self.inner.block_on(future);
        }
        let mut future = pin!(future);
        self.inner.block_on(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            future.as_mut().poll(cx)
        }))
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
        if self.has(Fault::HastyConnects) {
            let connect = pin!(self.inner.connect_tcp(address, &options));
            let soon = self.inner.timer(Instant::now() + Duration::from_millis(50));
            // A socket that is not connected, in place of the one that will be.
            if let Either::Right(_) = select(connect, soon).await {
                let other = self
                    .inner
                    .bind_tcp((Ipv4Addr::LOCALHOST, 0).into(), &ListenOptions::new())?;
                let stream = self
                    .inner
                    .connect_tcp(other.local_addr()?.as_ip().unwrap(), &options)
                    .await?;
                return Ok(FaultyStream::new(stream, self.fault));
            }
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

    fn adopt_stream(&self, socket: std::net::TcpStream) -> io::Result<Self::TcpStream> {
        let stream = self.inner.adopt_stream(socket)?;
        Ok(FaultyStream::new(stream, self.fault))
    }
}

impl Unix for FaultyLoop {}

pub(crate) struct FaultyTask<T: Send + 'static> {
    running: <SmolLoop as Backend>::Started<T>,
    fault: Option<Fault>,
    cancels: Option<futures_channel::oneshot::Sender<()>>,
    state: Weak<LoopState>,
}

impl<T: Send + 'static> Drop for FaultyTask<T> {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancels.take() {
            let _ = cancel.send(());
        }
    }
}

impl<T: Send + 'static> Future for FaultyTask<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let fault = self.fault;
        assert!(
            fault != Some(Fault::PanicsForNone) || self.state.strong_count() > 0,
            "the runtime is gone"
        );
        Pin::new(&mut self.running)
            .poll(cx)
            .map(|value| match fault {
                Some(Fault::LosesValues) => None,
                _ => value,
            })
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
    fault: Option<Fault>,
    was_ready: bool,
}

impl Future for FaultyTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.was_ready && self.fault == Some(Fault::StaysReady) {
            return Poll::Ready(());
        }
        let polled = Pin::new(&mut self.inner).poll(cx);
        self.was_ready = polled.is_ready();
        polled
    }
}

impl Timer for FaultyTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        if self.fault == Some(Fault::ForgetsWhoWaits) {
            self.inner = SmolLoop::new().timer(deadline);
        } else if self.movable {
            Pin::new(&mut self.inner).reset(deadline);
        }
    }
}
