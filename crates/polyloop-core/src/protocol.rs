//! [`Protocol`]: where a network protocol is implemented.

pub(crate) mod address;
pub(crate) mod buffered;
pub(crate) mod connection;
#[cfg(unix)]
pub(crate) mod descriptors;
pub(crate) mod factory;
pub(crate) mod peer;
pub mod producer;
pub(crate) mod shared_factory;
pub(crate) mod stream;
pub(crate) mod switchable;
pub(crate) mod timer_key;
pub(crate) mod transport;
pub(crate) mod upgrade;

use std::any::{Any, TypeId};
use std::fmt;
use std::time::Duration;

use crate::promise::failure::Failure;
use crate::protocol::buffered::BufferedProtocol;
use crate::protocol::connection::IdleLimitPassed;
use crate::protocol::timer_key::TimerKey;
use crate::protocol::transport::Transport;

/// A network protocol, as one object per connection.
///
/// The loop calls it: made once, data any number of times, at most one end of
/// stream, lost exactly once and last (PROTO-01). The calls are plain functions
/// that never await and never overlap, so the same source serves every kind of
/// loop, and state needs no lock. A panic or an error in one ends that
/// connection alone, with that error as its reason; for what a peer did wrong there is
/// [`Transport::fail`]. A callback that passes on the refusal of a write to a connection
/// that is lost, or was closing already, has not failed.
///
/// Others reach it through the [`Connection`](crate::Connection) that it makes of its own
/// transport: [`Connection::of`](crate::Connection::of) gives its address away,
/// [`call`](crate::Connection::call) and [`post`](crate::Connection::post) run something
/// with it, [`wake`](crate::TransportHandle::wake) makes it look for itself.
///
/// ```
/// use polyloop_core::{CloseReason, Failure, Protocol, Transport};
///
/// #[derive(Default)]
/// struct Counter { bytes: usize }
///
/// impl Protocol for Counter {
///     fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
///         self.bytes += data.len();
///         transport.write(format!("{} so far\n", self.bytes).as_bytes())?;
///         Ok(())
///     }
///     fn connection_lost(&mut self, reason: CloseReason) {
///         println!("{} bytes, then: {reason}", self.bytes);
///     }
/// }
///
/// // It is an object type as well, for programs that mix protocols.
/// let _: Box<dyn Protocol> = Box::<Counter>::default();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol",
    note = "implement `Protocol` for it; `data_received` is all that it needs"
)]
pub trait Protocol: AsAny + Send + 'static {
    /// The connection stands.
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// Bytes came, at least one. How they are cut says nothing (PROTO-10). The
    /// buffer belongs to the loop: copy what is to be kept.
    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure>;

    /// The peer sends no more. The default closes, after sending what is still
    /// buffered (TRAN-16, TRAN-17).
    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        let _ = transport;
        Ok(OnEof::Close)
    }

    /// The write buffer went over its high mark: told once until the matching
    /// [`resume_writing`](Self::resume_writing) (TRAN-20).
    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The write buffer is down at its low mark: go on.
    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// Reading goes on after a [pause](Transport::pause_reading), whoever resumed it: what was
    /// held back of earlier data is due now, before any other comes (PROTO-19). Not called
    /// while the connection is closing.
    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The timer that [`Transport::set_timer`] set for `key` has fired.
    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        let _ = (transport, key);
        Ok(())
    }

    /// Nothing came and nothing was sent for as long as the connection's
    /// [idle limit](Transport::set_idle_limit) allows: told once (POL-02). Not called while
    /// the connection is closing.
    ///
    /// The default closes, with [`IdleLimitPassed`](crate::IdleLimitPassed) as the reason,
    /// and cuts a peer that lets the close take more than ten seconds (POL-03): one that is
    /// gone would never end it. A protocol that would rather ask whether the peer is there
    /// writes a ping here and sets the limit for its answer.
    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        close_idle(transport);
        Ok(())
    }

    /// Somebody has woken it, with [`TransportHandle::wake`](crate::TransportHandle::wake):
    /// once for any number of wakes before it, and behind what was posted before them
    /// (PROTO-14). Not called while the connection is closing.
    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The connection has been [upgraded](Transport::upgrade): its peer is who the layer says
    /// (TLS-12), and what comes from now on has come through the layer. What was said before
    /// was not, and nobody has vouched for it: forget what must not count (RFC 3207, 4.2).
    /// Not called while the connection is closing (TLS-09).
    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        let _ = transport;
        Ok(())
    }

    /// The connection has ended: exactly once, and last.
    fn connection_lost(&mut self, reason: CloseReason) {
        let _ = reason;
    }

    /// The protocol as one that owns its read buffer, if it is one: then bytes go there
    /// and not to [`data_received`](Self::data_received). [`Buffered`](crate::Buffered)
    /// answers it; a protocol that wraps others passes it on.
    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        None
    }

    /// The protocol of type `wanted` in this one, if there is one: itself, or for a protocol
    /// that wraps others what it wraps. How a [`Connection`](crate::Connection) finds the
    /// protocol that it is of.
    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        itself(self, wanted)
    }
}

