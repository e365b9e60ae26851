//! The mailbox of a connection: what the world outside asks of it, and what it
//! lets the world know.

use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::ConnectionLost;
use crate::promise::crowd::{Crowd, tell};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::{DESTRUCTOR, Guarded, try_drop};
use crate::promise::failure::{Failure, catch};
use crate::promise::report::report_here;
use crate::protocol::address::Address;
use crate::protocol::peer::Peer;
use crate::protocol::transport::{Flow, Transport, WriteError, WriteLimits};
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::atomic::{AtomicU8, Ordering};
use crate::sync::primitive::{Mutex, MutexGuard, OnceLock, lock};

/// A call with the protocol, or with `None` once the connection is lost. An error is
/// a panic of the closure, already told to whoever waits for the result.
pub(super) type Call = Guarded<
    Box<dyn FnOnce(Option<(&mut dyn Protocol, &mut dyn Transport)>) -> Result<(), Failure> + Send>,
>;

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
    /// Asked of the system when somebody first wants it, and at the latest before
    /// the socket goes.
    local: OnceLock<Address>,
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
    /// Another one once the connection is upgraded.
    peer: Peer,
    /// A close was asked for here or by the protocol.
    closing: bool,
    lost: Option<CloseReason>,
    driver: Option<Waker>,
    waiting: Waiting,
}

/// Those outside who wait. Most connections have nobody.
#[derive(Default)]
struct Waiting {
    /// For room in the write buffer.
    ready: Crowd<Resolver<()>>,
    /// For the end.
    closed: Crowd<Resolver<CloseReason>>,
}

impl Inner {
    /// Those who wait for room, who are to be told once the lock is gone.
    fn take_ready(&mut self) -> Vec<Resolver<()>> {
        self.waiting.ready.leave()
    }
}

impl Mailbox {
    pub(crate) fn new(peer: Peer, limits: WriteLimits) -> Self {
        Self {
            pending: AtomicU8::new(0),
            inner: Mutex::new(Inner {
                messages: Vec::new(),
                queued: 0,
                taken: 0,
                paused: false,
                high: limits.high(),
                peer,
                closing: false,
                lost: None,
                driver: None,
                waiting: Waiting::default(),
            }),
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

    /// Notes how to wake the driver, for good. Gives back a waker that no longer counts, to
    /// be dropped where nothing is locked: a task may go with it.
    #[must_use]
    pub(crate) fn set_driver(&self, waker: &Waker) -> Option<Waker> {
        lock(&self.inner).driver.replace(waker.clone())
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
            tell(ready);
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
        tell(ready);
    }

    pub(crate) fn peer(&self) -> Peer {
        lock(&self.inner).peer.clone()
    }

    /// Gives back the one that it was, to be dropped where nothing is locked.
    pub(super) fn set_peer(&self, peer: Peer) -> Peer {
        std::mem::replace(&mut lock(&self.inner).peer, peer)
    }

    pub(super) fn peer_addr(&self) -> Address {
        lock(&self.inner).peer.address().clone()
    }

    pub(super) fn set_high(&self, high: usize) {
        lock(&self.inner).high = high;
    }

    pub(crate) fn set_closing(&self) {
        lock(&self.inner).closing = true;
    }

    pub(crate) fn set_local(&self, address: Address) {
        let _ = self.local.set(address);
    }

    pub(super) fn known_local(&self) -> Option<Address> {
        self.local.get().cloned()
    }

    /// The connection is lost: everybody who waits is told.
    pub(crate) fn lose(&self, reason: &CloseReason) {
        let mut inner = lock(&self.inner);
        inner.lost = Some(reason.clone());
        inner.closing = true;
        let driver = inner.driver.take();
        inner.queued = 0;
        inner.taken = 0;
        let messages = std::mem::take(&mut inner.messages);
        let mut waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        drop(driver);
        messages.into_iter().for_each(refuse);
        for resolver in waiting.ready.leave() {
            // Whoever lets go of it meanwhile, as the protocol may that is about to go, has
            // lost nothing.
            resolver.dismiss(Failure::new(ConnectionLost));
        }
        for resolver in waiting.closed.leave() {
            let _ = resolver.resolve(reason.clone());
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
        let (promise, left) = inner.waiting.ready.wait();
        drop(inner);
        drop(left);
        promise
    }

    pub(super) fn closed(&self) -> Deferred<CloseReason> {
        let mut inner = lock(&self.inner);
        if let Some(reason) = &inner.lost {
            return Deferred::resolved(reason.clone());
        }
        let (promise, left) = inner.waiting.closed.wait();
        drop(inner);
        drop(left);
        promise
    }

    pub(super) fn is_lost(&self) -> bool {
        lock(&self.inner).lost.is_some()
    }
}

/// Tells a message that its connection is lost.
pub(super) fn refuse(message: Message) {
    // It has told its promise; there is no connection to end any more. What a closure has
    // captured goes with it.
    let refused = match message {
        Message::Call(call) => catch(|| call.into_inner()(None)),
        // The bytes may be of an owner with a destructor.
        Message::Write(data) => try_drop(data),
        Message::Close(_) | Message::Fail(_) | Message::Abort => Ok(()),
    };
    if let Err(failure) = refused {
        report_here(DESTRUCTOR, &failure);
    }
}
