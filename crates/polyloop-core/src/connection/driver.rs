//! The driver: one hand-written future per connection. It reads, calls back,
//! sends, and repeats; it is generic over the stream, so the same code runs over
//! every runtime's sockets.
//!
//! ```text
//!  connection_made ─► turn: mail, timer, send, read ─► … ─► connection_lost ─► linger
//! ```

mod turn;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use turn::{TURNS_PER_POLL, Turn};

use super::io::Io;
use super::mailbox::Mailbox;
use super::scratch::ReadBuffer;
use crate::backend::Backend;
use crate::calls::{WakeUp, after};
use crate::deferred::Resolver;
use crate::failure::{Failure, catch};
use crate::net::Stream;
use crate::net::server::Membership;
use crate::protocol::{CloseReason, Protocol};
use crate::transport::WriteLimits;

/// How long the system's buffers get to reach a peer that has not ended its side.
///
/// Closing a socket with unread input makes the system send a reset, which may
/// overtake what was sent before it. So after the last byte and the end of stream
/// the socket is kept, what comes is thrown away, and it is closed when the peer
/// has ended, too, or after this time.
const LINGER: Duration = Duration::from_secs(2);

pub(crate) struct Driver<P: Protocol, B: Backend, S: Stream> {
    backend: B,
    io: Io<S>,
    /// Gone once it has been told of the loss.
    protocol: Option<P>,
    mailbox: Arc<Mailbox<P>>,
    phase: Phase,
    /// What the mailbox has been given; a task's waker does not change in practice.
    waker: Option<Waker>,
    /// The turns of this poll were used up, or something happened that may lead to
    /// more.
    busy: bool,
    /// What ends with the connection.
    until_lost: Option<UntilLost<P>>,
}

/// What a connection holds until it is lost, and lets go of by dropping.
pub(crate) enum UntilLost<P: Protocol> {
    /// Its place among its server's connections.
    Member(#[expect(dead_code, reason = "held for its drop")] Membership<P>),
    /// The factory of a client.
    Client(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send>),
}

enum Phase {
    /// Not yet polled. A client's connect waits for `connection_made`.
    New(Option<Resolver<()>>),
    Open,
    Lingering(Option<WakeUp>),
    Done,
}

impl<P: Protocol, B: Backend, S: Stream> Driver<P, B, S> {
    pub(crate) fn new(
        backend: B,
        stream: S,
        protocol: P,
        mailbox: Arc<Mailbox<P>>,
        limits: WriteLimits,
    ) -> Self {
        Self {
            backend,
            io: Io::new(stream, limits),
            protocol: Some(protocol),
            mailbox,
            phase: Phase::New(None),
            waker: None,
            busy: false,
            until_lost: None,
        }
    }

    /// Settles `made` once `connection_made` has succeeded or failed.
    pub(crate) fn tell_made(mut self, made: Resolver<()>) -> Self {
        self.phase = Phase::New(Some(made));
        self
    }

    /// Keeps `until_lost` until the connection is lost.
    pub(crate) fn holding(mut self, until_lost: UntilLost<P>) -> Self {
        self.until_lost = Some(until_lost);
        self
    }

    /// Lets go of the protocol and the world outside. Runs once.
    fn lose(&mut self, reason: CloseReason) {
        let Some(mut protocol) = self.protocol.take() else {
            return;
        };
        self.io.stop_timer();
        // Its server's list holds it, too, and asks for no address.
        let known_to_all = 1 + usize::from(matches!(self.until_lost, Some(UntilLost::Member(_))));
        if let Some(stream) = &self.io.stream
            && Arc::strong_count(&self.mailbox) > known_to_all
            && self.mailbox.known_local().is_none()
            && let Ok(address) = stream.local_addr()
        {
            self.mailbox.set_local(address);
        }
        if !reason.is_clean()
            && let Some(stream) = self.io.stream.take()
        {
            // Fails only where there is no connection left to reset.
            let _ = stream.reset_on_drop();
        }
        let made = !matches!(self.phase, Phase::New(_));
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
            self.backend
                .state()
                .report("a protocol's connection_lost failed", &failure);
        }
        self.mailbox.lose(&reason);
        self.until_lost = None;
    }

    /// Ready when the socket can go.
    fn poll_linger(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<()> {
        let Phase::Lingering(wake_up) = &mut self.phase else {
            return Poll::Ready(());
        };
        let Some(stream) = &mut self.io.stream else {
            return Poll::Ready(());
        };
        match wake_up {
            None => {
                let until = after(self.backend.state().now(), LINGER);
                match WakeUp::at(&self.backend, until, cx.waker()) {
                    Ok(armed) => *wake_up = Some(armed),
                    Err(_) => return Poll::Ready(()),
                }
            }
            Some(armed) if !armed.is_pending() => return Poll::Ready(()),
            Some(_) => {}
        }
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
        let Phase::New(waiting) = std::mem::replace(&mut self.phase, Phase::Open) else {
            return Ok(Turn::Again);
        };
        let made = self.call(cx, |p, t| p.connection_made(t));
        let Some(waiting) = waiting else {
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
        let turn = if matches!(self.phase, Phase::New(_)) {
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

impl<P: Protocol, B: Backend, S: Stream> Unpin for Driver<P, B, S> {}

impl<P: Protocol, B: Backend, S: Stream> Future for Driver<P, B, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut scratch = ReadBuffer::borrow();
        if this.protocol.is_some() {
            if !this.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                this.mailbox.set_driver(cx.waker());
                this.waker = Some(cx.waker().clone());
            }
            let reason = ready!(this.poll_open(cx, scratch.as_mut()));
            let linger = reason.is_clean() && !this.io.eof_received;
            this.lose(reason);
            if linger {
                this.phase = Phase::Lingering(None);
            }
        }
        ready!(this.poll_linger(cx, scratch.as_mut()));
        this.phase = Phase::Done;
        this.io.stream = None;
        Poll::Ready(())
    }
}

impl<P: Protocol, B: Backend, S: Stream> Drop for Driver<P, B, S> {
    /// The loop ended, or the runtime below it: the protocol is told all the same
    /// (LOOP-09).
    fn drop(&mut self) {
        self.lose(CloseReason::Aborted);
    }
}
