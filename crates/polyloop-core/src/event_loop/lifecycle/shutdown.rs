//! Hooks at the end of a run: what a program wants done before, while and after its
//! loop is wound up.

use std::future::Future;
use std::pin::Pin;

use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::sync::primitive::{Arc, Mutex, lock};

/// When a shutdown hook runs. The phases come in this order, and a later one waits
/// for every hook of the earlier ones (LOOP-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownPhase {
    /// Tasks run and connections are open: stop accepting, say goodbye, drain.
    Before,
    /// Still so; the program has let go of its clients, and closes what they used.
    During,
    /// Tasks have ended and connections are lost: flush logs, remove files.
    After,
}

impl ShutdownPhase {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
type Hook = Guarded<Box<dyn FnOnce() -> Running + Send>>;

#[derive(Default)]
pub(crate) struct ShutdownHooks(Mutex<Hooks>);

#[derive(Default)]
struct Hooks {
    next: u64,
    waiting: Vec<(u64, ShutdownPhase, Hook)>,
}

impl ShutdownHooks {
    pub(super) fn add<F, R>(self: &Arc<Self>, phase: ShutdownPhase, hook: F) -> ShutdownHook
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut hooks = lock(&self.0);
        hooks.next += 1;
        let id = hooks.next;
        hooks
            .waiting
            .push((id, phase, Guarded::new(Box::new(move || Box::pin(hook())))));
        ShutdownHook {
            hooks: self.clone(),
            id,
        }
    }

    /// Takes the hooks of a phase, in the order they were added.
    pub(crate) fn take(&self, phase: ShutdownPhase) -> Vec<Hook> {
        let mut hooks = lock(&self.0);
        if hooks.waiting.is_empty() {
            return Vec::new();
        }
        let (taken, left) = std::mem::take(&mut hooks.waiting)
            .into_iter()
            .partition(|(_, of, _)| *of == phase);
        hooks.waiting = left;
        taken.into_iter().map(|(_, _, hook)| hook).collect()
    }
}

/// A hook that was added. Dropping this leaves it in place.
#[derive(Clone)]
pub struct ShutdownHook {
    hooks: Arc<ShutdownHooks>,
    id: u64,
}

impl ShutdownHook {
    /// Takes the hook back. False if it has run, or was taken back before.
    pub fn cancel(&self) -> bool {
        let mut hooks = lock(&self.hooks.0);
        let found = hooks.waiting.iter().position(|(id, ..)| *id == self.id);
        let hook = found.map(|index| hooks.waiting.remove(index));
        drop(hooks);
        hook.is_some()
    }
}

impl std::fmt::Debug for ShutdownHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShutdownHook")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
