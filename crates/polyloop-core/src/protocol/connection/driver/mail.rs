//! The mail of a connection: what was asked for outside, done on its own task.
//!
//! What waits when the mail is looked at is one delivery. The connection does nothing else
//! until all of it is done, so that what a handle wrote is sent before what the protocol
//! says to the next data, and before its close. Yet a delivery may be as long as its
//! senders liked; then it takes several turns, and other tasks have theirs in between
//! (TRAN-47).

use std::task::Context;
use std::vec::IntoIter;

use super::{Driver, Origin};
use crate::promise::discard::discard;
use crate::protocol::connection::mailbox::{Mail, Message, refuse};
use crate::protocol::stream::Stream;
use crate::protocol::{CloseReason, Protocol};

/// Messages per poll. Each is less than what a read brings, and beside so many the way
/// through the loop costs nothing.
pub(super) const MAIL_PER_POLL: usize = 256;

/// What is left of a long delivery.
pub(in crate::protocol::connection) struct Backlog {
    messages: IntoIter<Message>,
    /// The protocol is to be woken behind it.
    woken: bool,
}

impl Drop for Backlog {
    /// The connection is lost. It is told as what comes from now on will be.
    fn drop(&mut self) {
        self.messages.by_ref().for_each(refuse);
    }
}

impl<P: Protocol, O: Origin, S: Stream> Driver<P, O, S> {
    /// Does what was asked for outside, up to so many messages, and then tells the protocol
    /// if it was woken (PROTO-14). False if there is more of it.
    pub(super) fn read_mail(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Result<bool, CloseReason> {
        // What came meanwhile has woken this task for turns that had no time for it, so it is
        // looked at as soon as the long delivery is done (TRAN-48).
        if self.backlog().is_some() && !self.read_backlog(cx, most)? {
            return Ok(false);
        }
        let mailbox = match self.mailbox.get() {
            Some(mailbox) if mailbox.has_mail() => mailbox.clone(),
            _ => return Ok(true),
        };
        let Mail {
            woken,
            alone,
            mut list,
        } = mailbox.take();
        if list.len() > most {
            let messages = list.into_iter();
            self.io.rare_or_new().backlog = Some(Backlog { messages, woken });
            return self.read_backlog(cx, most);
        }
        if alone.is_some() || !list.is_empty() {
            let mut mail = alone.into_iter().chain(list.drain(..));
            while let Some(message) = mail.next() {
                if let Err(reason) = self.deliver(cx, message) {
                    // What came behind is told as what comes from now on will be.
                    mail.for_each(refuse);
                    return Err(reason);
                }
            }
            drop(mail);
            mailbox.wrote(list);
        }
        if woken {
            self.wake(cx)?;
        }
        Ok(true)
    }

    fn backlog(&mut self) -> Option<&mut Backlog> {
        self.io.rare()?.backlog.as_mut()
    }

    #[cold]
    fn read_backlog(&mut self, cx: &mut Context<'_>, most: usize) -> Result<bool, CloseReason> {
        for _ in 0..most {
            match self.backlog().and_then(|backlog| backlog.messages.next()) {
                Some(message) => self.deliver(cx, message)?,
                None => break,
            }
        }
        if self
            .backlog()
            .is_some_and(|backlog| backlog.messages.len() > 0)
        {
            return Ok(false);
        }
        let done = self.io.rare().and_then(|rare| rare.backlog.take());
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.wrote(Vec::new());
        }
        if done.is_some_and(|backlog| backlog.woken) {
            self.wake(cx)?;
        }
        Ok(true)
    }

    fn wake(&mut self, cx: &mut Context<'_>) -> Result<(), CloseReason> {
        if self.io.closing {
            return Ok(());
        }
        self.call(cx, |p, t| p.woken(t))?;
        self.tell_flow(cx).map(drop)
    }

    fn deliver(&mut self, cx: &mut Context<'_>, message: Message) -> Result<(), CloseReason> {
        match message {
            Message::Write(data) => {
                let written = self.write(cx, &data);
                // The bytes may be of an owner with a destructor.
                discard(data);
                written?;
            }
            Message::Close(limit) => self.call(cx, |_, t| {
                match limit {
                    Some(limit) => t.close_within(limit),
                    None => t.close(),
                }
                Ok(())
            })?,
            Message::Fail(reason) => self.call(cx, |_, t| {
                t.fail(reason);
                Ok(())
            })?,
            Message::Abort => self.call(cx, |_, t| {
                t.abort();
                Ok(())
            })?,
            Message::Call(call) => self.call(cx, |p, t| call.into_inner()(Some((p, t))))?,
        }
        self.tell_flow(cx).map(drop)
    }
}
