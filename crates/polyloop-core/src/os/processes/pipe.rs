//! The pipes of a child, as streams.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::os::{Interest, Watch, Watched};

/// The standard input of a child: what is written comes to it.
///
/// Closing it, or dropping it, gives the child the end of its input.
pub struct ChildInput<L: Watch>(Option<Watched<L, PipeWriter>>);

/// The output of a child, or its errors: what it writes is read here.
pub struct ChildOutput<L: Watch>(Watched<L, PipeReader>);

impl<L: Watch> ChildInput<L> {
    pub(super) fn new(watched: Watched<L, PipeWriter>) -> Self {
        Self(Some(watched))
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        operation: impl FnMut(&PipeWriter) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match &self.0 {
            Some(watched) => watched.poll_io(cx, Interest::Writable, operation),
            None => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the child's input was closed",
            ))),
        }
    }
}

impl<L: Watch> ChildOutput<L> {
    pub(super) fn new(watched: Watched<L, PipeReader>) -> Self {
        Self(watched)
    }
}

impl<L: Watch> Unpin for ChildInput<L> {}

impl<L: Watch> Unpin for ChildOutput<L> {}

impl<L: Watch> AsyncWrite for ChildInput<L> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |mut pipe| pipe.write(data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |mut pipe| pipe.write_vectored(parts))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

impl<L: Watch> AsyncRead for ChildOutput<L> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0
            .poll_io(cx, Interest::Readable, |mut pipe| pipe.read(buffer))
    }
}

impl<L: Watch> AsFd for ChildOutput<L> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

impl<L: Watch> fmt::Debug for ChildInput<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildInput")
            .field("open", &self.0.is_some())
            .finish()
    }
}

impl<L: Watch> fmt::Debug for ChildOutput<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildOutput").finish_non_exhaustive()
    }
}
