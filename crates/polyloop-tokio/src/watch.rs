//! Readiness of any descriptor on tokio, and what core makes of it.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};
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
        self.socket(|| AsyncFd::new(Numbered { source, number }).map(TokioWatcher))
    }
}

impl Udp for TokioLoop {
    type UdpSocket = WatchedUdp<Self>;

    fn adopt_udp(&self, socket: UdpSocket) -> Result<WatchedUdp<Self>, UdpError> {
        WatchedUdp::adopt(self, socket)
    }
}

/// tokio's [`AsyncFd`].
#[derive(Debug)]
pub struct TokioWatcher<T: Source>(AsyncFd<Numbered<T>>);

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

impl<T: Source> Watcher<T> for TokioWatcher<T> {
    fn source(&self) -> &T {
        &self.0.get_ref().source
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let mut guard = ready!(match interest {
                Interest::Readable => self.0.poll_read_ready(cx),
                Interest::Writable => self.0.poll_write_ready(cx),
            })?;
            if let Ok(done) = guard.try_io(|numbered| operation(&numbered.get_ref().source)) {
                return Poll::Ready(done);
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
        self.0
            .async_io(interest, |numbered| operation(&numbered.source))
            .await
    }

    fn into_source(self) -> io::Result<T> {
        Ok(self.0.into_inner().source)
    }
}
