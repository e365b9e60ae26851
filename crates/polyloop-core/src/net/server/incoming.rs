//! [`Incoming`]: accepted streams, for whoever takes them: a server's own task, or code
//! that has no protocols.

use std::any::type_name;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::handshakes::Handshakes;
use super::registry::Registry;
use crate::event_loop::calls::{WakeUp, after};
use crate::net::socket::{ACCEPTED_INHERIT, configure_accepted};
use crate::net::unix::file::OwnFile;
use crate::net::{Layer, ListenOptions, Listener, Loop, Stream, TcpOptions};
use crate::promise::failure::{Failure, catch};
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::sync::primitive::Arc;

/// Accepts before other tasks get their turn.
const ACCEPTS_PER_TURN: usize = 32;

/// How long nothing is accepted after the descriptors have run out (SERV-10).
const REST: Duration = Duration::from_secs(1);

/// Accepted streams, one after the other: what [`Loop::accept`](crate::Loop::accept) gives.
/// It is a `futures` stream, too.
///
/// It rests where the system can't accept, goes on by itself, and passes over connections
/// that were gone before they were accepted, as a [`Server`](crate::Server) does, which is
/// made of one. Where its options have a [layer](crate::ListenOptions::layer), connections
/// come in the order in which the layer has done with them.
///
/// Dropping it closes the listening sockets and what its layer is at; streams that it has
/// given go on.
///
/// ```
/// use futures_util::AsyncWriteExt as _;
/// use polyloop_core::{Failure, Loop, Promise as _, Spawner as _};
///
/// async fn greet<L: Loop>(lp: &L) -> Result<(), Failure> {
///     let mut incoming = lp.accept("127.0.0.1:0").await?;
///     println!("on {}", incoming.local_addr());
///     while let Some((mut stream, peer)) = incoming.next().await {
///         lp.spawn(async move {
///             stream.write_all(format!("hello, {}\n", peer.address()).as_bytes()).await?;
///             stream.close().await
///         }).detach();
///     }
///     Ok(())
/// }
/// ```
#[must_use = "nobody is accepted unless it is polled, and dropping it closes the port"]
pub struct Incoming<L: Loop, Y: Layer<L::TcpStream> = ()> {
    lp: L,
    /// That of a UNIX socket, which goes first.
    file: Option<OwnFile<L>>,
    /// None any more once it is closed.
    listeners: Vec<L::TcpListener>,
    local: Arc<[Address]>,
    layer: Arc<Y>,
    handshakes: Handshakes<L, Y::Stream>,
    /// What accepted sockets do not have from the listening one.
    configure: Option<TcpOptions>,
    /// Which socket is looked at next, and how many came from it in this turn.
    place: usize,
    in_a_row: usize,
    /// Failures in a row.
    failures: usize,
    resting: Option<Rest>,
}

/// Out of descriptors: nothing is accepted until then.
struct Rest {
    until: Instant,
    wake_up: Option<WakeUp>,
    waker: Waker,
}

impl<L: Loop, Y: Layer<L::TcpStream>> Incoming<L, Y> {
    /// `inherits`: the listening sockets were made with these options. If not, somebody else
    /// made them, who may have them in use still, and connections may have been waiting in
    /// them since before they were given away (SERV-13).
    pub(super) fn new(
        lp: L,
        listeners: Vec<L::TcpListener>,
        local: Arc<[Address]>,
        options: &ListenOptions,
        layer: Y,
        inherits: bool,
    ) -> Self {
        let is_ip = local.iter().all(|address| address.as_ip().is_some());
        let inherits = inherits && is_ip && ACCEPTED_INHERIT;
        Self {
            handshakes: Handshakes::new(options.handshake_limit),
            lp,
            listeners,
            local,
            layer: Arc::new(layer),
            configure: (!inherits && (is_ip || options.tcp.sets_buffers()))
                .then(|| options.tcp.clone()),
            file: None,
            place: 0,
            in_a_row: 0,
            failures: 0,
            resting: None,
        }
    }

    /// The file goes when nothing is listened on any more.
    pub(super) fn with_file(mut self, file: Option<OwnFile<L>>) -> Self {
        self.file = file;
        self
    }

    /// What the layer is at counts as a connection of that server.
    pub(super) fn count_in(&mut self, registry: &Arc<Registry>) {
        self.handshakes.count_in(registry);
    }

    /// The address listened on, with the port that was really given (SERV-01); the first of
    /// several.
    pub fn local_addr(&self) -> Address {
        self.local[0].clone()
    }

    /// All the addresses listened on.
    pub fn local_addrs(&self) -> &[Address] {
        &self.local
    }

    /// The next connection, and who is at its other end; none once it is
    /// [closed](Self::close). Cancel safe.
    pub async fn next(&mut self) -> Option<(Y::Stream, Peer)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Stops accepting: closes the listening sockets, and drops what its layer is at.
    /// Streams that it has given go on.
    pub fn close(&mut self) {
        self.file = None;
        self.listeners.clear();
        self.handshakes.close();
    }

