//! [`Throttle`]: so many bytes a second.

mod meter;

use std::fmt;
use std::io;
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use futures_io::{AsyncRead, AsyncWrite};

use crate::event_loop::calls::WakeUp;
use crate::event_loop::state::LoopState;
use crate::net::endpoint::Endpoint;
use crate::net::socket::BorrowedSocket;
use crate::net::{Layer, Loop, Stream};
use crate::promise::failure::Failure;
use crate::protocol::peer::Peer;
use crate::sync::primitive::Arc;
use meter::Meter;

/// So many bytes a second, as a [`Layer`] (POL-04, POL-05).
///
/// The rate is of all connections that it is put on together, clones included. One second's
/// worth may pass at once. When more has passed, all its connections rest until the rate is right again: what
/// is read, for as long as 25 bytes at 10 a second take beyond their first second, 1.5 s.
///
/// A rest is felt as any slow peer is: where nothing is read, the peer's system fills and it
/// has to wait; what is written is buffered, the protocol is told to
/// [pause](crate::Protocol::pause_writing), and its producers are. Nothing is lost, and a
/// protocol that writes on regardless buffers as much as it likes. Closing waits for what
/// was written, as ever, and has no rest of its own.
///
/// ```
/// use std::num::NonZero;
/// use polyloop_core::{ListenError, ListenOptions, Loop, ProtocolFactory, Server, Throttle};
///
/// async fn slow<L: Loop, F: ProtocolFactory>(lp: &L, factory: F) -> Result<Server<F::Protocol>, ListenError> {
///     let a_megabyte = NonZero::new(1_000_000).expect("not 0");
///     let options = ListenOptions::new().layer(Throttle::new().reads(a_megabyte).writes(a_megabyte));
///     lp.serve_with("127.0.0.1:0", options, factory).await
/// }
/// ```
#[derive(Clone, Default)]
pub struct Throttle {
    reads: Option<Arc<Meter>>,
    writes: Option<Arc<Meter>>,
}

impl Throttle {
    /// No limit yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads at most so many bytes a second.
    #[must_use]
    pub fn reads(mut self, bytes_per_second: NonZero<u64>) -> Self {
        self.reads = Some(Arc::new(Meter::new(bytes_per_second)));
        self
    }

    /// Writes at most so many bytes a second.
    #[must_use]
    pub fn writes(mut self, bytes_per_second: NonZero<u64>) -> Self {
        self.writes = Some(Arc::new(Meter::new(bytes_per_second)));
        self
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |meter: &Option<Arc<Meter>>| meter.as_ref().map(|meter| meter.rate());
        f.debug_struct("Throttle")
            .field("reads", &rate(&self.reads))
            .field("writes", &rate(&self.writes))
            .finish()
    }
}

impl<S: Stream> Layer<S> for Throttle {
    type Stream = ThrottledStream<S>;

    const WAITS: bool = false;

    async fn wrap<L: Loop>(
        &self,
        lp: &L,
        stream: S,
        peer: Peer,
        _: Option<&Endpoint>,
    ) -> Result<(ThrottledStream<S>, Peer), Failure> {
        let state = lp.state().clone();
        let side = |meter: &Option<Arc<Meter>>| {
            let meter = meter.clone()?;
            let lp = lp.clone();
            let wake_at: WakeAt = Box::new(move |due, waker| WakeUp::at(&lp, due, waker).ok());
            let (state, rest) = (state.clone(), None);
            Some(Box::new(Side {
                meter,
                state,
                wake_at,
                rest,
            }))
        };
        let (reads, writes) = (side(&self.reads), side(&self.writes));
        let stream = ThrottledStream {
            stream,
            reads,
            writes,
        };
        Ok((stream, peer))
    }
}

/// A stream below a [`Throttle`], which is otherwise the one below.
pub struct ThrottledStream<S> {
    stream: S,
    reads: Option<Box<Side>>,
    writes: Option<Box<Side>>,
}

/// Wakes a task at a moment; nobody does where the loop is closed.
type WakeAt = Box<dyn Fn(Instant, &Waker) -> Option<WakeUp> + Send + Sync>;

/// One direction of a connection.
struct Side {
    meter: Arc<Meter>,
    state: Arc<LoopState>,
    wake_at: WakeAt,
    rest: Option<(Instant, WakeUp, Waker)>,
}

impl Side {
    /// How many bytes may pass now.
    fn poll_room(&mut self, waker: &Waker, wanted: usize) -> Poll<usize> {
        let now = self.state.now();
        let Some(until) = self.meter.rests_until(now) else {
            self.rest = None;
            return Poll::Ready(self.meter.at_once(wanted));
        };
        let is_set = |(at, wake_up, known): &(Instant, WakeUp, Waker)| {
            *at <= until && wake_up.is_pending() && known.will_wake(waker)
        };
        if !self.rest.as_ref().is_some_and(is_set) {
            self.rest = None;
            self.rest = (self.wake_at)(until, waker).map(|wake_up| (until, wake_up, waker.clone()));
            if self.rest.is_none() {
                // A closed loop keeps no time any more, and ends its connections.
                return Poll::Ready(self.meter.at_once(wanted));
            }
        }
        Poll::Pending
    }

    fn passed(&self, bytes: usize) {
        self.meter.passed(self.state.now(), bytes);
    }
}

impl<S: Stream> Stream for ThrottledStream<S> {
    fn socket(&self) -> Option<BorrowedSocket<'_>> {
        self.stream.socket()
    }

    fn below(&self) -> Option<&dyn Stream> {
        Some(&self.stream)
    }

    /// It holds nothing back, and ends as the one below does.
    fn is_layered(&self) -> bool {
        self.stream.is_layered()
    }
}

impl<S: Stream> AsyncRead for ThrottledStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = Pin::new(&mut this.stream);
        let Some(side) = &mut this.reads else {
            return stream.poll_read(cx, buf);
        };
        let room = ready!(side.poll_room(cx.waker(), buf.len()));
        let read = ready!(stream.poll_read(cx, &mut buf[..room]));
        if let Ok(read) = read {
            side.passed(read);
        }
        Poll::Ready(read)
    }
}

impl<S: Stream> AsyncWrite for ThrottledStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = Pin::new(&mut this.stream);
        let Some(side) = &mut this.writes else {
            return stream.poll_write(cx, buf);
        };
        let room = ready!(side.poll_room(cx.waker(), buf.len()));
        let written = ready!(stream.poll_write(cx, &buf[..room]));
        if let Ok(written) = written {
            side.passed(written);
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}

impl<S> fmt::Debug for ThrottledStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottledStream").finish_non_exhaustive()
    }
}
