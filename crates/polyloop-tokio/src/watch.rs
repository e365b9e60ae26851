//! Readiness of any descriptor on tokio, and what core makes of it.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use polyloop_core::os::{Interest, Source, Watch, Watcher};
use polyloop_core::{Udp, UdpError, WatchedUdp};
use tokio::io::unix::AsyncFd;

use crate::TokioLoop;

impl Watch for TokioLoop {
    type Watcher<T: Source> = TokioWatcher<T>;

    #[allow(
        deprecated,
        reason = "its successor is unsafe, for sources whose number changes; ours has one"
    )]
    fn watcher<T: Source>(&self, source: T) -> io::Result<TokioWatcher<T>> {
        let number = source.as_fd().as_raw_fd();
        self.socket(|| AsyncFd::new(Numbered { source, number }).map(TokioWatcher::new))
    }
}

impl Udp for TokioLoop {
    type UdpSocket = WatchedUdp<Self>;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<WatchedUdp<Self>, UdpError> {
        WatchedUdp::adopt(self, socket)
    }
}

/// tokio's [`AsyncFd`].
pub struct TokioWatcher<T: Source> {
    descriptor: Arc<AsyncFd<Numbered<T>>>,
    /// tokio tells an error, such as that of an earlier datagram, to neither direction, but
    /// to whoever waits for errors, which takes a future. A task that polls for reading keeps
    /// one here, from one error to the next.
    error: Mutex<Option<Pin<Box<ErrorWait>>>>,
}

type ErrorWait = dyn Future<Output = io::Result<()>> + Send;

/// A source with the number of its descriptor, by which tokio knows it.
#[derive(Debug)]
struct Numbered<T> {
    source: T,
    number: RawFd,
}

impl<T> AsRawFd for Numbered<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.number
    }
}

impl<T: Source> TokioWatcher<T> {
    fn new(descriptor: AsyncFd<Numbered<T>>) -> Self {
        Self {
            descriptor: Arc::new(descriptor),
            error: Mutex::new(None),
        }
    }

    /// Ready when there was an error since the last time.
    fn poll_error(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut slot = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = slot.get_or_insert_with(|| {
            let descriptor = self.descriptor.clone();
            Box::pin(async move {
                let mut error = descriptor.ready(tokio::io::Interest::ERROR).await?;
                error.clear_ready();
                Ok(())
            })
        });
        let told = ready!(wait.as_mut().poll(cx));
        *slot = None;
        Poll::Ready(told)
    }
}

impl<T: Source> Watcher<T> for TokioWatcher<T> {
    fn source(&self) -> &T {
        &self.descriptor.get_ref().source
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let polled = match interest {
                Interest::Readable => self.descriptor.poll_read_ready(cx),
                Interest::Writable => self.descriptor.poll_write_ready(cx),
            };
            if let Poll::Ready(guard) = polled {
                let tried = guard?.try_io(|numbered| operation(&numbered.get_ref().source));
                if let Ok(done) = tried {
                    return Poll::Ready(done);
                }
            } else if interest == Interest::Readable {
                ready!(self.poll_error(cx))?;
                match operation(self.source()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => return Poll::Ready(done),
                }
            } else {
                return Poll::Pending;
            }
        }
    }

    async fn io<R: Send>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> io::Result<R> {
        let interest = match interest {
            Interest::Readable => tokio::io::Interest::READABLE,
            Interest::Writable => tokio::io::Interest::WRITABLE,
        };
        self.descriptor
            .async_io(interest | tokio::io::Interest::ERROR, |numbered| {
                operation(&numbered.source)
            })
            .await
    }

    fn into_source(self) -> io::Result<T> {
        // It holds the descriptor, too.
        drop(self.error);
        match Arc::into_inner(self.descriptor) {
            Some(descriptor) => Ok(descriptor.into_inner().source),
            None => Err(io::Error::other("somebody waits for the descriptor still")),
        }
    }
}

impl<T: Source> fmt::Debug for TokioWatcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokioWatcher")
            .field(&self.descriptor.get_ref().number)
            .finish()
    }
}
