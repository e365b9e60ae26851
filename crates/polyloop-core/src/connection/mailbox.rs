//! The mailbox of a connection: what the world outside asks of it, and what it
//! lets the world know.

mod rest;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use bytes::Bytes;

use rest::{KEPT, Rest, Waiter};

use super::ConnectionLost;
use crate::deferred::{Deferred, Resolver};
use crate::failure::Failure;
use crate::lock::lock;
use crate::protocol::{CloseReason, Protocol};
use crate::transport::{Flow, Transport, WriteError};

/// A call with the protocol, or with `None` once the connection is lost. An error is
/// a panic of the closure, already told to whoever waits for the result.
pub(super) type ProtocolCall<P> =
    Box<dyn FnOnce(Option<(&mut P, &mut dyn Transport)>) -> Result<(), Failure> + Send>;
pub(super) type TransportCall =
    Box<dyn FnOnce(Option<&mut dyn Transport>) -> Result<(), Failure> + Send>;

pub(super) enum Message<P> {
    Write(Bytes),
    Close,
    Abort,
    Transport(TransportCall),
    Protocol(ProtocolCall<P>),
}

/// Every connection has one as long as it lives, and most are asked nothing: so it is
/// as small as it can be, and the rest is made when something is posted.
pub(crate) struct Mailbox<P> {
    /// Some of the bits below.
    state: AtomicU8,
    /// What of it fits: the rest knows an IPv6 peer.
    peer: SocketAddrV4,
    inner: Mutex<Inner<P>>,
}

/// Messages wait. The driver looks at this instead of taking the lock.
const MAIL: u8 = 1;
/// The write buffer is over its high mark. This and the next two change under the lock.
const PAUSED: u8 = 2;
/// A close was asked for here or by the protocol.
const CLOSING: u8 = 4;
const LOST: u8 = 8;
/// The rest knows the peer.
const LONG_PEER: u8 = 16;

struct Inner<P> {
    driver: Option<Waker>,
    rest: Option<Box<Rest<P>>>,
}

impl<P> Inner<P> {
    fn rest(&mut self) -> &mut Rest<P> {
        self.rest.get_or_insert_default()
    }

    fn is_over_high(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.is_over_high())
    }

    fn take_ready(&mut self) -> Vec<Resolver<()>> {
        self.rest
            .as_mut()
            .map(|rest| rest.take_ready())
            .unwrap_or_default()
    }
}

fn tell(ready: Vec<Resolver<()>>) {
    for resolver in ready {
        let _ = resolver.resolve(());
    }
}

impl<P: Protocol> Mailbox<P> {
    pub(crate) fn new(peer: SocketAddr, high: usize) -> Self {
        let mut rest = Rest::default();
        let (short, state) = match peer {
            SocketAddr::V4(short) => (short, 0),
            SocketAddr::V6(_) => {
                rest.peer = Some(peer);
                (
                    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, peer.port()),
                    LONG_PEER,
                )
            }
        };
        rest.high = high;
        let is_needed = state != 0 || high != Rest::<P>::default().high;
        Self {
            state: AtomicU8::new(state),
            peer: short,
            inner: Mutex::new(Inner {
                driver: None,
                rest: is_needed.then(|| Box::new(rest)),
            }),
        }
    }

    fn is(&self, bits: u8) -> bool {
        self.state.load(Ordering::Acquire) & bits != 0
    }

    fn set(&self, bits: u8) {
        self.state.fetch_or(bits, Ordering::Release);
    }

    /// Whether they were set.
    fn clear(&self, bits: u8) -> bool {
        self.state.fetch_and(!bits, Ordering::AcqRel) & bits != 0
    }

    pub(super) fn post(&self, message: Message<P>) {
        let mut inner = lock(&self.inner);
        if self.is(LOST) {
            drop(inner);
            refuse(message);
            return;
        }
        if matches!(message, Message::Close | Message::Abort) {
            self.set(CLOSING);
        }
        inner.rest().messages.push(message);
        self.notify(inner);
    }

    fn notify(&self, inner: MutexGuard<'_, Inner<P>>) {
        self.set(MAIL);
        let driver = inner.driver.clone();
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Takes what was posted. Nothing is locked if there is nothing. One message alone
    /// leaves the list where it is, for the next.
    pub(super) fn take(&self) -> (Option<Message<P>>, Vec<Message<P>>) {
        if !self.clear(MAIL) {
            return (None, Vec::new());
        }
        let mut inner = lock(&self.inner);
        let rest = inner.rest();
        rest.taken = rest.queued;
        if rest.messages.len() == 1 {
            return (rest.messages.pop(), Vec::new());
        }
        (None, std::mem::take(&mut rest.messages))
    }

    /// Notes how to wake the driver, for good.
    pub(super) fn set_driver(&self, waker: &Waker) {
        lock(&self.inner).driver = Some(waker.clone());
    }

    pub(super) fn has_mail(&self) -> bool {
        self.is(MAIL)
    }

    pub(super) fn set_paused(&self, paused: bool) {
        let mut inner = lock(&self.inner);
        if paused {
            self.set(PAUSED);
        } else {
            self.clear(PAUSED);
            let ready = inner.take_ready();
            drop(inner);
            tell(ready);
        }
    }

    /// What was taken has reached the write buffer, so its size counts now. The list
    /// that it came in is used again.
    pub(super) fn wrote(&self, list: Vec<Message<P>>) {
        let mut inner = lock(&self.inner);
        let rest = inner.rest();
        rest.queued -= std::mem::take(&mut rest.taken);
        if rest.messages.capacity() == 0 && list.capacity() <= KEPT {
            rest.messages = list;
        }
        if self.is(PAUSED) || rest.is_over_high() {
            return;
        }
        let ready = rest.take_ready();
        drop(inner);
        tell(ready);
    }

    pub(super) fn peer(&self) -> SocketAddr {
        let long = if self.is(LONG_PEER) {
            self.known(|rest| rest.peer)
        } else {
            None
        };
        long.unwrap_or(self.peer.into())
    }

    pub(super) fn set_high(&self, high: usize) {
        lock(&self.inner).rest().high = high;
    }

    pub(super) fn set_closing(&self) {
        let _inner = lock(&self.inner);
        self.set(CLOSING);
    }

    pub(crate) fn set_local(&self, address: SocketAddr) {
        lock(&self.inner).rest().local = Some(address);
    }

    pub(super) fn known_local(&self) -> Option<SocketAddr> {
        self.known(|rest| rest.local)
    }

    fn known<T>(&self, what: impl FnOnce(&Rest<P>) -> Option<T>) -> Option<T> {
        lock(&self.inner).rest.as_deref().and_then(what)
    }

    /// The connection is lost: everybody who waits is told.
    pub(super) fn lose(&self, reason: &CloseReason) {
        let mut inner = lock(&self.inner);
        self.set(CLOSING | LOST);
        let driver = inner.driver.take();
        if !reason.is_clean() {
            inner.rest().lost = Some(reason.clone());
        }
        let (messages, waiters) = match &mut inner.rest {
            Some(rest) => {
                rest.queued = 0;
                rest.taken = 0;
                (
                    std::mem::take(&mut rest.messages),
                    std::mem::take(&mut rest.waiters),
                )
            }
            None => Default::default(),
        };
        drop(inner);
        drop(driver);
        messages.into_iter().for_each(refuse);
        for waiter in waiters {
            match waiter {
                Waiter::Ready(resolver) => {
                    let _ = resolver.reject(Failure::new(ConnectionLost));
                }
                Waiter::Closed(resolver) => {
                    let _ = resolver.resolve(reason.clone());
                }
            }
        }
    }
}