/// What is left to a peer that has been silent.
const IDLE_GRACE: Duration = Duration::from_secs(10);

/// What becomes of a connection that has been silent for too long.
pub(crate) fn close_idle(transport: &mut dyn Transport) {
    if let Some(limit) = transport.idle_limit() {
        transport.fail(IdleLimitPassed { limit }.into());
        transport.close_within(IDLE_GRACE);
    }
}

/// The protocol, if it is `wanted`.
pub(crate) fn itself<P: AsAny + ?Sized>(protocol: &mut P, wanted: TypeId) -> Option<&mut dyn Any> {
    let own = protocol.as_any_mut();
    ((*own).type_id() == wanted).then_some(own)
}

/// Every type is one. It lets a `dyn Protocol` say what it is.
pub trait AsAny: Any {
    /// The value itself.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Any> AsAny for T {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl<P: Protocol + ?Sized> Protocol for Box<P> {
    fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).connection_made(transport)
    }

    fn data_received(&mut self, transport: &mut dyn Transport, data: &[u8]) -> Result<(), Failure> {
        (**self).data_received(transport, data)
    }

    fn eof_received(&mut self, transport: &mut dyn Transport) -> Result<OnEof, Failure> {
        (**self).eof_received(transport)
    }

    fn pause_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).pause_writing(transport)
    }

    fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).resume_writing(transport)
    }

    fn reading_resumed(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).reading_resumed(transport)
    }

    fn timer_fired(&mut self, transport: &mut dyn Transport, key: TimerKey) -> Result<(), Failure> {
        (**self).timer_fired(transport, key)
    }

    fn went_idle(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).went_idle(transport)
    }

    fn woken(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).woken(transport)
    }

    fn upgraded(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
        (**self).upgraded(transport)
    }

    fn connection_lost(&mut self, reason: CloseReason) {
        (**self).connection_lost(reason);
    }

    fn as_buffered(&mut self) -> Option<&mut dyn BufferedProtocol> {
        (**self).as_buffered()
    }

    fn reach(&mut self, wanted: TypeId) -> Option<&mut dyn Any> {
        if wanted == TypeId::of::<Self>() {
            return Some(self);
        }
        (**self).reach(wanted)
    }
}

/// What to do when the peer sends no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnEof {
    /// Send what is buffered, then close.
    Close,
    /// Go on sending. The connection closes by itself once this side has ended,
    /// too.
    KeepOpen,
}

/// How a connection ended (PROTO-03, ERR-07).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides had their say, this side closed or the peer did, and what was written
    /// has reached the peer's system (TRAN-34).
    Clean,
    /// This side aborted it, or its loop ended (TRAN-10).
    Aborted,
    /// The network or a callback failed, or the protocol [said so](Transport::fail); a
    /// reset by the peer is an [`io::Error`](std::io::Error) of kind `ConnectionReset`
    /// (PROTO-04), a close that was not waited for to its end a
    /// [`CutShort`](crate::CutShort).
    Error(Failure),
}

impl CloseReason {
    /// Whether it ended as both sides wanted.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Clean)
    }

    /// The error, if it was one.
    pub fn error(&self) -> Option<&Failure> {
        match self {
            Self::Error(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => f.write_str("closed cleanly"),
            Self::Aborted => f.write_str("aborted"),
            Self::Error(failure) => write!(f, "{failure:#}"),
        }
    }
}