    /// The next connection, as [`next`](Self::next) has it. Only the last task that polled
    /// is woken.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Y::Stream, Peer)>> {
        loop {
            if self.listeners.is_empty() {
                return Poll::Ready(None);
            }
            if Y::WAITS
                && let Some(done) = self.handshakes.take(cx.waker())
            {
                return Poll::Ready(Some(done));
            }
            let (stream, address) = ready!(self.poll_sockets(cx));
            if let Some(options) = &self.configure {
                configure_accepted(&stream, options);
            }
            let peer = stream.peer_at(address);
            if Y::WAITS {
                self.handshakes.begin(&self.lp, &self.layer, stream, peer);
            } else if let Some(wrapped) = self.wrap(stream, peer) {
                return Poll::Ready(Some(wrapped));
            }
        }
    }

    /// A layer that never waits is done at once.
    fn wrap(&self, stream: L::TcpStream, peer: Peer) -> Option<(Y::Stream, Peer)> {
        let mut wrapping = pin!(self.layer.wrap(&self.lp, stream, peer, None));
        let cx = &mut Context::from_waker(Waker::noop());
        let failure = match catch(|| Ok(wrapping.as_mut().poll(cx))) {
            Ok(Poll::Ready(Ok(wrapped))) => return Some(wrapped),
            Ok(Poll::Ready(Err(failure))) | Err(failure) => failure,
            Ok(Poll::Pending) => Failure::message(format!(
                "the layer `{}` waits, and says that it never does",
                type_name::<Y>()
            )),
        };
        report_failed(&self.lp, type_name::<Y>(), &failure);
        None
    }

    fn poll_sockets(&mut self, cx: &mut Context<'_>) -> Poll<(L::TcpStream, Address)> {
        if self.rests(cx.waker()) {
            return Poll::Pending;
        }
        let mut empty = 0;
        while empty < self.listeners.len() {
            if self.in_a_row >= ACCEPTS_PER_TURN {
                self.turn_to_next();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.listeners[self.place].poll_accept(cx) {
                Poll::Pending => {
                    empty += 1;
                    self.turn_to_next();
                }
                Poll::Ready(Ok(accepted)) => {
                    self.failures = 0;
                    self.in_a_row += 1;
                    return Poll::Ready(accepted);
                }
                Poll::Ready(Err(error)) => {
                    self.failures += 1;
                    if !is_the_peers_affair(&error) || self.failures > ACCEPTS_PER_TURN {
                        self.rest(error, cx.waker());
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Pending
    }

    fn turn_to_next(&mut self) {
        self.place = (self.place + 1) % self.listeners.len();
        self.in_a_row = 0;
    }

    /// Accepts nothing for a while, and says why.
    fn rest(&mut self, error: io::Error, waker: &Waker) {
        self.failures = 0;
        let until = after(self.lp.state().now(), REST);
        self.resting = Some(Rest {
            until,
            wake_up: WakeUp::at(&self.lp, until, waker).ok(),
            waker: waker.clone(),
        });
        let on = self.listeners[self.place]
            .local_addr()
            .map_or_else(|_| String::new(), |address| format!(" on {address}"));
        self.lp.state().report(
            &format!("accepting{on} failed and rests for {REST:?}"),
            &Failure::new(error),
        );
    }

    fn rests(&mut self, waker: &Waker) -> bool {
        let Some(rest) = &mut self.resting else {
            return false;
        };
        if !rest.wake_up.as_ref().is_some_and(WakeUp::is_pending) {
            self.resting = None;
            return false;
        }
        // Another task may have taken over.
        if !rest.waker.will_wake(waker) {
            rest.wake_up = WakeUp::at(&self.lp, rest.until, waker).ok();
            rest.waker.clone_from(waker);
        }
        true
    }
}

/// A layer has failed with a new connection: an everyday event.
pub(super) fn report_failed<L: Loop>(lp: &L, layer: &'static str, failure: &Failure) {
    let context = "a layer over a new connection failed";
    lp.state().report_often(context, layer, failure);
}

/// A connection that was gone before it was accepted says nothing about the next
/// (SERV-11).
fn is_the_peers_affair(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied
    )
}

impl<L: Loop, Y: Layer<L::TcpStream>> Unpin for Incoming<L, Y> {}

impl<L: Loop, Y: Layer<L::TcpStream>> futures_util::Stream for Incoming<L, Y> {
    type Item = (Y::Stream, Peer);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(cx)
    }
}

impl<L: Loop, Y: Layer<L::TcpStream>> fmt::Debug for Incoming<L, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("local", &self.local)
            .field("closed", &self.listeners.is_empty())
            .finish_non_exhaustive()
    }
}
