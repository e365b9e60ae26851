//! [`Watched`]: a descriptor that a loop waits for, as polls and as futures.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::task::{Context, Poll};

use super::descriptor;
use super::error::{IntoInnerError, WatchError};
use super::interest::Interest;
use super::watch::{Source, Watch, Watcher};
use crate::sync::primitive::Arc;

/// A source whose descriptor a loop waits for: what [`Watch::watch`] gives.
///
/// Clones are the same one; the descriptor is watched until the last is dropped. All of it
/// works on any thread, inside of whatever runtime.
///
/// How many tasks may wait, for each of the two directions: any number in
/// [`ready`](Self::ready) and [`io`](Self::io), and beside them one that polls
/// ([`poll_ready`](Self::poll_ready), [`poll_io`](Self::poll_io)): the last that did.
pub struct Watched<L: Watch, T: Source> {
    inner: Arc<Inner<L, T>>,
}

struct Inner<L: Watch, T: Source> {
    /// `None` once it was taken out.
    watcher: Option<L::Watcher<T>>,
    /// The mode that it goes back to.
    blocked: bool,
}

const PRESENT: &str = "only `into_inner` takes the source, and it ends the value";

impl<L: Watch, T: Source> Watched<L, T> {
    pub(super) fn new(lp: &L, source: T) -> Result<Self, WatchError> {
        lp.state().check_open()?;
        let name = lp.state().name();
        let number = source.as_fd().as_raw_fd();
        let refused = |error| WatchError::new(name, number, error);
        let blocked = descriptor::blocks(source.as_fd()).map_err(refused)?;
        let inner = Inner::<L, T> {
            watcher: Some(lp.watcher(source).map_err(refused)?),
            blocked,
        };
        // Only now: one that is refused keeps its mode.
        if blocked {
            descriptor::set_blocks(inner.source().as_fd(), false).map_err(refused)?;
        }
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The source. What is read and written through it must not block, which the loop has
    /// seen to, and tells nobody: an operation that gives `WouldBlock` belongs into
    /// [`io`](Self::io).
    pub fn get_ref(&self) -> &T {
        self.inner.source()
    }

    /// Gives the source back, in the mode in which it came, and watched no more. If others
    /// hold a clone of this, or a callback on it, it comes back itself.
    pub fn into_inner(self) -> Result<T, IntoInnerError<L, T>> {
        let mut inner = match Arc::try_unwrap(self.inner) {
            Ok(inner) => inner,
            Err(inner) => return Err(IntoInnerError::Shared(Self { inner })),
        };
        let blocked = inner.blocked;
        match inner.watcher.take().expect(PRESENT).into_source() {
            Ok(source) => {
                restore(&source, blocked);
                Ok(source)
            }
            Err(error) => Err(IntoInnerError::Lost(error)),
        }
    }

    /// Ready when the descriptor is, by a look at the system: never for an event of the past
    /// (WATCH-05). An error is that of the look.
    pub fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<io::Result<()>> {
        self.poll_io(cx, interest, |source| {
            descriptor::look(source.as_fd(), interest)
        })
    }

    /// Waits until the descriptor is ready, by a look at the system: never for an event of
    /// the past (WATCH-05). An error is that of the look.
    ///
    /// Cancel safe: dropping the future ends the wait, and nothing is lost.
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<()>> + Send {
        self.io(interest, move |source| {
            descriptor::look(source.as_fd(), interest)
        })
    }

    /// Tries `operation` until it gives something else than `WouldBlock`, and waits for the
    /// next event in between.
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.inner.watcher().poll_io(cx, interest, operation)
    }

    /// Tries `operation` until it gives something else than `WouldBlock`, and waits for the
    /// next event in between.
    ///
    /// Cancel safe: dropping the future ends the wait between two tries.
    pub fn io<R: Send>(
        &self,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> impl Future<Output = io::Result<R>> + Send {
        self.inner.watcher().io(interest, operation)
    }
}

impl<L: Watch, T: Source> Inner<L, T> {
    fn watcher(&self) -> &L::Watcher<T> {
        self.watcher.as_ref().expect(PRESENT)
    }

    fn source(&self) -> &T {
        self.watcher().source()
    }
}

impl<L: Watch, T: Source> Drop for Inner<L, T> {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            restore(watcher.source(), self.blocked);
        }
    }
}

/// Puts the descriptor into the mode in which it came. One that was closed meanwhile has
/// none.
fn restore(source: &impl AsFd, blocked: bool) {
    if blocked {
        let _ = descriptor::set_blocks(source.as_fd(), true);
    }
}

impl<L: Watch, T: Source> Clone for Watched<L, T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<L: Watch, T: Source> fmt::Debug for Watched<L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("descriptor", &self.get_ref().as_fd().as_raw_fd())
            .finish_non_exhaustive()
    }
}
