//! The driver: one hand-written future per connection. It reads, calls back,
//! sends, and repeats; it is generic over the stream, so the same code runs over
//! every runtime's sockets.
//!
//! ```text
//!  connection_made ─► turn: mail, timer, send, read ─► … ─► connection_lost ─► linger
//! ```

mod turn;

use std::cell::OnceCell;
use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use turn::{TURNS_PER_POLL, Turn};

use super::io::Io;
use super::mailbox::Mailbox;
use super::read_buffer::ReadBuffer;
use crate::event_loop::backend::Backend;
use crate::event_loop::calls::after;
use crate::promise::deferred::Resolver;
use crate::promise::failure::{Failure, catch};
use crate::protocol::stream::Stream;
use crate::protocol::transport::WriteLimits;
use crate::protocol::{CloseReason, Protocol};
use crate::sync::primitive::Arc;

/// How long the system's buffers get to reach a peer that has not ended its side.
///
/// Closing a socket with unread input makes the system send a reset, which may
/// overtake what was sent before it. So after the last byte and the end of stream
/// the socket is kept, what comes is thrown away, and it is closed when the peer
/// has ended, too, or after this time.
const LINGER: Duration = Duration::from_secs(2);

/// Where a connection comes from, a server or a client: what it has from there until it
/// is lost, and how the world outside reaches it.
pub(crate) trait Origin<P: Protocol>: Send + 'static {
    /// The loop it runs on.
    type Backend: Backend;
    fn backend(&self) -> &Self::Backend;
    /// The watermarks that the connection begins with.
    fn limits(&self) -> WriteLimits;
    /// The other end's address.
    fn peer(&self) -> SocketAddr;
    /// Notes whom a post wakes, for good.
    fn attend(&self, waker: &Waker);
    /// The mailbox, if somebody outside may have it. Cheap if not: asked at every poll.
    fn known_mailbox(&self) -> Option<Arc<Mailbox<P>>>;
    /// The mailbox, made if it isn't there.
    fn mailbox(&self) -> Arc<Mailbox<P>>;
    /// A close was asked for: nobody outside may write any more.
    fn set_closing(&self);
    /// Who waits for `connection_made`: to be settled once it has succeeded or failed.
    fn take_made(&mut self) -> Option<Resolver<()>>;
    /// The connection is lost: tells whoever has the mailbox. Called once, and nothing
    /// else after it.
    fn lose(&mut self, reason: &CloseReason);
}

pub(crate) struct Driver<P: Protocol, O: Origin<P>, S: Stream> {
    origin: O,
    io: Io<S>,
    /// Gone once it has been told of the loss.
    protocol: Option<P>,
    phase: Phase,
    /// The turns of this poll were used up, or something happened that may lead to
    /// more.
    busy: bool,
    /// Empty as long as nobody outside needs it.
    mailbox: OnceCell<Arc<Mailbox<P>>>,
    /// Which waker the origin has been given; a task's does not change in practice.
    known_waker: Option<NonZero<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not yet polled.
    New,
    Open,
    Lingering,
    Done,
}

impl<P: Protocol, O: Origin<P>, S: Stream> Driver<P, O, S> {
    pub(crate) fn new(origin: O, stream: S, protocol: P) -> Self {
        Self {
            origin,
            io: Io::new(stream),
            protocol: Some(protocol),
            phase: Phase::New,
            busy: false,
            mailbox: OnceCell::new(),
            known_waker: None,
        }
    }

