//! The driver of a child: one future per process. It writes what waits, reads, calls back,
//! and hears of the end.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use futures_io::{AsyncRead as _, AsyncWrite as _};

use super::process::Shared;
use super::transport::{Input, place};
use super::{
    Child, ChildInput, ChildOutput, OutputPipe, Process, ProcessEnd, ProcessError, ProcessProtocol,
    ProcessTransport,
};
use crate::event_loop::read_buffer::ReadBuffer;
use crate::event_loop::state::LoopState;
use crate::event_loop::task::{self, take_cancel};
use crate::os::Watch;
use crate::promise::Promise as _;
use crate::promise::failure::{Failure, catch};
use crate::sync::primitive::Arc;

/// Reads of one pipe per poll, after which others get their turn.
const READS_PER_POLL: usize = 8;

/// The same of writes.
const WRITES_PER_POLL: usize = 8;

#[track_caller]
pub(super) fn start<L: Watch, P: ProcessProtocol>(
    lp: &L,
    mut child: Child<L>,
    protocol: P,
) -> Result<Process<P>, ProcessError> {
    lp.state().check_open()?;
    let input = child.stdin.take();
    let outputs = [child.stdout.take(), child.stderr.take()];
    let reads = [outputs[0].is_some(), outputs[1].is_some()];
    let kin = child.kin.clone();
    let transport = ProcessTransport::new(kin.clone(), input.is_some(), reads);
    let shared = Shared::new(kin.clone());
    let exit = async move { kin.ended().await };
    let driver = Driver {
        state: lp.state().clone(),
        child,
        input,
        outputs,
        transport,
        protocol: Some(protocol),
        shared: shared.clone(),
        exit: Box::pin(exit),
        exited: None,
        started: false,
        backlog: false,
        skipped: false,
    };
    task::spawn(lp, driver).detach();
    Ok(Process { shared })
}

struct Driver<L: Watch, P: ProcessProtocol> {
    /// No handle of the loop, which goes with the last that its users have (LOOP-51).
    state: Arc<LoopState>,
    /// Without its pipes. It may have to be killed when this goes.
    child: Child<L>,
    input: Option<ChildInput<L>>,
    outputs: [Option<ChildOutput<L>>; 2],
    transport: ProcessTransport,
    /// Gone once it was told of the end.
    protocol: Option<P>,
    shared: Arc<Shared<P>>,
    exit: Pin<Box<dyn Future<Output = io::Result<ExitStatus>> + Send>>,
    exited: Option<io::Result<ExitStatus>>,
    started: bool,
    /// Something had to wait for the child to take it.
    backlog: bool,
    /// An output was not looked at in this poll, since reading is paused.
    skipped: bool,
}

impl<L: Watch, P: ProcessProtocol> Unpin for Driver<L, P> {}

impl<L: Watch, P: ProcessProtocol> Driver<L, P> {
    /// Calls back. What fails is reported, and the child is killed.
    fn tell(
        &mut self,
        callback: impl FnOnce(&mut P, &mut ProcessTransport) -> Result<(), Failure>,
    ) {
        let Some(protocol) = &mut self.protocol else {
            return;
        };
        let transport = &mut self.transport;
        if let Err(failure) = catch(|| callback(protocol, transport)) {
            self.state.report(
                "a process protocol failed, so its child is killed",
                &failure,
            );
            self.transport.close();
            // Fails only where it has ended.
            let _ = self.transport.kill();
        }
    }

    fn read_mail(&mut self, cx: &mut Context<'_>) -> bool {
        let letters = self.shared.letters(cx.waker());
        let any = !letters.is_empty();
        for letter in letters {
            self.tell(|protocol, transport| letter.into_inner()(Some((protocol, transport))));
        }
        any
    }

    /// Whether the child may take more at once.
    fn write_input(&mut self, cx: &mut Context<'_>) -> bool {
        let waiting = &mut self.transport.input;
        let mut blocked = false;
        let mut broken = false;
        if let Some(input) = &mut self.input {
            for _ in 0..WRITES_PER_POLL {
                if waiting.is_empty() || blocked || broken {
                    break;
                }
                match Pin::new(&mut *input).poll_write(cx, waiting) {
                    // What is behind it is not moved.
                    Poll::Ready(Ok(taken)) => waiting.advance(taken),
                    Poll::Ready(Err(_)) => broken = true,
                    Poll::Pending => blocked = true,
                }
            }
        }
        if broken {
            self.transport.input.clear();
            self.transport.input_is = Input::Closed;
            self.input = None;
            self.backlog = false;
            self.tell(P::input_lost);
            return false;
        }
        if !self.transport.input.is_empty() {
            self.backlog = true;
        } else if self.transport.input_is != Input::Open {
            self.transport.input_is = Input::Closed;
            self.input = None;
        } else if std::mem::take(&mut self.backlog) {
            self.transport.input = BytesMut::new();
            self.tell(P::input_drained);
        }
        !blocked && self.input.is_some() && !self.transport.input.is_empty()
    }

