//! The mailbox of a connection: what the world outside asks of it, and what it
//! lets the world know.

use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::ConnectionLost;
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::failure::Failure;
use crate::protocol::transport::{Flow, Transport, WriteError, WriteLimits};
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::atomic::{AtomicU8, Ordering};
use crate::sync::primitive::{Mutex, MutexGuard, OnceLock, lock};

/// A call with the protocol, or with `None` once the connection is lost. An error is
/// a panic of the closure, already told to whoever waits for the result.
pub(super) type Call =
    Box<dyn FnOnce(Option<(&mut dyn Protocol, &mut dyn Transport)>) -> Result<(), Failure> + Send>;

pub(super) enum Message {
    Write(Bytes),
    /// Within a limit, if there is one.
    Close(Option<Duration>),
    Fail(Failure),
    Abort,
    Call(Call),
}

/// What was taken out of a mailbox.
pub(super) struct Mail {
    /// The protocol is to be woken.
    pub(super) woken: bool,
    /// One message alone leaves the list where it is, for the next.
    pub(super) alone: Option<Message>,
    pub(super) list: Vec<Message>,
}

/// Messages wait.
const POSTED: u8 = 1;
/// The protocol is to be woken.
const WOKEN: u8 = 2;

/// A longer list of messages is freed once they are read: a connection that waits
/// holds next to nothing.
const KEPT: usize = 4;

/// It knows no protocol: a call looks for its own when it is made. So handles of a
/// connection, whatever protocol they are of, share one.
pub(crate) struct Mailbox {
    /// What waits: the bits above. The driver looks at this instead of taking the lock.
    pending: AtomicU8,
    inner: Mutex<Inner>,
    peer: SocketAddr,
    /// Asked of the system when somebody first wants it, and at the latest before
    /// the socket goes.
    local: OnceLock<SocketAddr>,
}

struct Inner {
    messages: Vec<Message>,
    /// Bytes in `messages`, and in those that the driver has taken and not yet written:
    /// whoever asks meanwhile must not be told that there is room.
    queued: usize,
    /// The latter alone.
    taken: usize,
    /// The write buffer is over its high mark.
    paused: bool,
    high: usize,
    /// A close was asked for here or by the protocol.
    closing: bool,
    lost: Option<CloseReason>,
    driver: Option<Waker>,
    waiters: Vec<Waiter>,
}

/// Somebody outside who waits. One list for both kinds: most connections have neither.
enum Waiter {
    /// For room in the write buffer.
    Ready(Resolver<()>),
    /// For the end.
    Closed(Resolver<CloseReason>),
}

impl Waiter {
    fn has_gone(&self) -> bool {
        match self {
            Self::Ready(resolver) => resolver.is_abandoned(),
            Self::Closed(resolver) => resolver.is_abandoned(),
        }
    }
}

impl Inner {
    /// Those who wait for room, who are to be told once the lock is gone.
    fn take_ready(&mut self) -> Vec<Resolver<()>> {
        let waits = |waiter: &Waiter| matches!(waiter, Waiter::Ready(_));
        // Most often nobody does, and then nothing is moved.
        if !self.waiters.iter().any(waits) {
            return Vec::new();
        }
        let (ready, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(waits);
        self.waiters = others;
        ready
            .into_iter()
            .filter_map(|waiter| match waiter {
                Waiter::Ready(resolver) => Some(resolver),
                Waiter::Closed(_) => None,
            })
            .collect()
    }

    fn wait(&mut self, waiter: Waiter) {
        // Those who stopped waiting must not pile up.
        self.waiters.retain(|waiter| !waiter.has_gone());
        self.waiters.push(waiter);
    }
}

impl Mailbox {
    pub(crate) fn new(peer: SocketAddr, limits: WriteLimits) -> Self {
        Self {
            pending: AtomicU8::new(0),
            inner: Mutex::new(Inner {
                messages: Vec::new(),
                queued: 0,
                taken: 0,
                paused: false,
                high: limits.high(),
                closing: false,
                lost: None,
                driver: None,
                waiters: Vec::new(),
            }),
            peer,
            local: OnceLock::new(),
        }
    }

    pub(super) fn post(&self, message: Message) {
        let mut inner = lock(&self.inner);
        if inner.lost.is_some() {
            drop(inner);
            refuse(message);
            return;
        }
        if matches!(
            message,
            Message::Close(_) | Message::Fail(_) | Message::Abort
        ) {
            inner.closing = true;
        }
        inner.messages.push(message);
        self.notify(inner);
    }