/// Tells a message that its connection is lost.
pub(super) fn refuse<P>(message: Message<P>) {
    // They have told their promises; there is no connection to end any more.
    match message {
        Message::Protocol(call) => drop(call(None)),
        Message::Transport(call) => drop(call(None)),
        Message::Write(_) | Message::Close | Message::Abort => {}
    }
}

/// A mailbox whatever its protocol.
pub(super) trait Post: Send + Sync {
    fn write(&self, data: Bytes) -> Result<Flow, WriteError>;
    fn post_transport_call(&self, call: TransportCall);
    fn post_close(&self);
    fn post_abort(&self);
    fn ready(&self) -> Deferred<()>;
    fn closed(&self) -> Deferred<CloseReason>;
    fn is_lost(&self) -> bool;
    fn local_addr(&self) -> Option<SocketAddr>;
    fn peer_addr(&self) -> SocketAddr;
}

impl<P: Protocol> Post for Mailbox<P> {
    fn write(&self, data: Bytes) -> Result<Flow, WriteError> {
        let mut inner = lock(&self.inner);
        if self.is(LOST) {
            return Err(WriteError::Closed);
        }
        if self.is(CLOSING) {
            return Err(WriteError::Closing);
        }
        if !data.is_empty() {
            let rest = inner.rest();
            rest.queued += data.len();
            rest.messages.push(Message::Write(data));
        }
        let flow = if self.is(PAUSED) || inner.is_over_high() {
            Flow::Pause
        } else {
            Flow::Continue
        };
        self.notify(inner);
        Ok(flow)
    }

    fn post_transport_call(&self, call: TransportCall) {
        self.post(Message::Transport(call));
    }

    fn post_close(&self) {
        self.post(Message::Close);
    }

    fn post_abort(&self) {
        self.post(Message::Abort);
    }

    fn ready(&self) -> Deferred<()> {
        let mut inner = lock(&self.inner);
        if self.is(LOST) {
            return Deferred::failed(Failure::new(ConnectionLost));
        }
        if !self.is(PAUSED) && !inner.is_over_high() {
            return Deferred::resolved(());
        }
        let (resolver, promise) = Deferred::new();
        inner.rest().wait(Waiter::Ready(resolver));
        promise
    }

    fn closed(&self) -> Deferred<CloseReason> {
        let mut inner = lock(&self.inner);
        if self.is(LOST) {
            let unclean = inner.rest.as_ref().and_then(|rest| rest.lost.clone());
            return Deferred::resolved(unclean.unwrap_or(CloseReason::Clean));
        }
        let (resolver, promise) = Deferred::new();
        inner.rest().wait(Waiter::Closed(resolver));
        promise
    }

    fn is_lost(&self) -> bool {
        self.is(LOST)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.known_local()
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer()
    }
}
