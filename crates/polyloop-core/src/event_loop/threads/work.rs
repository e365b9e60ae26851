//! The blocking work of a loop that has not returned. No thread can be interrupted, so the
//! end of a run waits for it.

use std::panic::Location;
use std::task::Waker;

use slab::Slab;

use crate::sync::primitive::{Arc, Mutex, lock};

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
    pub(super) fn begin(self: &Arc<Self>, place: &'static Location<'static>) -> UnderWay {
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
