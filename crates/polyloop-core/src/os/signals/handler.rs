//! A handler: a closure that is called on the loop at each arrival of its signal.

use std::panic::Location;

use crate::event_loop::calls::call_started;
use crate::event_loop::state::LoopState;
use crate::promise::discard::Guarded;
use crate::sync::primitive::atomic::{AtomicBool, Ordering};
use crate::sync::primitive::{Arc, Mutex, lock};

type Closure = Guarded<Box<dyn FnMut() + Send>>;

pub(super) struct Handler {
    /// A call for it waits, so a further arrival makes no second one.
    asked: AtomicBool,
    stage: Mutex<Stage>,
    location: &'static Location<'static>,
}

enum Stage {
    Idle(Closure),
    /// Called at this moment; it may ask for its own end.
    Called,
    Removed,
}

impl Handler {
    #[track_caller]
    pub(super) fn new(closure: Box<dyn FnMut() + Send>) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicBool::new(false),
            stage: Mutex::new(Stage::Idle(Guarded::new(closure))),
            location: Location::caller(),
        })
    }

    /// Has it called in a later pass of the loop's calls.
    pub(super) fn ask(self: &Arc<Self>, state: &Arc<LoopState>) {
        if self.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        let asked = Asked(self.clone());
        call_started(state, self.location, move || asked.call());
    }

    fn call(&self) {
        let mut stage = lock(&self.stage);
        let closure = match std::mem::replace(&mut *stage, Stage::Called) {
            Stage::Idle(closure) => closure,
            other => {
                *stage = other;
                return;
            }
        };
        drop(stage);
        let mut called = Called {
            handler: self,
            closure: Some(closure),
        };
        if let Some(closure) = &mut called.closure {
            closure();
        }
    }

    /// It is not called again. What it captured goes now, or when the call that is under way
    /// has returned.
    pub(super) fn remove(&self) {
        let stage = std::mem::replace(&mut *lock(&self.stage), Stage::Removed);
        drop(stage);
    }
}

/// A call for the handler waits until this is dropped: when it is made, or with the calls of
/// a run that ends, which may be before that.
struct Asked(Arc<Handler>);

impl Asked {
    fn call(self) {
        let handler = self.0.clone();
        // Whatever comes from here on is another arrival.
        drop(self);
        handler.call();
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.store(false, Ordering::Release);
    }
}

/// Puts the closure back when it has returned, also by a panic, which the queue of calls
/// reports.
struct Called<'a> {
    handler: &'a Handler,
    closure: Option<Closure>,
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        let mut stage = lock(&self.handler.stage);
        if matches!(*stage, Stage::Called)
            && let Some(closure) = self.closure.take()
        {
            *stage = Stage::Idle(closure);
        }
    }
}
