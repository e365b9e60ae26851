//! Telling threads that the run has ended which they count on.

use std::task::Waker;

use slab::Slab;

use crate::sync::primitive::{Mutex, lock};

#[derive(Default)]
pub(crate) struct RunEnd(Mutex<Slab<Option<Waker>>>);

impl RunEnd {
    /// A place among those who are told, until it is dropped.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch {
            key: lock(&self.0).insert(None),
            end: self,
        }
    }

    /// Wakes all who watch.
    pub(super) fn tell(&self) {
        let wakers: Vec<Waker> = {
            let mut watching = lock(&self.0);
            let wakers = watching.iter_mut().filter_map(|(_, waker)| waker.take());
            wakers.collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

pub(crate) struct Watch<'a> {
    end: &'a RunEnd,
    key: usize,
}

impl Watch<'_> {
    /// Wakes `waker` when a run ends, which this is to say before it looks.
    pub(crate) fn wake(&mut self, waker: &Waker) {
        let new = Some(waker.clone());
        let old = match lock(&self.end.0).get_mut(self.key) {
            Some(known) => std::mem::replace(known, new),
            None => None,
        };
        // Only now is the lock gone: a waker may be the last to hold its task.
        drop(old);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let old = lock(&self.end.0).try_remove(self.key);
        drop(old);
    }
}