    /// Whether there may be more to read.
    fn read_output(&mut self, cx: &mut Context<'_>, pipe: OutputPipe) -> bool {
        let mut scratch = ReadBuffer::borrow();
        let buffer = scratch.as_mut();
        for _ in 0..READS_PER_POLL {
            if !self.transport.reads[place(pipe)] {
                self.outputs[place(pipe)] = None;
                return false;
            }
            let Some(output) = &mut self.outputs[place(pipe)] else {
                return false;
            };
            if self.transport.paused {
                self.skipped = true;
                return false;
            }
            match Pin::new(output).poll_read(cx, buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(length)) if length > 0 => {
                    let data = &buffer[..length];
                    self.tell(|protocol, transport| {
                        protocol.output_received(transport, pipe, data)
                    });
                }
                // A pipe has no errors of its own, and whatever it says, it is over.
                Poll::Ready(_) => {
                    self.outputs[place(pipe)] = None;
                    self.transport.reads[place(pipe)] = false;
                    self.tell(|protocol, transport| protocol.output_ended(transport, pipe));
                    return false;
                }
            }
        }
        true
    }

    fn hear_of_exit(&mut self, cx: &mut Context<'_>) {
        if self.exited.is_none()
            && let Poll::Ready(outcome) = self.exit.as_mut().poll(cx)
        {
            let status = outcome.as_ref().ok().copied();
            self.exited = Some(outcome);
            if let Some(status) = status {
                self.tell(|protocol, transport| protocol.process_exited(transport, status));
            }
        }
    }

    /// The last callback, and the last that anybody hears.
    fn end(&mut self, end: ProcessEnd) {
        self.input = None;
        self.outputs = [None, None];
        let Some(mut protocol) = self.protocol.take() else {
            return;
        };
        let told = catch(|| {
            protocol.process_ended(end);
            Ok(())
        });
        let dropped = catch(|| {
            drop(protocol);
            Ok(())
        });
        for failure in [told, dropped].into_iter().filter_map(Result::err) {
            self.state
                .report("a process protocol failed at its end", &failure);
        }
        self.shared.end(end);
    }
}

impl<L: Watch, P: ProcessProtocol> Future for Driver<L, P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if take_cancel().is_some() {
            // Of what has ended already, the end is told.
            let end = match this.child.try_wait() {
                Some(status) => ProcessEnd::Exited(status),
                None if this.child.kin.is_lost() => ProcessEnd::StatusTaken,
                None => ProcessEnd::LeftBehind,
            };
            this.end(end);
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut this.started, true) {
            this.tell(P::process_started);
        }
        let mut again = this.read_mail(cx);
        this.skipped = false;
        for pipe in OutputPipe::BOTH {
            again |= this.read_output(cx, pipe);
        }
        this.hear_of_exit(cx);
        // Last, since any callback may have written.
        again |= this.write_input(cx);
        let silent = this.outputs.iter().all(Option::is_none);
        match &this.exited {
            Some(outcome) if silent => {
                let end = match outcome {
                    Ok(status) => ProcessEnd::Exited(*status),
                    Err(_) if this.child.kin.is_lost() => ProcessEnd::StatusTaken,
                    Err(_) => ProcessEnd::LeftBehind,
                };
                this.end(end);
                return Poll::Ready(());
            }
            _ => {}
        }
        if again || this.has_more_to_do() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<L: Watch, P: ProcessProtocol> Driver<L, P> {
    /// Whether the last callbacks have asked for what was not done in this poll.
    fn has_more_to_do(&self) -> bool {
        let closes = OutputPipe::BOTH
            .into_iter()
            .any(|pipe| self.outputs[place(pipe)].is_some() && !self.transport.reads[place(pipe)]);
        let writes = !self.transport.input.is_empty() && !self.backlog;
        let ends = self.transport.input_is != Input::Open
            && self.input.is_some()
            && self.transport.input.is_empty();
        let reads = self.skipped && !self.transport.paused;
        closes || writes || ends || reads
    }
}

impl<L: Watch, P: ProcessProtocol> Drop for Driver<L, P> {
    fn drop(&mut self) {
        // Its runtime was shut down, or its machine lost its power.
        if self.protocol.is_some() {
            self.end(ProcessEnd::LeftBehind);
        }
    }
}
