//! The started futures of whichever loop it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use polyloop_core::backend::{Backend, StartedTask};

use super::{Absent, AnyLoop, dispatch};

/// A future that one of the loops has started.
pub struct AnyStarted<T: Send + 'static>(Started<T>);

enum Started<T: Send + 'static> {
    #[cfg(feature = "async-std")]
    AsyncStd(<crate::AsyncStdLoop as Backend>::Started<T>),
    #[cfg(feature = "smol")]
    Smol(<crate::SmolLoop as Backend>::Started<T>),
    #[cfg(feature = "tokio")]
    Tokio(<crate::TokioLoop as Backend>::Started<T>),
    #[cfg(feature = "sim")]
    Sim(<crate::SimLoop as Backend>::Started<T>),
    Absent(<Absent as Backend>::Started<T>),
}

impl<T: Send + 'static> AnyStarted<T> {
    #[track_caller]
    pub(super) fn start<F>(lp: &AnyLoop, future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self(dispatch!(AnyLoop, lp, lp => Started as wrap: wrap(lp.start(future))))
    }
}

impl<T: Send + 'static> Future for AnyStarted<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        dispatch!(Started, &mut self.0, task => Pin::new(task).poll(cx))
    }
}

impl<T: Send + 'static> StartedTask<T> for AnyStarted<T> {
    fn is_finished(&self) -> bool {
        dispatch!(Started, &self.0, task => task.is_finished())
    }
}

impl<T: Send + 'static> fmt::Debug for AnyStarted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStarted")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