    /// Lets go of the protocol and the world outside. Runs once.
    fn lose(&mut self, reason: CloseReason) {
        let Some(mut protocol) = self.protocol.take() else {
            return;
        };
        self.stop_timer();
        self.look_for_mailbox();
        // The origin has it, too, and asks for no address.
        if let (Some(stream), Some(mailbox)) = (&self.io.stream, self.mailbox.get())
            && Arc::strong_count(mailbox) > 2
            && mailbox.known_local().is_none()
            && let Ok(address) = stream.local_addr()
        {
            mailbox.set_local(address);
        }
        if !reason.is_clean()
            && let Some(stream) = self.io.stream.take()
        {
            // Fails only where there is no connection left to reset.
            let _ = stream.reset_on_drop();
        }
        let made = self.phase != Phase::New;
        self.phase = Phase::Done;
        let told = catch(|| {
            if made {
                protocol.connection_lost(reason.clone());
            }
            Ok(())
        });
        let dropped = catch(|| {
            drop(protocol);
            Ok(())
        });
        for failure in [told, dropped].into_iter().filter_map(Result::err) {
            self.origin
                .backend()
                .state()
                .report("a protocol's connection_lost failed", &failure);
        }
        self.origin.lose(&reason);
    }

    /// Takes the mailbox that somebody outside may have been given.
    fn look_for_mailbox(&mut self) {
        if self.mailbox.get().is_none()
            && let Some(mailbox) = self.origin.known_mailbox()
        {
            let _ = self.mailbox.set(mailbox);
        }
    }

    fn stop_timer(&mut self) {
        if let Some(rare) = self.io.rare() {
            rare.timer.clear();
        }
    }

    /// Keeps the socket for a while, for what is on its way.
    fn linger(&mut self) {
        self.phase = Phase::Lingering;
        let until = after(self.origin.backend().state().now(), LINGER);
        self.io.rare_or_new().timer.set(until);
    }

    /// Ready when the socket can go.
    fn poll_linger(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<()> {
        if self.phase != Phase::Lingering {
            return Poll::Ready(());
        }
        if let Some(rare) = self.io.rare() {
            // A closed loop keeps no time any more.
            if rare.timer.poll(self.origin.backend(), cx) || !rare.timer.is_armed() {
                return Poll::Ready(());
            }
        }
        let Some(stream) = &mut self.io.stream else {
            return Poll::Ready(());
        };
        for _ in 0..TURNS_PER_POLL {
            match Pin::new(&mut *stream).poll_read(cx, scratch) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
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

    fn poll_open(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<CloseReason> {
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
            Ok(Turn::Lost(reason)) | Err(reason) => Poll::Ready(reason),
        }
    }
}

/// What tells a waker from another of the same task, in half the room of a clone. The
/// origin keeps a clone, so neither address is given to anything else meanwhile. Two of
/// one kind always differ, and two of different kinds all but certainly.
fn mark_of(waker: &Waker) -> Option<NonZero<usize>> {
    let vtable = std::ptr::from_ref(waker.vtable()).addr();
    NonZero::new(waker.data().addr() ^ vtable.rotate_left(usize::BITS / 2))
}

impl<P: Protocol, O: Origin<P>, S: Stream> Unpin for Driver<P, O, S> {}

impl<P: Protocol, O: Origin<P>, S: Stream> Future for Driver<P, O, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut scratch = ReadBuffer::borrow();
        if this.protocol.is_some() {
            let waker = mark_of(cx.waker());
            if waker.is_none() || waker != this.known_waker {
                this.origin.attend(cx.waker());
                this.known_waker = waker;
            }
            this.look_for_mailbox();
            let reason = ready!(this.poll_open(cx, scratch.as_mut()));
            let linger = reason.is_clean() && !this.io.eof_received;
            this.lose(reason);
            if linger {
                this.linger();
            }
        }
        ready!(this.poll_linger(cx, scratch.as_mut()));
        this.phase = Phase::Done;
        this.io.stream = None;
        Poll::Ready(())
    }
}

impl<P: Protocol, O: Origin<P>, S: Stream> Drop for Driver<P, O, S> {
    /// The loop ended, or the runtime below it: the protocol is told all the same
    /// (LOOP-09).
    fn drop(&mut self) {
        self.lose(CloseReason::Aborted);
    }
}
