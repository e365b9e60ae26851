//! Concurrency primitives that need no loop: [`Lock`], [`Semaphore`], [`Event`],
//! [`Condition`] and [`Queue`], and the ones of `async-lock` and `async-channel`
//! that already do what polyloop promises.
//!
//! | you need | take | from |
//! | --- | --- | --- |
//! | one at a time, in turn | [`Lock`] | here |
//! | so many at a time, in turn | [`Semaphore`] | here |
//! | something has happened, for all | [`Event`] | here |
//! | a value under a lock has changed | [`Condition`] | here |
//! | items from makers to takers, in turn | [`Queue`] | here |
//! | many readers or one writer | [`RwLock`] | `async-lock` |
//! | all meet at one point | [`Barrier`] | `async-lock` |
//! | made once, on first use | [`OnceCell`] | `async-lock` |
//! | a stream of messages that is closed from either end | [`channel`] | `async-channel` |
//!
//! Five are written here because the libraries' own let a newcomer overtake those
//! who wait: `async-lock`'s mutex and semaphore are free for a moment between a
//! release and the waiter's wake-up, and a message of `async-channel` may be taken
//! by somebody who never waited for it. Here whoever asked first is served first,
//! and what is released goes straight into the next one's hands (SYNC-02, SYNC-09,
//! SYNC-14). If those hands are gone by then, it goes on to the one after (SYNC-05).
//! All five stand on one line of waiters, and that on [`Deferred`](crate::Deferred):
//! so they are runtime-free, hold no task, and give out promises.
//!
//! As with every promise of polyloop's, a task that never has to wait for these five
//! leaves others their turn all the same (LOOP-41). What is of `async-lock` and
//! `async-channel` does not count: where a task may find only those ready for long, it
//! [yields](crate::yield_now) now and then.
//!
//! Every handle is cheap to clone, and its clones are the same lock, event or
//! queue. What a promise of theirs grants is a guard; dropping the promise or the
//! guard gives it back. Dropping the last handle fails those who still wait with
//! [`Broken`](crate::FailureKind::Broken).

mod condition;
mod event;
mod line;
mod lock;
#[cfg(all(test, shuttle))]
mod models;
pub(crate) mod primitive;
mod queue;
mod semaphore;

#[cfg(not(loom))]
pub use async_channel as channel;
#[cfg(not(loom))]
pub use async_lock::{
    Barrier, BarrierWaitResult, OnceCell, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard,
    RwLockWriteGuard,
};

pub use condition::Condition;
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use queue::{Full, Queue, TooManyDone, TooManyWaiters};
pub use semaphore::{NotAcquired, Permit, Semaphore};
