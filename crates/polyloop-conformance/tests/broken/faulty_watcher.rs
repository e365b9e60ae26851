//! Loops that are broken where descriptors are waited for.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use polyloop_core::context;
use polyloop_core::os::{Interest, Source, Watch, Watcher};
use polyloop_smol::SmolLoop;

use crate::faulty_loop::{Fault, FaultyLoop};

/// smol's, with the fault of its loop.
pub(crate) struct FaultyWatcher<T: Source> {
    inner: Option<<SmolLoop as Watch>::Watcher<T>>,
    fault: Option<Fault>,
}

const PRESENT: &str = "only the end takes it";

impl Watch for FaultyLoop {
    type Watcher<T: Source> = FaultyWatcher<T>;

    fn watcher<T: Source>(&self, source: T) -> io::Result<FaultyWatcher<T>> {
        assert!(
            !self.has(Fault::WatchesOnlyInside) || context::is_entered(),
            "there is no runtime on this thread"
        );
        let watched = self.inner().watcher(source);
        Ok(FaultyWatcher {
            inner: Some(match watched {
                Err(error) if self.has(Fault::HidesReasons) => return Err(io::Error::other(error)),
                watched => watched?,
            }),
            fault: self.fault(),
        })
    }
}

impl<T: Source> FaultyWatcher<T> {
    fn inner(&self) -> &<SmolLoop as Watch>::Watcher<T> {
        self.inner.as_ref().expect(PRESENT)
    }

    fn direction(&self, interest: Interest) -> Interest {
        match self.fault {
            Some(Fault::MixesDirections) => Interest::Readable,
            _ => interest,
        }
    }
}

impl<T: Source> Watcher<T> for FaultyWatcher<T> {
    fn source(&self) -> &T {
        self.inner().source()
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if self.fault == Some(Fault::SpinningWatches) {
            cx.waker().wake_by_ref();
        }
        let interest = self.direction(interest);
        self.inner().poll_io(cx, interest, operation)
    }

    async fn io<R: Send>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> io::Result<R> {
        let interest = self.direction(interest);
        if self.fault == Some(Fault::OneWaiter) {
            return poll_fn(|cx| self.inner().poll_io(cx, interest, &mut operation)).await;
        }
        self.inner().io(interest, operation).await
    }

    fn into_source(mut self) -> io::Result<T> {
        self.inner.take().expect(PRESENT).into_source()
    }
}

impl<T: Source> Drop for FaultyWatcher<T> {
    fn drop(&mut self) {
        if self.fault == Some(Fault::WatchesForEver) {
            std::mem::forget(self.inner.take());
        }
    }
}
