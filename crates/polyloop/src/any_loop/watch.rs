//! The descriptors that whichever loop it is watches; the simulated one watches none.

use std::io;
use std::task::{Context, Poll};

#[cfg(feature = "sim")]
use polyloop_core::Signals as _;
#[cfg(feature = "sim")]
use polyloop_core::os::SignalSource;
use polyloop_core::os::{Interest, Source, Watch, Watcher};

use super::{AbsentWatcher, AnyLoop, dispatch};

/// A source that one of the loops waits for.
#[derive(Debug)]
pub struct AnyWatcher<T: Source>(Watchers<T>);

#[derive(Debug)]
enum Watchers<T: Source> {
    #[cfg(feature = "async-std")]
    AsyncStd(<crate::AsyncStdLoop as Watch>::Watcher<T>),
    #[cfg(feature = "smol")]
    Smol(<crate::SmolLoop as Watch>::Watcher<T>),
    #[cfg(feature = "tokio")]
    Tokio(<crate::TokioLoop as Watch>::Watcher<T>),
    #[cfg(feature = "sim")]
    Sim(AbsentWatcher<T>),
    Absent(AbsentWatcher<T>),
}

/// The simulation has no `Watch`, and only here, where it could be another loop, is asked
/// for it.
#[cfg(feature = "sim")]
fn simulated<T>() -> io::Result<AbsentWatcher<T>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "a simulation has no descriptors; run what needs them on a real loop",
    ))
}

impl Watch for AnyLoop {
    type Watcher<T: Source> = AnyWatcher<T>;

    fn watcher<T: Source>(&self, source: T) -> io::Result<AnyWatcher<T>> {
        let watcher = match self {
            #[cfg(feature = "async-std")]
            Self::AsyncStd(lp) => Watchers::AsyncStd(lp.watcher(source)?),
            #[cfg(feature = "smol")]
            Self::Smol(lp) => Watchers::Smol(lp.watcher(source)?),
            #[cfg(feature = "tokio")]
            Self::Tokio(lp) => Watchers::Tokio(lp.watcher(source)?),
            #[cfg(feature = "sim")]
            Self::Sim(_) => Watchers::Sim(simulated()?),
            Self::Absent(lp) => Watchers::Absent(lp.watcher(source)?),
        };
        Ok(AnyWatcher(watcher))
    }

    #[cfg(feature = "sim")]
    fn own_signals(&self) -> Option<Box<dyn SignalSource>> {
        match self {
            // A simulated host has signals of its own.
            Self::Sim(lp) => Some(lp.signal_source()),
            _ => None,
        }
    }
}

impl<T: Source> Watcher<T> for AnyWatcher<T> {
    fn source(&self) -> &T {
        dispatch!(Watchers, &self.0, watcher => watcher.source())
    }

    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        dispatch!(Watchers, &self.0, watcher => watcher.poll_io(cx, interest, operation))
    }

    async fn io<R: Send>(
        &self,
        interest: Interest,
        operation: impl FnMut(&T) -> io::Result<R> + Send,
    ) -> io::Result<R> {
        dispatch!(Watchers, &self.0, watcher => watcher.io(interest, operation).await)
    }

    fn into_source(self) -> io::Result<T> {
        dispatch!(Watchers, self.0, watcher => watcher.into_source())
    }
}