    fn notify(&self, inner: MutexGuard<'_, Inner>) {
        self.pending.fetch_or(POSTED, Ordering::Release);
        let driver = inner.driver.clone();
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Has the protocol woken, unless it is about to be. Nothing is allocated, and nothing
    /// is locked for a second wake before the first has got there.
    pub(super) fn wake(&self) {
        if self.pending.fetch_or(WOKEN, Ordering::AcqRel) & WOKEN != 0 {
            return;
        }
        let driver = lock(&self.inner).driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Takes what was posted. Nothing is locked if there is nothing.
    pub(super) fn take(&self) -> Mail {
        let pending = self.pending.swap(0, Ordering::AcqRel);
        let mut mail = Mail {
            woken: pending & WOKEN != 0,
            alone: None,
            list: Vec::new(),
        };
        if pending & POSTED != 0 {
            let mut inner = lock(&self.inner);
            inner.taken = inner.queued;
            if inner.messages.len() == 1 {
                mail.alone = inner.messages.pop();
            } else {
                mail.list = std::mem::take(&mut inner.messages);
            }
        }
        mail
    }

    /// Notes how to wake the driver, for good.
    pub(crate) fn set_driver(&self, waker: &Waker) {
        lock(&self.inner).driver = Some(waker.clone());
    }

    pub(super) fn has_mail(&self) -> bool {
        self.pending.load(Ordering::Acquire) != 0
    }

    pub(super) fn set_paused(&self, paused: bool) {
        let mut inner = lock(&self.inner);
        inner.paused = paused;
        if !paused {
            let ready = inner.take_ready();
            drop(inner);
            for resolver in ready {
                let _ = resolver.resolve(());
            }
        }
    }

    /// What was taken has reached the write buffer, so its size counts now. The list
    /// that it came in is used again.
    pub(super) fn wrote(&self, list: Vec<Message>) {
        let mut inner = lock(&self.inner);
        inner.queued -= std::mem::take(&mut inner.taken);
        if inner.messages.capacity() == 0 && list.capacity() <= KEPT {
            inner.messages = list;
        }
        if inner.paused || inner.queued > inner.high {
            return;
        }
        let ready = inner.take_ready();
        drop(inner);
        for resolver in ready {
            let _ = resolver.resolve(());
        }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn set_high(&self, high: usize) {
        lock(&self.inner).high = high;
    }

    pub(crate) fn set_closing(&self) {
        lock(&self.inner).closing = true;
    }

    pub(crate) fn set_local(&self, address: SocketAddr) {
        let _ = self.local.set(address);
    }

    pub(super) fn known_local(&self) -> Option<SocketAddr> {
        self.local.get().copied()
    }

    /// The connection is lost: everybody who waits is told.
    pub(crate) fn lose(&self, reason: &CloseReason) {
        let mut inner = lock(&self.inner);
        inner.lost = Some(reason.clone());
        inner.closing = true;
        inner.driver = None;
        inner.queued = 0;
        inner.taken = 0;
        let messages = std::mem::take(&mut inner.messages);
        let waiters = std::mem::take(&mut inner.waiters);
        drop(inner);
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

/// What whoever has a handle may ask.
impl Mailbox {
    pub(super) fn write(&self, data: Bytes) -> Result<Flow, WriteError> {
        let mut inner = lock(&self.inner);
        if inner.lost.is_some() {
            return Err(WriteError::Closed);
        }
        if inner.closing {
            return Err(WriteError::Closing);
        }
        if !data.is_empty() {
            inner.queued += data.len();
            inner.messages.push(Message::Write(data));
        }
        let flow = if inner.paused || inner.queued > inner.high {
            Flow::Pause
        } else {
            Flow::Continue
        };
        self.notify(inner);
        Ok(flow)
    }

    pub(super) fn ready(&self) -> Deferred<()> {
        let mut inner = lock(&self.inner);
        if inner.lost.is_some() {
            return Deferred::failed(Failure::new(ConnectionLost));
        }
        if !inner.paused && inner.queued <= inner.high {
            return Deferred::resolved(());
        }
        let (resolver, promise) = Deferred::new();
        inner.wait(Waiter::Ready(resolver));
        promise
    }

    pub(super) fn closed(&self) -> Deferred<CloseReason> {
        let mut inner = lock(&self.inner);
        if let Some(reason) = &inner.lost {
            return Deferred::resolved(reason.clone());
        }
        let (resolver, promise) = Deferred::new();
        inner.wait(Waiter::Closed(resolver));
        promise
    }

    pub(super) fn is_lost(&self) -> bool {
        lock(&self.inner).lost.is_some()
    }
}

/// Tells a message that its connection is lost.
pub(super) fn refuse(message: Message) {
    // It has told its promise; there is no connection to end any more.
    if let Message::Call(call) = message {
        drop(call(None));
    }
}
