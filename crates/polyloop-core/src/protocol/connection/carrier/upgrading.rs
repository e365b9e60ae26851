//! An upgrade under way: what was written before it leaves, then the layer has the stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::lent::{Home, Lent};
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, catch};
use crate::protocol::connection::io::{Sent, send_out};
use crate::protocol::connection::write_buffer::WriteBuffer;
use crate::protocol::peer::Peer;
use crate::protocol::stream::{BoxedStream, Stream};
use crate::protocol::upgrade::{Upgrade, Wrapping};
use crate::sync::primitive::{Arc, lock};

pub(in crate::protocol::connection) struct Upgrading<S> {
    stage: Stage<S>,
    /// What was written before.
    out: Option<Box<WriteBuffer>>,
    upgrade: Upgrade,
    ahead: Vec<u8>,
    peer: Peer,
}

enum Stage<S> {
    /// The stream is here, and sends what was written before.
    Sending(S),
    /// The layer has it.
    Wrapping {
        wrapping: Guarded<Wrapping>,
        home: Home<S>,
    },
    /// It is somewhere else.
    Left,
}

/// Why an upgrade came to nothing.
pub(in crate::protocol::connection) enum Refused {
    /// The network broke before it began.
    Network(io::Error),
    /// The layer said so.
    Layer(Failure),
}

impl<S: Stream> Upgrading<S> {
    pub(super) fn new(
        stream: S,
        upgrade: Upgrade,
        out: Option<Box<WriteBuffer>>,
        ahead: &[u8],
        peer: Peer,
    ) -> Self {
        Self {
            stage: Stage::Sending(stream),
            out,
            upgrade,
            ahead: ahead.to_vec(),
            peer,
        }
    }

    /// Adds to what the layer reads first, unless it has the stream.
    pub(super) fn read_ahead(&mut self, more: &[u8]) -> bool {
        let is_first = matches!(self.stage, Stage::Sending(_));
        if is_first {
            self.ahead.extend_from_slice(more);
        }
        is_first
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(BoxedStream, Peer), Refused>> {
        if let Err(error) = ready!(self.poll_sent(cx)) {
            return Poll::Ready(Err(Refused::Network(error)));
        }
        self.begin();
        let Stage::Wrapping { wrapping, .. } = &mut self.stage else {
            return Poll::Ready(Err(Refused::Network(io::ErrorKind::NotConnected.into())));
        };
        match catch(|| Ok(wrapping.as_mut().poll(cx))) {
            Ok(polled) => polled.map_err(Refused::Layer),
            Err(panicked) => Poll::Ready(Err(Refused::Layer(panicked))),
        }
    }

    /// Sends what was written before.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stage::Sending(stream) = &mut self.stage else {
            return Poll::Ready(Ok(()));
        };
        match send_out(cx, &mut self.out, |cx, piece| {
            Pin::new(&mut *stream).poll_write(cx, piece)
        })? {
            Sent::All if stream.is_layered() => Pin::new(stream).poll_flush(cx),
            Sent::All => Poll::Ready(Ok(())),
            Sent::Blocked => Poll::Pending,
            Sent::Enough => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Gives the stream to the layer, unless it has it.
    fn begin(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Left) {
            Stage::Sending(stream) => {
                let home = Home::default();
                let ahead = std::mem::take(&mut self.ahead);
                let lent = Lent::new(stream, ahead, Arc::clone(&home));
                let wrapping = self.upgrade.wrap(Box::new(lent), self.peer.clone());
                Stage::Wrapping {
                    wrapping: Guarded::new(wrapping),
                    home,
                }
            }
            begun => begun,
        };
    }

    /// The stream, when what was written before has been sent; the layer does not get it, or
    /// has it no longer.
    pub(super) fn poll_give_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<S>> {
        ready!(self.poll_sent(cx))?;
        let left = std::mem::replace(&mut self.stage, Stage::Left).end();
        Poll::Ready(left.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }

    /// The stream, if the layer has left it.
    pub(super) fn give_up(self) -> Option<S> {
        self.stage.end()
    }

    pub(super) fn waiting(&self) -> usize {
        self.out.as_ref().map_or(0, |out| out.len())
    }

    pub(super) fn stream(&self) -> Option<&S> {
        match &self.stage {
            Stage::Sending(stream) => Some(stream),
            _ => None,
        }
    }
}

impl<S> Stage<S> {
    fn end(self) -> Option<S> {
        match self {
            Self::Sending(stream) => Some(stream),
            Self::Wrapping { wrapping, home } => {
                // With it goes the stream that it was lent, home.
                drop(wrapping);
                lock(&home).take()
            }
            Self::Left => None,
        }
    }
}
