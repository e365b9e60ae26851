//! Readiness of any descriptor on the reactor.

use std::io;
use std::task::{Context, Poll};

use async_io::Async;
use polyloop_core::os::{Interest, Source, Watcher};

use crate::wait::wait;

/// What a backend's `Watch::watcher` does on this reactor.
pub fn watcher<T: Source>(source: T) -> io::Result<ReactorWatcher<T>> {
    Async::new_nonblocking(source).map(ReactorWatcher)
}

/// A source registered with the reactor.
#[derive(Debug)]
pub struct ReactorWatcher<T>(Async<T>);

impl<T: Source> Watcher<T> for ReactorWatcher<T> {
    fn source(&self) -> &T {
        self.0.get_ref()
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match operation(self.source()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match interest {
                    Interest::Readable => wait(|| self.0.poll_readable(cx))?,
                    Interest::Writable => wait(|| self.0.poll_writable(cx))?,
                }
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }

    async fn io<R: Send>(
        &self,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> io::Result<R> {
        match interest {
            Interest::Readable => self.0.read_with(operation).await,
            Interest::Writable => self.0.write_with(operation).await,
        }
    }

    fn into_source(self) -> io::Result<T> {
        self.0.into_inner()
    }
}
