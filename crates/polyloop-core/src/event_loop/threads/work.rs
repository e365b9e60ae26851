//! The blocking work of a loop: what becomes of a piece, and those that have not returned.
//! No thread can be interrupted, so the end of a run waits for them.

use std::panic::Location;
use std::task::Waker;

use slab::Slab;

use crate::event_loop::state::{LoopId, LoopState};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::Guarded;
use crate::promise::failure::{Failure, catch};
use crate::sync::primitive::{Arc, Mutex, lock};

/// A piece of work, and whom its outcome is promised to.
pub(super) struct Piece<F, T: Send + 'static> {
    on: LoopId,
    /// Both until it is done. The work is guarded also where the runtime has no thread for
    /// it any more.
    owed: Option<(Guarded<F>, Resolver<T>)>,
    _under_way: UnderWay,
}

impl<F, T> Piece<F, T>
where
    F: FnOnce() -> T,
    T: Send + 'static,
{
    #[track_caller]
    pub(super) fn new(state: &LoopState, work: F) -> (Self, Deferred<T>) {
        let (resolver, promise) = Deferred::new();
        let piece = Self {
            on: state.id(),
            owed: Some((Guarded::new(work), resolver)),
            _under_way: state.work.begin(Location::caller()),
        };
        (piece, promise)
    }

    pub(super) fn run(mut self) {
        let Some((work, resolver)) = self.owed.take() else {
            return;
        };
        match catch(|| Ok(work.into_inner()())) {
            // A value that nobody waits for any more is dropped quietly.
            Ok(value) => self.on.discard(resolver.resolve(value)),
            Err(failure) => drop(resolver.reject(failure)),
        }
    }
}

impl<F, T: Send + 'static> Drop for Piece<F, T> {
    /// The runtime did not do it: it was shut down, or has no thread for it, which breaks
    /// the promise.
    fn drop(&mut self) {
        let Some((_work, resolver)) = self.owed.take() else {
            return;
        };
        let failure = match self.on.find().map(|state| state.check_open()) {
            Some(Ok(())) => return,
            Some(Err(closed)) => Failure::new(closed),
            None => Failure::cancelled("the loop ended before the work was begun"),
        };
        drop(resolver.reject(failure));
    }
}

#[derive(Default)]
pub(crate) struct WorkList(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Where each was handed over.
    under_way: Slab<&'static Location<'static>>,
    /// Who waits for the last one.
    idle: Option<Waker>,
}

impl WorkList {
    /// Work is under way until the guard is dropped: when it has returned, or when a
    /// runtime drops it undone.
    fn begin(self: &Arc<Self>, place: &'static Location<'static>) -> UnderWay {
        UnderWay {
            key: lock(&self.0).under_way.insert(place),
            list: self.clone(),
        }
    }

    /// Wakes `waker` once no work is under way. True if none is now.
    pub(crate) fn wake_when_idle(&self, waker: &Waker) -> bool {
        let mut inner = lock(&self.0);
        if inner.under_way.is_empty() {
            return true;
        }
        let old = inner.idle.replace(waker.clone());
        // Dropping a waker may run code of others.
        drop(inner);
        drop(old);
        false
    }

    /// Where the work was handed over that is under way.
    pub(crate) fn places(&self) -> Vec<&'static Location<'static>> {
        let inner = lock(&self.0);
        inner.under_way.iter().map(|(_, place)| *place).collect()
    }
}

pub(super) struct UnderWay {
    list: Arc<WorkList>,
    key: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut inner = lock(&self.list.0);
        inner.under_way.remove(self.key);
        let waker = if inner.under_way.is_empty() {
            inner.idle.take()
        } else {
            None
        };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
