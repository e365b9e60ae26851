//! Reading and writing through a [`TlsStream`], and closing it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::TlsStream;
use crate::error::TlsError;

/// Parts up to this size are copied into one record.
const GATHER: usize = 4 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if room.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match this.state.session.read(room) {
                Ok(Some(count)) => {
                    this.answer(cx);
                    return Poll::Ready(Ok(count));
                }
                Ok(None) if this.state.session.peer_closed => return Poll::Ready(Ok(0)),
                Ok(None) => {}
                Err(error) => {
                    if this.state.failed.is_none() {
                        this.state.fail(error);
                    }
                }
            }
            if let Some(error) = ready!(this.poll_failure(cx)) {
                return Poll::Ready(Err(error.into()));
            }
            this.answer(cx);
            if ready!(this.poll_fill(cx))? == 0 {
                let peer = this.state.peer.clone();
                this.state.failed = Some(TlsError::Truncated { peer });
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Sends what reading has to say, if nobody else is about to: whoever waits to write
    /// sends it, too, and is the one to be woken.
    fn answer(&mut self, cx: &mut Context<'_>) {
        if self.state.writer.is_none() && !self.state.session.outgoing.is_empty() {
            // An error is found by the next write, or by the read of what is not there.
            let _ = self.poll_send(cx);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_ready_to_write(cx))?;
        if this.state.session.closed {
            return Poll::Ready(Err(TlsError::Closed.into()));
        }
        let part = &data[..data.len().min(this.state.buffer_limit)];
        if !part.is_empty() {
            ready!(this.send_on(cx, part))?;
        }
        Poll::Ready(Ok(part.len()))
    }

    /// Small parts are gathered into one record.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        let first = filled.next();
        if filled.next().is_none() || first.is_some_and(|first| first.len() >= GATHER) {
            return self.poll_write(cx, first.map_or(&[], |first| first));
        }
        let this = self.get_mut();
        ready!(this.poll_ready_to_write(cx))?;
        if this.state.session.closed {
            return Poll::Ready(Err(TlsError::Closed.into()));
        }
        let mut record = [0; GATHER];
        let mut gathered = 0;
        for part in parts {
            let free = &mut record[gathered..this.state.buffer_limit.min(GATHER)];
            let count = free.len().min(part.len());
            free[..count].copy_from_slice(&part[..count]);
            gathered += count;
        }
        ready!(this.send_on(cx, &record[..gathered]))?;
        Poll::Ready(Ok(gathered))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_ready_to_write(cx))?;
        Pin::new(&mut this.below).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.state.failed.is_some() {
            // The alert was the last word.
            let _ = ready!(this.poll_failure(cx));
        } else {
            if !this.state.session.is_handshaking()
                && let Err(error) = this.state.session.close()
            {
                this.state.fail(error);
            }
            ready!(this.poll_ready_to_write(cx))?;
        }
        Pin::new(&mut this.below).poll_close(cx)
    }
}
