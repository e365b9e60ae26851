//! The driver: one future per endpoint. It receives, calls back, and repeats.

use std::any::type_name;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::endpoint::DatagramEndpoint;
use super::mailbox::Mailbox;
use super::view::{Clockwork, View};
use super::{DatagramProtocol, DatagramTransport};
use crate::event_loop::backend::Backend;
use crate::event_loop::calls::{WakeUp, after};
use crate::event_loop::lifecycle::LoopClosed;
use crate::event_loop::read_buffer::ReadBuffer;
use crate::event_loop::task;
use crate::net::udp::DatagramSocket;
use crate::promise::Promise as _;
use crate::promise::failure::{Failure, catch};
use crate::sync::primitive::Arc;

/// Datagrams per poll, after which other tasks get their turn.
const PER_POLL: usize = 32;

/// How long nothing is received after as many errors in a row: then they are not about single
/// datagrams any more.
const REST: Duration = Duration::from_secs(1);

/// Starts the endpoint.
#[track_caller]
pub(crate) fn drive<B, S, P>(
    lp: &B,
    socket: S,
    protocol: P,
) -> Result<DatagramEndpoint<P>, LoopClosed>
where
    B: Backend,
    S: DatagramSocket,
    P: DatagramProtocol,
{
    lp.state().check_open()?;
    let local = socket.local_addr().ok();
    let socket = Arc::new(socket);
    let mailbox = Arc::new(Mailbox::new(socket.clone(), local));
    let driver = Driver {
        lp: lp.clone(),
        socket: Some(socket),
        protocol: Some(protocol),
        mailbox: mailbox.clone(),
        clockwork: None,
        resting: None,
        errors: 0,
        started: false,
        closing: false,
    };
    task::spawn(lp, driver).detach();
    Ok(DatagramEndpoint::new(mailbox))
}

struct Driver<B: Backend, S: DatagramSocket, P: DatagramProtocol> {
    lp: B,
    /// Gone once it has stopped.
    socket: Option<Arc<S>>,
    /// Gone with it.
    protocol: Option<P>,
    mailbox: Arc<Mailbox<P>>,
    clockwork: Option<Box<Clockwork>>,
    /// Nothing is received until then.
    resting: Option<WakeUp>,
    /// In a row.
    errors: usize,
    started: bool,
    closing: bool,
}

impl<B: Backend, S: DatagramSocket, P: DatagramProtocol> Driver<B, S, P> {
    /// Makes one call. What it fails with is reported, and nothing else comes of it.
    fn call(
        &mut self,
        callback: impl FnOnce(&mut P, &mut dyn DatagramTransport) -> Result<(), Failure>,
    ) -> bool {
        let (Some(protocol), Some(socket)) = (&mut self.protocol, &self.socket) else {
            return false;
        };
        let state = self.lp.state();
        let mut view = View {
            socket: &**socket,
            clockwork: &mut self.clockwork,
            closing: &mut self.closing,
            clock: &|| state.now(),
        };
        let called = catch(|| callback(protocol, &mut view));
        let Err(failure) = called else {
            return true;
        };
        state.report_often(
            "a protocol over datagrams failed",
            type_name::<P>(),
            &failure,
        );
        false
    }

    /// Makes the calls that were asked for from outside.
    fn read_mail(&mut self, cx: &Context<'_>) {
        let mail = self.mailbox.take(cx.waker());
        for call in mail.calls {
            self.call(|protocol, transport| {
                call.into_inner()(Some((protocol, transport)));
                Ok(())
            });
        }
        self.closing |= mail.closing;
    }

    /// Tells what is due, and has the task woken for what is not.
    fn keep_time(&mut self, cx: &Context<'_>) {
        if self.clockwork.is_none() {
            return;
        }
        let now = self.lp.state().now();
        while !self.closing
            && let Some(clockwork) = &mut self.clockwork
        {
            if let Some(key) = clockwork.timers.take_due(now) {
                self.call(|protocol, transport| protocol.timer_fired(transport, key));
                continue;
            }
            match clockwork.timers.earliest() {
                Some(deadline) => {
                    clockwork.alarm.set(&self.lp, now, deadline, cx);
                }
                None => clockwork.alarm.clear(),
            }
            return;
        }
    }

    /// Receives what is there. True if there may be more.
    fn receive(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> bool {
        if self.resting.as_ref().is_some_and(WakeUp::is_pending) {
            return false;
        }
        self.resting = None;
        for _ in 0..PER_POLL {
            if self.closing {
                return false;
            }
            let Some(socket) = &self.socket else {
                return false;
            };
            match socket.poll_recv_from(cx, buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok((length, from))) => {
                    self.errors = 0;
                    let data = buffer.get(..length).unwrap_or_default();
                    self.call(|protocol, transport| {
                        protocol.datagram_received(transport, data, from)
                    });
                }
                Poll::Ready(Err(error)) => self.tell(error, cx),
            }
            if self.resting.is_some() {
                return false;
            }
        }
        true
    }

    /// Tells an error of the system's.
    fn tell(&mut self, error: io::Error, cx: &Context<'_>) {
        self.errors += 1;
        if self.errors > PER_POLL {
            self.errors = 0;
            let until: Instant = after(self.lp.state().now(), REST);
            self.resting = WakeUp::at(&self.lp, until, cx.waker()).ok();
        }
        self.call(|protocol, transport| protocol.error_received(transport, error));
    }

    /// Lets go of the protocol, the socket and the world outside. Runs once.
    fn stop(&mut self) {
        let Some(mut protocol) = self.protocol.take() else {
            return;
        };
        self.clockwork = None;
        self.resting = None;
        // A machine that lost its power tells nobody on it.
        let told = self.started && !self.lp.state().is_killed();
        let told = catch(|| {
            if told {
                protocol.stopped();
            }
            Ok(())
        });
        let dropped = catch(|| {
            drop(protocol);
            Ok(())
        });
        for failure in [told, dropped].into_iter().filter_map(Result::err) {
            let state = self.lp.state();
            state.report_often("a protocol's stopped failed", type_name::<P>(), &failure);
        }
        self.socket = None;
        self.mailbox.stop();
    }
}

impl<B: Backend, S: DatagramSocket, P: DatagramProtocol> Unpin for Driver<B, S, P> {}

impl<B: Backend, S: DatagramSocket, P: DatagramProtocol> Future for Driver<B, S, P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.started {
            this.started = true;
            this.closing |= !this.call(|protocol, transport| protocol.started(transport));
        }
        this.read_mail(cx);
        this.keep_time(cx);
        let more = {
            let mut buffer = ReadBuffer::borrow();
            this.receive(cx, buffer.as_mut())
        };
        if this.closing {
            this.stop();
            return Poll::Ready(());
        }
        // What the callbacks have set since.
        this.keep_time(cx);
        if this.closing || more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<B: Backend, S: DatagramSocket, P: DatagramProtocol> Drop for Driver<B, S, P> {
    /// The loop ended, or the runtime below it: the protocol is told all the same.
    fn drop(&mut self) {
        self.stop();
    }
}
