//! [`Transport`]: a communication channel, as a protocol sees it inside its
//! callbacks.

use std::time::{Duration, Instant};

use thiserror::Error;

use crate::promise::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::connection::TransportHandle;
use crate::protocol::peer::Peer;
use crate::protocol::timer_key::TimerKey;
use crate::protocol::upgrade::{Upgrade, UpgradeError};

/// A communication channel.
///
/// A protocol is lent it for the time of each callback. Nothing here blocks, and
/// nothing calls back into the protocol before its callback has returned
/// (TRAN-02). Code outside of the callbacks uses a [handle](Self::handle), or a
/// [`Connection`](crate::Connection::of), which knows the protocol.
///
/// # Order
/// What a callback writes here is sent in the order it was written. What handles ask for
/// meanwhile, the callback's own included, is done when the callback has returned, in the
/// order it was asked for: so a callback's own writes come before what is written through
/// a handle inside of it (TRAN-37).
///
/// # Ends
/// Four ways lead out of a connection:
///
/// | | what was written | the peer sees | the reason told |
/// | --- | --- | --- | --- |
/// | [`close`](Self::close) | is sent | an end | clean |
/// | [`fail`](Self::fail) | is sent | an end | the failure; not reported |
/// | [`abort`](Self::abort) | is dropped | a reset | aborted |
/// | an error or a panic of a callback | is dropped | a reset | the failure; reported |
///
/// ```
/// use polyloop_core::{Failure, Flow, Protocol, Transport};
///
/// struct Ones(usize);
///
/// impl Protocol for Ones {
///     fn connection_made(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         self.resume_writing(transport)
///     }
///     fn resume_writing(&mut self, transport: &mut dyn Transport) -> Result<(), Failure> {
///         while self.0 > 0 {
///             self.0 -= 1;
///             // Goes on when the peer has caught up.
///             if transport.write(&[1; 1024])? == Flow::Pause {
///                 return Ok(());
///             }
///         }
///         transport.close();
///         Ok(())
///     }
///     fn data_received(&mut self, _: &mut dyn Transport, _: &[u8]) -> Result<(), Failure> {
///         Ok(())
///     }
/// }
/// ```
pub trait Transport {
    /// Sends `data`: all of it, in order, before the end of a graceful close
    /// (TRAN-01). What one callback writes leaves in one system call, unless it is
    /// large.
    ///
    /// What the system does not take at once is buffered, however much it is. The
    /// answer is [`Flow::Pause`] while more than the high watermark is buffered; then
    /// a considerate writer waits for
    /// [`resume_writing`](crate::Protocol::resume_writing).
    ///
    /// So that one connection does not hold a thread, no more than a few MiB go to the
    /// system inside of this call. The rest of a larger write is copied, once and in one
    /// go, since the slice is only lent: for hundreds of MiB the copy holds the thread as
    /// long as it takes. Who has that much writes it in pieces, the next one when
    /// [`Flow::Pause`] is over, or gives it to a [handle](Self::handle) as
    /// [`Bytes`](bytes::Bytes), of which a large one is not copied.
    fn write(&mut self, data: &[u8]) -> Result<Flow, WriteError>;

    /// Sends the parts as if they were one (TRAN-04).
    fn write_parts(&mut self, parts: &[&[u8]]) -> Result<Flow, WriteError> {
        let mut flow = self.write(&[])?;
        for part in parts {
            flow = self.write(part)?;
        }
        Ok(flow)
    }

    /// Sends what is buffered, then tells the peer that no more comes, while reading
    /// goes on: Twisted's `loseWriteConnection`, asyncio's `write_eof`. A second one,
    /// or one after close, does nothing (TRAN-14, TRAN-15).
    ///
    /// Not every stream can: over a secure one it is refused with
    /// [`WriteError::NoHalfClose`], and nothing is changed (TLS-14).
    /// [`can_write_eof`](Self::can_write_eof) tells beforehand; who has nothing more to
    /// say there closes.
    fn write_eof(&mut self) -> Result<(), WriteError>;

    /// Whether this side can end while it goes on reading (TLS-14).
    fn can_write_eof(&self) -> bool;

