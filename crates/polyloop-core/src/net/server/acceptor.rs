//! The task of a server: it puts protocols on what is accepted.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::incoming::Incoming;
use super::member::{Common, Membership};
use super::registry::Registry;
use crate::event_loop::task;
use crate::net::{Layer, Loop, Stream as _};
use crate::promise::Promise as _;
use crate::protocol::address::Address;
use crate::protocol::connection::driver::Driver;
use crate::protocol::factory::{ProtocolFactory, Started};
use crate::protocol::peer::Peer;
use crate::sync::primitive::Arc;

/// Takes what comes in until the server is closed.
pub(super) struct Acceptor<L: Loop, Y: Layer<L::TcpStream>, F: ProtocolFactory> {
    common: Arc<Common<L>>,
    incoming: Incoming<L, Y>,
    factory: Option<Started<F>>,
    idle_limit: Option<Duration>,
}

impl<L: Loop, Y: Layer<L::TcpStream>, F: ProtocolFactory> Acceptor<L, Y, F> {
    pub(super) fn new(
        lp: L,
        mut incoming: Incoming<L, Y>,
        factory: Started<F>,
        registry: Arc<Registry>,
        idle_limit: Option<Duration>,
    ) -> Self {
        incoming.count_in(&registry);
        let common = Common {
            backend: lp,
            registry,
        };
        Self {
            common: Arc::new(common),
            incoming,
            factory: Some(factory),
            idle_limit,
        }
    }

    fn accept(&mut self, stream: Y::Stream, peer: Peer) {
        let local = self.elsewhere(&stream);
        // Before there is a protocol, for its factory may close the server with this as its
        // last connection. One that comes after somebody else's close is as good as one that
        // was not accepted yet.
        let Some(membership) = Membership::new(&self.common, peer.clone(), local) else {
            return;
        };
        let Some(factory) = &mut self.factory else {
            return;
        };
        let protocol = match factory.build(&peer) {
            Ok(Some(protocol)) => protocol,
            other => {
                // It counts until its socket has gone.
                drop(stream);
                if let Err(failure) = other {
                    self.common.backend.state().report_often(
                        "the factory failed for a new connection",
                        type_name::<F>(),
                        &failure,
                    );
                }
                return;
            }
        };
        let mut driver = Driver::new(membership, stream, protocol);
        driver.limit_idle(self.idle_limit);
        task::spawn(&self.common.backend, driver).detach();
    }

    /// This end's address, if a layer says another one than is listened on.
    fn elsewhere(&self, stream: &Y::Stream) -> Option<Address> {
        if TypeId::of::<Y::Stream>() == TypeId::of::<L::TcpStream>() {
            return None;
        }
        let local = stream.local_addr().ok()?;
        (!self.common.registry.listens_at(&local)).then_some(local)
    }
}

impl<L: Loop, Y: Layer<L::TcpStream>, F: ProtocolFactory> Unpin for Acceptor<L, Y, F> {}

impl<L: Loop, Y: Layer<L::TcpStream>, F: ProtocolFactory> Future for Acceptor<L, Y, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.common.registry.wait_for_close(cx.waker()) {
            return Poll::Ready(());
        }
        if this.common.registry.is_waiting() {
            return Poll::Pending;
        }
        // The factory may close its own server.
        while !this.common.registry.is_closing() {
            match this.incoming.poll_accept(cx) {
                Poll::Ready(Some((stream, peer))) => this.accept(stream, peer),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

impl<L: Loop, Y: Layer<L::TcpStream>, F: ProtocolFactory> Drop for Acceptor<L, Y, F> {
    fn drop(&mut self) {
        self.incoming.close();
        self.factory = None;
        self.common.registry.released();
    }
}
