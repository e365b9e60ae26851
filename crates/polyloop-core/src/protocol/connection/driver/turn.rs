//! One turn of a connection: mail, sending, reading, timer; and what a callback may
//! leave behind.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::mail::MAIL_PER_POLL;
use super::{Driver, Origin};
use crate::promise::failure::{Failure, catch};
use crate::protocol::buffered::checked_buffer;
use crate::protocol::connection::io::{FlowNews, Sent, network_failure};
use crate::protocol::connection::view::View;
use crate::protocol::stream::Stream;
use crate::protocol::transport::{Transport, WriteError};
use crate::protocol::{CloseReason, OnEof, Protocol};

/// Reads per poll, and resumes per flush, after which other tasks get their turn: not every runtime has a
/// budget of its own.
pub(super) const TURNS_PER_POLL: usize = 16;

/// What a turn ended with.
pub(super) enum Turn {
    /// Wait for the stream, the timer or the mailbox.
    Wait,
    /// There may be more to do at once; others get their turn first.
    Again,
    /// The connection has come to a good end.
    Over(CloseReason),
}

impl<P: Protocol, O: Origin, S: Stream> Driver<P, O, S> {
    /// Makes one callback, and turns what it left behind into the next step.
    pub(super) fn call(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut P, &mut dyn Transport) -> Result<(), Failure>,
    ) -> Result<(), CloseReason> {
        let Some(protocol) = &mut self.protocol else {
            return Ok(());
        };
        let was_closing = self.io.closing;
        let mut view = View {
            io: &mut self.io,
            cx,
            mailbox: &self.mailbox,
            origin: &self.origin,
        };
        if let Err(failure) = catch(|| f(protocol, &mut view)) {
            // A callback that passes on what a write found out has not failed itself,
            // and what the network said is the better reason.
            match failure.downcast_ref::<WriteError>() {
                Some(WriteError::Closed) => self.settle()?,
                Some(WriteError::Closing) if was_closing => return self.settle(),
                _ => {}
            }
            // A failed callback is the reason even if it had closed or aborted before:
            // a bug must not look like a clean end (PROTO-06).
            self.report("a protocol's callback failed", &failure);
            return Err(CloseReason::Error(failure));
        }
        self.settle()
    }

    /// Writes what somebody outside sends, who is told by `closed` what has become of it.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, data: &Bytes) -> Result<(), CloseReason> {
        let mut view = View {
            io: &mut self.io,
            cx,
            mailbox: &self.mailbox,
            origin: &self.origin,
        };
        let _ = view.write_bytes(data);
        self.settle()
    }

    /// What the callback asked for that ends the connection at once.
    fn settle(&mut self) -> Result<(), CloseReason> {
        if self.io.aborted {
            return Err(
                match self.io.rare().and_then(|rare| rare.closing.reason()) {
                    Some(said) => CloseReason::Error(said.clone()),
                    None => CloseReason::Aborted,
                },
            );
        }
        match self.io.rare().and_then(|rare| rare.error.clone()) {
            Some(failure) => Err(CloseReason::Error(failure)),
            None => Ok(()),
        }
    }

    /// Tells the protocol of a pause or a resume, strictly in pairs (TRAN-20). True if
    /// there was something to tell.
    pub(super) fn tell_flow(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        let mut told = false;
        while let Some(news) = self.io.flow_news(&self.origin) {
            match news {
                FlowNews::Pause => self.call(cx, |p, t| p.pause_writing(t))?,
                FlowNews::Resume => {
                    if let Some(mailbox) = self.mailbox.get() {
                        mailbox.set_paused(false);
                    }
                    self.call(cx, |p, t| p.resume_writing(t))?;
                }
            }
            told = true;
        }
        Ok(told)
    }

    /// Sends, and tells the protocol when it may write more. Over a system that takes
    /// everything a protocol that writes on every resume would go on for ever, so
    /// this ends after some turns; then `busy` is set.
    #[inline]
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        if self.io.has_output() || self.io.is_paused() {
            return self.flush_output(cx);
        }
        Ok(())
    }

    fn flush_output(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        let mut turns = 0;
        while self.io.has_output() || self.io.is_paused() {
            turns += 1;
            if turns > TURNS_PER_POLL {
                self.busy = true;
                break;
            }
            let sent = self.io.send(cx).map_err(|error| {
                let said = self.io.rare().and_then(|rare| rare.closing.reason());
                CloseReason::Error(said.cloned().unwrap_or_else(|| network_failure(error)))
            })?;
            if sent == Sent::Enough {
                self.busy = true;
                break;
            }
            // A callback may have written, so what the stream said before it does not
            // count any more: it is asked again, and remembers whom to wake.
            if !self.tell_flow(cx)? && sent == Sent::Blocked {
                break;
            }
        }
        Ok(())
    }

    /// What a protocol held back comes before what is read from now on (PROTO-19).
    #[cold]
    fn tell_resumed(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        self.io.reading_resumed = false;
        if !self.io.closing {
            self.call(cx, |p, t| p.reading_resumed(t))?;
            self.flush(cx)?;
            // It may have paused, and resumed, once more.
            self.busy |= self.io.reading_resumed;
        }
        Ok(())
    }

    /// Reads and calls back, until there is no more for now or the turns are used up.
    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Result<(), CloseReason> {
        for _ in 0..TURNS_PER_POLL {
            if self.io.closing || self.io.reading_paused || self.io.eof_received {
                return Ok(());
            }
            let Some(stream) = &mut self.io.stream else {
                return Ok(());
            };
            // The protocol's own buffer, if it has one.
            let own = self.protocol.as_mut().and_then(P::as_buffered);
            let has_own = own.is_some();
            let polled = match own {
                None => stream.poll_read(cx, scratch),
                Some(own) => match catch(|| checked_buffer(own, scratch.len())) {
                    Ok(buffer) => stream.poll_read(cx, buffer),
                    Err(failure) => {
                        // As a callback that fails.
                        self.call(cx, |_, _| Err(failure))?;
                        return Ok(());
                    }
                },
            };
            self.io.stirred |= matches!(polled, Poll::Ready(Ok(1..)));
            match polled {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => {
                    self.io.eof_received = true;
                    self.call(cx, |p, t| {
                        if p.eof_received(t)? == OnEof::Close {
                            t.close();
                        }
                        Ok(())
                    })?;
                }
                Poll::Ready(Ok(n)) if has_own => self.call(cx, |p, t| match p.as_buffered() {
                    Some(own) => own.buffer_updated(t, n),
                    None => Ok(()),
                })?,
                Poll::Ready(Ok(n)) => self.call(cx, |p, t| p.data_received(t, &scratch[..n]))?,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => return Err(CloseReason::Error(network_failure(error))),
            }
            self.flush(cx)?;
        }
        self.busy = true;
        Ok(())
    }

    pub(super) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Result<Turn, CloseReason> {
        self.busy = false;
        // Most often nobody outside has ever reached it.
        let has_read_all = self.mailbox.get().is_none() || self.read_mail(cx, MAIL_PER_POLL)?;
        self.flush(cx)?;
        if !has_read_all {
            return Ok(Turn::Again);
        }
        if self.io.reading_resumed {
            self.tell_resumed(cx)?;
        }
        self.read(cx, scratch)?;
        if self.io.eof_received && self.io.eof_sent && !self.io.closing {
            self.close_by_itself(cx)?;
        }
        if self.io.closing
            && let over @ Turn::Over(_) = self.close_on(cx, scratch)?
        {
            return Ok(over);
        }
        self.look_for_break(cx)?;
        self.serve_deadlines(cx)?;
        // Last, since any callback may have asked for it.
        if let Some(over) = self.upgrade_on(cx)? {
            return Ok(over);
        }
        Ok(if self.busy { Turn::Again } else { Turn::Wait })
    }
}