    /// Turns the connection into another one, such as a secure one: `startTLS`, `start_tls`.
    ///
    /// * What was written before leaves first, as it is. What is written from here on, by
    ///   whomever, waits for the upgrade and goes through it (TRAN-49).
    /// * `read_ahead` is what the protocol was given and has not consumed, behind the last
    ///   byte that was meant for it: the layer reads it first. A peer that sends the beginning
    ///   of its handshake in the same segment loses nothing; one that has slipped in anything
    ///   else fails the upgrade (TLS-10, TRAN-50).
    /// * Nothing is received until [`upgraded`](crate::Protocol::upgraded) has been called,
    ///   and then what came through the layer (TLS-09). [`peer`](Self::peer) is whom it has
    ///   found there (TRAN-51).
    /// * If it fails, or takes [too long](crate::UpgradeOptions#structfield.handshake_limit),
    ///   the connection is lost with the layer's failure (TRAN-52).
    /// * A close meanwhile is prompt, unless something was written that waits for the
    ///   upgrade; an abort is in any case (TLS-13, TRAN-53).
    ///
    /// A connection can be upgraded once. Where it can't be, nothing is changed (TRAN-54).
    fn upgrade(&mut self, upgrade: &Upgrade, read_ahead: &[u8]) -> Result<(), UpgradeError>;

    /// Whether an upgrade was asked for that is not done yet.
    fn is_upgrading(&self) -> bool;

    /// Adds to what the layer of an upgrade reads first: for what wraps a protocol and holds
    /// what that has not been given, in the callback that has asked for the upgrade. Later, when
    /// the layer may have begun to read, it is an error, as it is without an upgrade
    /// (FRAME-14).
    fn read_ahead(&mut self, more: &[u8]) -> Result<(), UpgradeError>;

    /// What the next write would answer, as far as it is known now.
    fn flow(&self) -> Flow;

    /// Sends what is buffered, then ends the connection with a clean
    /// `connection_lost`. From here on nothing more is received (TRAN-05, TRAN-06);
    /// timers still fire, so a protocol can lose patience (TRAN-35).
    ///
    /// Clean is a promise: everything that was written has reached the peer's system, as
    /// far as this side can know (TRAN-34). It takes as long as the peer takes, and ends
    /// with an error ([`CutShort`](crate::CutShort)) if the peer takes nothing for a minute,
    /// or if the loop's run ends and its shutdown limit is up. What this side can know
    /// depends on the [stream](crate::Stream::unconfirmed); and a peer that has ended its own
    /// side is not asked after the last few KiB, which the system then sends by itself.
    fn close(&mut self);

    /// The same, and what has not reached the peer's system when `limit` has passed is cut:
    /// the peer sees a reset, and the reason is [`CutShort`](crate::CutShort). After a
    /// close it sets the limit, or lowers it (TRAN-35).
    fn close_within(&mut self, limit: Duration);

    /// Sends what is buffered, then ends the connection with `reason`, which is not
    /// reported: a peer that breaks the protocol is an everyday event (PROTO-16). The
    /// first reason stays.
    fn fail(&mut self, reason: Failure);

    /// Ends the connection now: what is buffered is dropped, and the peer sees a
    /// reset (TRAN-09), or over a UNIX socket, which on Linux knows none, a mere end.
    /// `connection_lost` follows when the callback has returned.
    fn abort(&mut self);

    /// Whether a close or abort was asked for, or the connection is lost (TRAN-18).
    fn is_closing(&self) -> bool;

    /// Delivers nothing more until [`resume_reading`](Self::resume_reading), the
    /// peer's end included; nothing is lost (TRAN-24 to TRAN-26). A reset by the peer ends
    /// the connection all the same, within seconds (PROTO-15).
    fn pause_reading(&mut self);

    /// Undoes [`pause_reading`](Self::pause_reading).
    fn resume_reading(&mut self);

    /// Whether reading is paused. A protocol that makes several messages of one piece of data
    /// looks here after each, and holds the rest back until
    /// [`reading_resumed`](crate::Protocol::reading_resumed).
    fn is_reading_paused(&self) -> bool;

    /// How many bytes wait in the write buffer.
    fn write_buffer_size(&self) -> usize;

    /// The watermarks of the write buffer.
    fn write_limits(&self) -> WriteLimits;

    /// Changes the watermarks, with immediate effect (TRAN-23).
    fn set_write_limits(&mut self, limits: WriteLimits);

    /// This end's address; readable after the connection is lost, too (TRAN-30).
    fn local_addr(&self) -> Option<Address>;

    /// The other end's address.
    fn peer_addr(&self) -> Address;

