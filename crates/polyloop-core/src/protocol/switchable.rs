//! [`Switchable`]: a connection whose protocol can be replaced while it is live.
//!
//! asyncio has `set_protocol`, and Twisted assigns `transport.protocol`. Here the
//! type of a connection names its protocol, so a connection that changes protocols
//! says so in its type: its protocol is a `Switchable`, which holds whichever one is
//! active. Nothing else pays for it.

use std::any::{Any, TypeId};
use std::fmt;

use bytes::Bytes;

use crate::promise::discard::discard;
use crate::promise::failure::Failure;
use crate::protocol::buffered::BufferedProtocol;
use crate::protocol::timer_key::TimerKey;
use crate::protocol::transport::Transport;
use crate::protocol::{CloseReason, OnEof, Protocol};
use crate::sync::primitive::{Arc, Mutex, lock};

/// A protocol that stands for another one, which can be replaced (TRAN-32).
///
/// From inside a callback a protocol replaces itself through its [`SwitchHandle`];
/// from outside, [`replace`](Self::replace) does it in a
/// [`Connection::call`](crate::Connection::call). The next event goes to the new
/// protocol. It is not told `connection_made`, as the connection is not new, and the
/// old one is dropped without `connection_lost`; what they need of each other they
/// hand over themselves. Plain and [buffered](crate::Buffered) protocols can follow
/// one another, and no byte is lost (BUF-03).
///
/// ```
/// use polyloop_core::{Failure, Protocol, SwitchHandle, Switchable, Transport};
///
/// struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> { t.write(data)?; Ok(()) }
/// # }
/// /// Reads one line, then becomes an echo.
/// struct Greeting { line: Vec<u8>, switch: SwitchHandle }
///
/// impl Protocol for Greeting {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
///             self.line.extend_from_slice(data);
///             return Ok(());
///         };
///         self.line.extend_from_slice(&data[..end]);
///         transport.write(b"welcome\n")?;
///         // What came behind the line belongs to the new protocol.
///         self.switch.switch_with(Echo, data[end + 1..].to_vec());
///         Ok(())
///     }
/// }
///
/// fn greet_and_echo() -> Switchable {
///     Switchable::new(|switch| Greeting { line: Vec::new(), switch })
/// }
/// # drop(greet_and_echo());
/// ```
pub struct Switchable {
    current: Box<dyn Protocol>,
    handle: SwitchHandle,
}

struct Next {
    protocol: Box<dyn Protocol>,
    unread: Bytes,
}

/// How a protocol replaces itself. See [`Switchable`].
#[derive(Clone)]
pub struct SwitchHandle {
    next: Arc<Mutex<Option<Next>>>,
}

impl Switchable {
    /// Begins with the protocol that `first` makes.
    pub fn new<P: Protocol>(first: impl FnOnce(SwitchHandle) -> P) -> Self {
        let handle = SwitchHandle {
            next: Arc::default(),
        };
        Self {
            current: Box::new(first(handle.clone())),
            handle,
        }
    }

    /// Replaces the protocol and gives back the old one.
    pub fn replace(&mut self, protocol: impl Protocol) -> Box<dyn Protocol> {
        std::mem::replace(&mut self.current, Box::new(protocol))
    }

    /// Another handle, for a protocol that comes later.
    pub fn handle(&self) -> SwitchHandle {
        self.handle.clone()
    }

    /// Makes the changes that a callback has asked for.
    fn settle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        loop {
            let Some(next) = lock(&self.handle.next).take() else {
                return Ok(());
            };
            discard(std::mem::replace(&mut self.current, next.protocol));
            if !next.unread.is_empty() && !transport.is_closing() {
                self.current.data_received(transport, &next.unread)?;
            }
        }
    }
}

impl SwitchHandle {
    /// Has `protocol` take over as soon as the current callback has returned. The last
    /// of several in one callback counts.
    pub fn switch(&self, protocol: impl Protocol) {
        self.switch_with(protocol, Bytes::new());
    }

    /// The same, and the new protocol receives `unread` first: bytes that the old one
    /// was given and that are not its own. They are delivered at once, before anything
    /// that comes later, unless the connection is closing.
    pub fn switch_with(&self, protocol: impl Protocol, unread: impl Into<Bytes>) {
        let next = Next {
            protocol: Box::new(protocol),
            unread: unread.into(),
        };
        let replaced = lock(&self.next).replace(next);
        discard(replaced);
    }
}

impl Protocol for Switchable {
    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        if self.current.as_buffered().is_some() {
            Some(self)
        } else {
            None
        }
    }

    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.connection_made(transport)?;
        self.settle(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        self.current.data_received(transport, data)?;
        self.settle(transport)
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        let answer = self.current.eof_received(transport)?;
        self.settle(transport)?;
        Ok(answer)
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.pause_writing(transport)?;
        self.settle(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.resume_writing(transport)?;
        self.settle(transport)
    }

    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.reading_resumed(transport)?;
        self.settle(transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        self.current.timer_fired(transport, key)?;
        self.settle(transport)
    }

    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.went_idle(transport)?;
        self.settle(transport)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.woken(transport)?;
        self.settle(transport)
    }

    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        self.current.upgraded(transport)?;
        self.settle(transport)
    }

    /// Itself, or whichever protocol is active.
    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<Self>() {
            return Some(self);
        }
        self.current.reach(wanted)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        self.current.connection_lost(reason);
    }
}

/// While the active protocol owns its buffer.
impl BufferedProtocol for Switchable {
    fn get_buffer(&mut self, hint: usize) -> Result<&mut [u8], Failure> {
        match self.current.as_buffered() {
            Some(buffered) => buffered.get_buffer(hint),
            None => Err(Failure::message("the active protocol has no buffer")),
        }
    }

    fn buffer_updated(
        &mut self,
        transport: &mut dyn Transport,
        count: usize,
    ) -> Result<(), Failure> {
        if let Some(buffered) = self.current.as_buffered() {
            buffered.buffer_updated(transport, count)?;
        }
        self.settle(transport)
    }
}

impl Drop for Switchable {
    /// A protocol that waits to take over may hold a handle itself: without this the two
    /// would keep each other alive.
    fn drop(&mut self) {
        let waiting = lock(&self.handle.next).take();
        discard(waiting);
    }
}

impl fmt::Debug for Switchable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switchable").finish_non_exhaustive()
    }
}

impl fmt::Debug for SwitchHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchHandle").finish_non_exhaustive()
    }
}
