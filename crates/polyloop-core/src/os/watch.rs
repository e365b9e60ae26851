//! [`Watch`]: the ability of a loop to wait for any descriptor, and what a backend maps
//! for it.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use super::callback::{self, ReadinessCallback};
use super::error::WatchError;
use super::interest::Interest;
use super::signals::SignalSource;
use super::watched::Watched;
use crate::event_loop::backend::Backend;
use crate::event_loop::lifecycle::Rejected;

/// Anything that has a descriptor and may be shared between threads: std's sockets and
/// pipes, an [`OwnedFd`](std::os::fd::OwnedFd), wrappers of one, an
/// [`Arc`](std::sync::Arc) of any of these.
///
/// Its descriptor stays the same for as long as it is watched.
pub trait Source: AsFd + Send + Sync + 'static {}

impl<T: AsFd + Send + Sync + 'static> Source for T {}

/// Waits for descriptors: whatever the system can tell to be readable or writable, such as a
/// pipe, a terminal, a `timerfd`, an `inotify`, or the socket of somebody else's library.
///
/// A loop without descriptors, such as a simulated one, has no `Watch`, and is a loop all the
/// same. [`watcher`](Self::watcher) is a backend's part; the other methods follow.
///
/// ```
/// use polyloop_core::{Interest, Watch};
/// use std::io::{self, PipeReader, Read as _};
///
/// /// The next bytes of a pipe, on any loop that watches descriptors.
/// async fn next<L: Watch>(lp: &L, pipe: PipeReader) -> io::Result<Vec<u8>> {
///     let pipe = lp.watch(pipe)?;
///     pipe.io(Interest::Readable, |mut pipe| {
///         let mut buffer = vec![0; 1024];
///         let length = pipe.read(&mut buffer)?;
///         buffer.truncate(length);
///         Ok(buffer)
///     })
///     .await
/// }
/// ```
pub trait Watch: Backend {
    /// A source that the runtime waits for.
    type Watcher<T: Source>: Watcher<T>;

    /// Makes the runtime wait for a source, whatever thread this is called on. The error is
    /// the system's, as it came: core makes a [`WatchError`] of it. If it is refused, the
    /// source is dropped.
    ///
    /// For backends: users call [`watch`](Self::watch).
    fn watcher<T: Source>(&self, source: T) -> io::Result<Self::Watcher<T>>;

    /// Where the loop's [signals](crate::Signals) come from, if not from the system. For a
    /// backend that stands for one of several, some of which have no descriptors.
    fn own_signals(&self) -> Option<Box<dyn SignalSource>> {
        None
    }

    /// Watches `source`, on whatever thread this is called, until the last clone of what it
    /// gives is dropped.
    ///
    /// The descriptor does not block meanwhile; afterwards it is in the mode in which it
    /// came. That mode is shared with every duplicate of the descriptor, in other processes,
    /// too: so think twice about standard input. If `source` is refused, it is dropped; an
    /// `Arc` of it is a way to keep it.
    fn watch<T: Source>(&self, source: T) -> Result<Watched<Self, T>, WatchError> {
        Watched::new(self, source)
    }

    /// Calls `callback` on the loop whenever there is something to read: asyncio's
    /// `add_reader`.
    ///
    /// It is never called inside of this. Before each call the system is asked: as long as
    /// the callback leaves something to read, it is called again and again, with turns of
    /// other tasks in between. A panic in it is reported to the error hook, and it is called
    /// the next time. It ends when the handle is [removed](ReadinessCallback::remove) or
    /// dropped, or with the loop. A closed loop gives it back.
    #[track_caller]
    fn add_reader<T, F>(
        &self,
        watched: &Watched<Self, T>,
        callback: F,
    ) -> Result<ReadinessCallback, Rejected<F>>
    where
        T: Source,
        F: FnMut(&T) + Send + 'static,
    {
        callback::add(self, watched, Interest::Readable, callback)
    }

    /// Calls `callback` on the loop whenever there is room to write: asyncio's `add_writer`.
    /// The same holds as for [`add_reader`](Self::add_reader); so remove it while there is
    /// nothing to write.
    #[track_caller]
    fn add_writer<T, F>(
        &self,
        watched: &Watched<Self, T>,
        callback: F,
    ) -> Result<ReadinessCallback, Rejected<F>>
    where
        T: Source,
        F: FnMut(&T) + Send + 'static,
    {
        callback::add(self, watched, Interest::Writable, callback)
    }
}

/// A source that a runtime waits for: what [`Watch::watcher`] gives. For backends.
///
/// Dropping it lets the descriptor go from the runtime, before the source is dropped.
pub trait Watcher<T>: Send + Sync + 'static {
    /// The source.
    fn source(&self) -> &T;

    /// Tries the operation, and as often again as the runtime says that it may succeed, until
    /// it gives something else than `WouldBlock`. `Pending` means that the task of `cx` is
    /// woken at the next event; it is not tried without one.
    ///
    /// One task waits so for each direction: the last that polled.
    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>>;

    /// The same as a future. Any number of tasks may wait so, each for itself, and beside
    /// the ones that poll.
    fn io<R: Send>(
        &self,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> impl Future<Output = io::Result<R>> + Send;

    /// Lets the source go, as it is.
    fn into_source(self) -> io::Result<T>;
}
