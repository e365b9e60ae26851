//! The driver: one hand-written future per connection. It reads, calls back,
//! sends, and repeats; it is generic over the stream, so the same code runs over
//! every runtime's sockets.
//!
//! ```text
//!  connection_made ─► turn: mail, send, read, timers ─► … ─► close: until the peer has all
//!                     ▲                          │                 │
//!                     └──────────────────────────┘          connection_lost ─► linger
//! ```

mod farewell;
mod mail;
mod turn;
mod upgrade;

use std::any::type_name;
use std::cell::OnceCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

pub(super) use mail::Backlog;
use turn::Turn;

use super::io::Io;
use super::mailbox::Mailbox;
use super::rare::Rare;
use crate::event_loop::backend::Backend;
use crate::event_loop::read_buffer::ReadBuffer;
use crate::event_loop::task::{has_same_waker, take_cancel};
use crate::promise::deferred::Resolver;
use crate::promise::failure::{Failure, catch};
use crate::protocol::peer::Peer;
use crate::protocol::stream::Stream;
use crate::protocol::transport::WriteLimits;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::Arc;

/// Where a connection comes from, a server or a client: what it has from there until it
/// is lost, and how the world outside reaches it. It is dropped when the socket has gone,
/// which may be later (TRAN-36).
pub(crate) trait Origin: Send + 'static {
    /// The loop it runs on.
    type Backend: Backend;
    fn backend(&self) -> &Self::Backend;
    /// The watermarks that the connection begins with.
    fn limits(&self) -> WriteLimits;
    /// The other end.
    fn peer(&self) -> Peer;
    /// Notes whom a post wakes, for good.
    fn attend(&self, waker: &Waker);
    /// The mailbox, if somebody outside may have it. Cheap if not: asked at every poll.
    fn known_mailbox(&self) -> Option<Arc<Mailbox>>;
    /// The mailbox, made if it isn't there.
    fn mailbox(&self) -> Arc<Mailbox>;
    /// A close was asked for: nobody outside may write any more.
    fn set_closing(&self);
    /// Who waits for `connection_made`: to be settled once it has succeeded or failed.
    fn take_made(&mut self) -> Option<Resolver<()>>;
    /// The connection is lost: tells whoever has the mailbox. Called once, and nothing but
    /// [`backend`](Self::backend) after it.
    fn lose(&mut self, reason: &CloseReason);
}

pub(crate) struct Driver<P: Protocol, O: Origin, S: Stream> {
    // The socket goes before its place in the list of its server.
    io: Io<S>,
    origin: O,
    /// Gone once it has been told of the loss.
    protocol: Option<P>,
    phase: Phase,
    /// The turns of this poll were used up, or something happened that may lead to
    /// more.
    busy: bool,
    /// Empty as long as nobody outside needs it.
    mailbox: OnceCell<Arc<Mailbox>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not yet polled.
    New,
    Open,
    Lingering,
    Done,
}

impl<P: Protocol, O: Origin, S: Stream> Driver<P, O, S> {
    pub(crate) fn new(origin: O, stream: S, protocol: P) -> Self {
        Self::over(origin, Io::new(stream), protocol)
    }

    /// Drives a connection that broke before anybody had seen it: it is made, and lost.
    pub(crate) fn already_broken(origin: O, error: io::Error, protocol: P) -> Self {
        Self::over(origin, Io::broken(error), protocol)
    }

    fn over(origin: O, io: Io<S>, protocol: P) -> Self {
        Self {
            origin,
            io,
            protocol: Some(protocol),
            phase: Phase::New,
            busy: false,
            mailbox: OnceCell::new(),
        }
    }

    /// The silence that it may keep, counted from now.
    pub(crate) fn limit_idle(&mut self, limit: Option<Duration>) {
        if limit.is_some() {
            let now = self.origin.backend().state().now();
            self.io.rare_or_new().idle.set(now, limit);
        }
    }

    /// Lets go of the protocol and the world outside. Runs once. Of a connection that has
    /// come to a good end the socket is left.
    fn lose(&mut self, reason: CloseReason, good: bool) {
        let Some(mut protocol) = self.protocol.take() else {
            return;
        };
        if let Some(rare) = self.io.rare() {
            *rare = Rare::default();
        }
        self.look_for_mailbox();
        self.note_local_addr();
        if !good && let Some(stream) = self.io.stream.take() {
            stream.reset();
        }
        // A machine that lost its power tells nobody on it.
        let told = self.phase != Phase::New && !self.origin.backend().state().is_killed();
        self.phase = Phase::Done;
        let told = catch(|| {
            if told {
                protocol.connection_lost(reason.clone());
            }
            Ok(())
        });
        let dropped = catch(|| {
            drop(protocol);
            Ok(())
        });
        for failure in [told, dropped].into_iter().filter_map(Result::err) {
            self.report("a protocol's connection_lost failed", &failure);
        }
        self.origin.lose(&reason);
    }