    /// The other end: its address, and over a secure or a UNIX connection what else is
    /// known of it (TLS-12), as its [factory](crate::ProtocolFactory) saw it.
    fn peer(&self) -> Peer;

    /// Whether small writes leave at once; on unless set (TRAN-27).
    fn nodelay(&self) -> std::io::Result<bool>;

    /// See [`nodelay`](Self::nodelay).
    fn set_nodelay(&mut self, on: bool) -> std::io::Result<()>;

    /// Whether the system probes an idle peer; off unless set.
    fn keepalive(&self) -> std::io::Result<bool>;

    /// See [`keepalive`](Self::keepalive).
    fn set_keepalive(&mut self, on: bool) -> std::io::Result<()>;

    /// The loop's clock.
    fn now(&self) -> Instant;

    /// Calls [`timer_fired`](crate::Protocol::timer_fired) with `key` when `delay` has
    /// passed. A connection has one timer for each key; setting it again moves it, which is
    /// cheap enough to do at every read. Timers fire in the order they are due, also while
    /// the connection is closing (TRAN-35, PROTO-17).
    fn set_timer(&mut self, key: TimerKey, delay: Duration);

    /// Stops the timer of that key. False if it was not set, or has fired.
    fn cancel_timer(&mut self, key: TimerKey) -> bool;

    /// How long the connection may be silent; `None` is without end (POL-02).
    fn idle_limit(&self) -> Option<Duration>;

    /// Sets how long nothing may come and nothing be sent before
    /// [`went_idle`](crate::Protocol::went_idle) is called, counted from now; `None` calls it
    /// never. The answer is the limit before. One that was passed counts again once it is
    /// set. What is written and does not reach the system is no sign of life.
    fn set_idle_limit(&mut self, limit: Option<Duration>) -> Option<Duration>;

    /// Counts the silence from now, for a protocol that knows of a sign of life which this
    /// connection has not shown. Without a limit, or when it was passed, this does nothing
    /// (POL-02).
    fn reset_idle(&mut self);

    /// A handle for code outside of the callbacks, and for other threads.
    fn handle(&self) -> TransportHandle;
}

/// What a writer should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on writing.
    Continue,
    /// The write buffer is over its high mark: wait for `resume_writing`.
    Pause,
}

/// The watermarks of a write buffer, in bytes.
///
/// Writing pauses when *more* than `high` is buffered (TRAN-21) and resumes when
/// `low` or less is left. 64 KiB and 16 KiB unless set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteLimits {
    high: usize,
    low: usize,
}

impl WriteLimits {
    /// Both marks; `low` may not be over `high`.
    pub fn new(high: usize, low: usize) -> Result<Self, InvalidLimits> {
        if low > high {
            return Err(InvalidLimits { high, low });
        }
        Ok(Self { high, low })
    }

    /// The high mark, and a quarter of it as the low one.
    pub fn with_high(high: usize) -> Self {
        Self {
            high,
            low: high / 4,
        }
    }

    /// Over this many bytes, writing pauses.
    pub fn high(self) -> usize {
        self.high
    }

    /// At this many bytes or fewer, it resumes.
    pub fn low(self) -> usize {
        self.low
    }
}

impl Default for WriteLimits {
    fn default() -> Self {
        Self::with_high(64 * 1024)
    }
}

/// Watermarks the wrong way round.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the low watermark ({low} bytes) is over the high one ({high} bytes)")]
#[non_exhaustive]
pub struct InvalidLimits {
    /// The high mark given.
    pub high: usize,
    /// The low mark given.
    pub low: usize,
}

/// Why nothing was written. Nothing of the data reaches the peer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// A close was asked for before (TRAN-07).
    #[error("the connection is closing and takes no more data")]
    Closing,
    /// `write_eof` was called before (TRAN-15).
    #[error("the sending side was ended with `write_eof` and takes no more data")]
    AfterEof,
    /// The stream can't end one side alone (TLS-14).
    #[error("the stream can't end its sending side and go on reading; close it instead")]
    NoHalfClose,
    /// The connection is lost (TRAN-08).
    #[error("the connection is lost and takes no more data")]
    Closed,
}

impl From<WriteError> for Failure {
    #[track_caller]
    fn from(error: WriteError) -> Self {
        Self::new(error)
    }
}

impl From<InvalidLimits> for Failure {
    #[track_caller]
    fn from(error: InvalidLimits) -> Self {
        Self::new(error)
    }
}
