//! The task that accepts connections.

use std::any::type_name;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::member::{Common, Membership};
use super::registry::Registry;
use crate::event_loop::calls::{WakeUp, after};
use crate::event_loop::task;
use crate::net::Loop;
use crate::net::socket::{ACCEPTED_INHERIT, configure_accepted};
use crate::net::{ListenOptions, Listener};
use crate::promise::Promise as _;
use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::connection::driver::Driver;
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;
use crate::sync::primitive::Arc;

/// The options of a server, and how its connections come by theirs.
pub(super) struct Options {
    pub(super) listen: ListenOptions,
    /// What is accepted has them from the listening socket.
    inherited: bool,
}

impl Options {
    /// The listening socket was made with these.
    pub(super) fn of_bound(listen: ListenOptions) -> Self {
        Self {
            listen,
            inherited: ACCEPTED_INHERIT,
        }
    }

    /// The listening socket was made by somebody else, who may have it in use still, and
    /// connections may have been waiting in it since before it was given away (SERV-13).
    pub(super) fn of_adopted(listen: ListenOptions) -> Self {
        Self {
            listen,
            inherited: false,
        }
    }
}

/// Accepts for all the listening sockets of a server.
pub(super) struct Acceptor<L: Loop, F: ProtocolFactory> {
    common: Arc<Common<L>>,
    listeners: Vec<L::TcpListener>,
    factory: Option<Started<F>>,
    options: Options,
    /// Failures in a row.
    failures: usize,
    /// Out of descriptors: nothing is accepted until then.
    resting: Option<WakeUp>,
}

/// Accepts per poll and socket, after which other tasks get their turn.
const ACCEPTS_PER_POLL: usize = 32;

/// How long nothing is accepted after the descriptors have run out (SERV-10).
const REST: Duration = Duration::from_secs(1);

/// What came of looking at one listening socket.
enum Looked {
    /// Nobody else waits.
    Empty,
    /// There may be more.
    More,
    /// Nothing can be accepted for a while.
    Rest,
}

impl<L: Loop, F: ProtocolFactory> Acceptor<L, F> {
    pub(super) fn new(
        lp: L,
        listeners: Vec<L::TcpListener>,
        factory: Started<F>,
        options: Options,
        registry: Arc<Registry>,
    ) -> Self {
        let common = Common {
            backend: lp,
            registry,
        };
        Self {
            common: Arc::new(common),
            listeners,
            factory: Some(factory),
            options,
            failures: 0,
            resting: None,
        }
    }

    fn accept(&mut self, stream: L::TcpStream, address: Address) {
        self.failures = 0;
        let peer = Peer::new(address);
        if !self.options.inherited {
            configure_accepted(&stream, &self.options.listen.tcp);
        }
        let Some(factory) = &mut self.factory else {
            return;
        };
        let protocol = match factory.build(&peer) {
            Ok(Some(protocol)) => protocol,
            Ok(None) => return,
            Err(failure) => {
                self.common.backend.state().report_often(
                    "the factory failed for a new connection",
                    type_name::<F>(),
                    &failure,
                );
                return;
            }
        };
        let driver = Driver::new(Membership::new(&self.common, peer), stream, protocol);
        task::spawn(&self.common.backend, driver).detach();
    }

    fn look(&mut self, place: usize, cx: &mut Context<'_>) -> Looked {
        for _ in 0..ACCEPTS_PER_POLL {
            // The factory may have closed its own server.
            if self.common.registry.is_closing() {
                return Looked::Empty;
            }
            match self.listeners[place].poll_accept(cx) {
                Poll::Pending => return Looked::Empty,
                Poll::Ready(Ok((stream, peer))) => self.accept(stream, peer),
                Poll::Ready(Err(error)) => {
                    self.failures += 1;
                    if !is_the_peers_affair(&error) || self.failures > ACCEPTS_PER_POLL {
                        self.rest(place, error, cx);
                        return Looked::Rest;
                    }
                }
            }
        }
        Looked::More
    }

    /// Accepts nothing for a while, and says why.
    fn rest(&mut self, place: usize, error: io::Error, cx: &Context<'_>) {
        self.failures = 0;
        let until = after(self.common.backend.state().now(), REST);
        self.resting = WakeUp::at(&self.common.backend, until, cx.waker()).ok();
        let on = self.listeners[place]
            .local_addr()
            .map_or_else(|_| String::new(), |address| format!(" on {address}"));
        self.common.backend.state().report(
            &format!("accepting{on} failed and rests for {REST:?}"),
            &Failure::new(error),
        );
    }
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

impl<L: Loop, F: ProtocolFactory> Unpin for Acceptor<L, F> {}

impl<L: Loop, F: ProtocolFactory> Future for Acceptor<L, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.common.registry.wait_for_close(cx.waker()) {
            return Poll::Ready(());
        }
        if this.resting.as_ref().is_some_and(WakeUp::is_pending)
            || this.common.registry.is_waiting()
        {
            return Poll::Pending;
        }
        this.resting = None;
        let mut more = false;
        for place in 0..this.listeners.len() {
            match this.look(place, cx) {
                Looked::Empty => {}
                Looked::More => more = true,
                Looked::Rest => return Poll::Pending,
            }
        }
        if this.common.registry.is_closing() {
            return Poll::Ready(());
        }
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<L: Loop, F: ProtocolFactory> Drop for Acceptor<L, F> {
    fn drop(&mut self) {
        self.listeners.clear();
        self.factory = None;
        self.common.registry.released();
    }
}