    /// For whoever asks a handle when the socket has gone (TRAN-30).
    fn note_local_addr(&self) {
        // The origin has the mailbox, too, and asks for no address.
        if let (Some(stream), Some(mailbox)) = (&self.io.stream, self.mailbox.get())
            && Arc::strong_count(mailbox) > 2
            && mailbox.known_local().is_none()
            && let Ok(address) = stream.local_addr()
        {
            mailbox.set_local(address);
        }
    }

    /// What peers can bring about any number of times is reported within limits.
    fn report(&self, context: &'static str, failure: &Failure) {
        let state = self.origin.backend().state();
        state.report_often(context, type_name::<P>(), failure);
    }

    /// Takes the mailbox that somebody outside may have been given.
    fn look_for_mailbox(&mut self) {
        if self.mailbox.get().is_none()
            && let Some(mailbox) = self.origin.known_mailbox()
        {
            let _ = self.mailbox.set(mailbox);
            self.note_local_addr();
        }
    }

    fn make(&mut self, cx: &mut Context<'_>) -> Result<Turn, CloseReason> {
        self.phase = Phase::Open;
        let made = self.call(cx, |p, t| p.connection_made(t));
        let Some(waiting) = self.origin.take_made() else {
            made?;
            return Ok(Turn::Wait);
        };
        match made {
            Ok(()) => waiting.resolve(()).map_err(|()| {
                // The connect was given up, so nobody would hold the connection.
                CloseReason::Aborted
            })?,
            // It was made all the same: that it broke meanwhile is told as it would be a
            // moment later (CLI-20).
            Err(CloseReason::Error(failure)) if self.io.is_broken_by(&failure) => {
                let _ = waiting.resolve(());
                return Err(CloseReason::Error(failure));
            }
            Err(reason) => {
                let _ = waiting.reject(match &reason {
                    CloseReason::Error(failure) => failure.clone(),
                    other => Failure::message(format!("the new connection was {other}")),
                });
                return Err(reason);
            }
        }
        // Whoever waits for the connection gets it before the first data (PROTO-02).
        Ok(Turn::Again)
    }

    /// Ready when the connection has ended: with its reason, and whether the end was good.
    fn poll_open(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<(CloseReason, bool)> {
        let turn = if self.phase == Phase::New {
            self.make(cx)
        } else {
            Ok(Turn::Wait)
        };
        let turn = match turn {
            Ok(Turn::Wait) => self.turn(cx, scratch),
            Ok(Turn::Again) => self.flush(cx).map(|()| Turn::Again),
            other => other,
        };
        match turn {
            Ok(Turn::Wait) => Poll::Pending,
            Ok(Turn::Again) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(Turn::Over(reason)) => Poll::Ready((reason, true)),
            Err(reason) => Poll::Ready((reason, false)),
        }
    }
}

impl<P: Protocol, O: Origin, S: Stream> Unpin for Driver<P, O, S> {}

impl<P: Protocol, O: Origin, S: Stream> Future for Driver<P, O, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut scratch = ReadBuffer::borrow();
        // Asked at every poll: it also says that the end of the loop is to be told here.
        let loop_ends = take_cancel().is_some();
        if this.protocol.is_some() {
            // The task remembers its waker, so the driver need not; it does not change in
            // practice.
            if !has_same_waker() {
                this.origin.attend(cx.waker());
            }
            this.look_for_mailbox();
            let ended = match loop_ends.then(|| this.hurry(cx)) {
                Some(Err(reason)) => Poll::Ready((reason, false)),
                _ => this.poll_open(cx, scratch.as_mut()),
            };
            let (reason, good) = ready!(ended);
            this.lose(reason, good);
            if good {
                this.linger();
            }
        } else if loop_ends {
            this.hurry_lingering();
        }
        ready!(this.poll_linger(cx, scratch.as_mut()));
        this.phase = Phase::Done;
        this.io.stream = None;
        Poll::Ready(())
    }
}

impl<P: Protocol, O: Origin, S: Stream> Drop for Driver<P, O, S> {
    /// The loop ended, or the runtime below it: the protocol is told all the same
    /// (LOOP-09).
    fn drop(&mut self) {
        if self.protocol.is_some() {
            let reason = self.torn();
            self.lose(reason, false);
        }
    }
}
