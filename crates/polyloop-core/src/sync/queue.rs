//! [`Queue`]: items from makers to takers, in turn.

use std::collections::VecDeque;
use std::fmt;

use thiserror::Error;

use super::line::{Claim, Line};
use super::semaphore::{Permit, Semaphore};
use crate::promise::crowd::{Crowd, tell};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::discard::Guarded;
use crate::promise::failure::Failure;
use crate::promise::{Promise, budget};
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::primitive::{Arc, Mutex, lock};

/// Items in the order they were put, for takers in the order they asked: Twisted's
/// `DeferredQueue`, asyncio's `Queue`.
///
/// An item put while somebody waits is theirs (SYNC-14). If they leave before they
/// have picked it up, it goes to the next one, or back to the front (SYNC-15).
///
/// ```
/// use polyloop_core::{Failure, sync::Queue};
///
/// async fn work(jobs: Queue<String>) -> Result<(), Failure> {
///     loop {
///         let job = jobs.get().await?;
///         println!("doing {job}");
///         jobs.task_done()?;
///     }
/// }
///
/// async fn plan(jobs: Queue<String>) -> Result<(), Failure> {
///     jobs.put("sweep".to_owned()).await; // waits for room
///     jobs.join().await // until all is done
/// }
/// # let _ = (work(Queue::bounded(8)), plan(Queue::bounded(8)));
/// ```
pub struct Queue<T: Send> {
    inner: Arc<Inner<T>>,
}

struct Inner<T: Send> {
    items: Arc<Line<Stored<T>>>,
    /// One permit for each item that the queue has room for.
    room: Option<Semaphore>,
    /// `usize::MAX`: no limit.
    max_waiters: AtomicUsize,
    unfinished: Mutex<Unfinished>,
}

/// An item, and the room that it takes until it is picked up.
struct Stored<T> {
    item: Guarded<T>,
    _room: Option<Permit>,
}

#[derive(Default)]
struct Unfinished {
    count: usize,
    joiners: Crowd<Resolver<()>>,
}

impl<T: Send> Queue<T> {
    /// A queue that takes any number of items.
    pub fn unbounded() -> Self {
        Self::build(None)
    }

    /// A queue with room for so many items; an item put while somebody waits for it
    /// needs none.
    ///
    /// # Panics
    /// If `room` is zero.
    pub fn bounded(room: usize) -> Self {
        assert!(room > 0, "a queue needs room for one item at least, not 0");
        Self::build(Some(Semaphore::new(room)))
    }

    fn build(room: Option<Semaphore>) -> Self {
        Self {
            inner: Arc::new(Inner {
                items: Line::new(VecDeque::new()),
                room,
                max_waiters: AtomicUsize::new(usize::MAX),
                unfinished: Mutex::default(),
            }),
        }
    }

    /// Lets no more than `max` wait for an item from now on (SYNC-13).
    pub fn with_max_waiters(self, max: usize) -> Self {
        self.inner.max_waiters.store(max, Ordering::Relaxed);
        self
    }

    /// Adds an item, or gives it back if there is no room (SYNC-12). While others
    /// wait for room, there is none.
    pub fn try_put(&self, item: T) -> Result<(), Full<T>> {
        let Some(room) = &self.inner.room else {
            self.inner.store(Guarded::new(item), None);
            return Ok(());
        };
        if room.waiting() > 0 {
            return Err(Full { item });
        }
        // Counted first: whoever is handed the item may be done before this returns.
        self.inner.started();
        let stored = Stored {
            item: Guarded::new(item),
            _room: None,
        };
        let Some(Stored { item, .. }) = self.inner.items.hand(stored) else {
            return Ok(());
        };
        self.inner.finished();
        match room.try_acquire() {
            Some(permit) => {
                self.inner.store(item, Some(permit));
                Ok(())
            }
            None => Err(Full {
                item: item.into_inner(),
            }),
        }
    }

    /// Adds an item, when there is room for it (SYNC-12).
    ///
    /// Dropping this before it is done drops the item.
    pub async fn put(&self, item: T) {
        budget::spend_in_turn().await;
        let Err(Full { item }) = self.try_put(item) else {
            return;
        };
        let permit = match &self.inner.room {
            Some(room) => room.acquire().await.ok(),
            None => None,
        };
        self.inner.store(Guarded::new(item), permit);
    }

    /// Asks for an item. The place in the line is taken by this call; dropping or
    /// cancelling the promise gives it up. It fails with [`TooManyWaiters`] if the
    /// line is as long as it may be.
    pub fn get(&self) -> impl Promise<Value = T> + Unpin + use<T> {
        let limit = self.inner.max_waiters.load(Ordering::Relaxed);
        let claim = self.inner.items.take_if(limit);
        let claim = claim.unwrap_or_else(|waiting| Claim::failed(TooManyWaiters { waiting }));
        claim.then(|grant| Ok(grant.keep().item.into_inner()))
    }

    /// An item if there is one that nobody waits for.
    pub fn try_get(&self) -> Option<T> {
        Some(self.inner.items.try_take()?.keep().item.into_inner())
    }

    /// How many items nobody has asked for yet.
    pub fn len(&self) -> usize {
        self.inner.items.stored()
    }

    /// Whether every item has been asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait for an item.
    pub fn waiting(&self) -> usize {
        self.inner.items.waiting()
    }

    /// Says that an item which was taken has been dealt with. Refused if that was
    /// said of every item already (SYNC-16).
    pub fn task_done(&self) -> Result<(), TooManyDone> {
        if self.inner.finished() {
            Ok(())
        } else {
            Err(TooManyDone)
        }
    }

    /// Waits until every item put so far, and every one put until then, has been
    /// [dealt with](Self::task_done) (SYNC-16).
    pub fn join(&self) -> Deferred<()> {
        let mut unfinished = lock(&self.inner.unfinished);
        if unfinished.count == 0 {
            return Deferred::resolved(());
        }
        let (promise, left) = unfinished.joiners.wait();
        drop(unfinished);
        drop(left);
        promise
    }
}

impl<T: Send> Inner<T> {
    fn store(&self, item: Guarded<T>, room: Option<Permit>) {
        // Counted first: whoever is handed the item may be done before this returns.
        self.started();
        self.items.give(Stored { item, _room: room });
    }

    fn started(&self) {
        lock(&self.unfinished).count += 1;
    }

    /// False if there was none.
    fn finished(&self) -> bool {
        let mut unfinished = lock(&self.unfinished);
        let Some(count) = unfinished.count.checked_sub(1) else {
            return false;
        };
        unfinished.count = count;
        if count == 0 {
            let told = unfinished.joiners.leave();
            drop(unfinished);
            tell(told);
        }
        true
    }
}

impl<T: Send> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<T: Send> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// [`Queue::try_put`] on a queue without room; gives the item back.
#[derive(Error)]
#[error("the queue has no room for another item; `put` waits for it")]
#[non_exhaustive]
pub struct Full<T> {
    /// The item.
    pub item: T,
}

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full").finish_non_exhaustive()
    }
}

/// [`Queue::get`] while as many wait as may.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{waiting} wait for an item of the queue already, and no more may")]
#[non_exhaustive]
pub struct TooManyWaiters {
    /// How many wait.
    pub waiting: usize,
}

/// [`Queue::task_done`] once more than items were put.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("`task_done` was called once for every item put already")]
#[non_exhaustive]
pub struct TooManyDone;

impl From<TooManyWaiters> for Failure {
    #[track_caller]
    fn from(error: TooManyWaiters) -> Self {
        Self::new(error)
    }
}

impl From<TooManyDone> for Failure {
    #[track_caller]
    fn from(error: TooManyDone) -> Self {
        Self::new(error)
    }
}

impl<T> From<Full<T>> for Failure {
    #[track_caller]
    fn from(full: Full<T>) -> Self {
        Self::message(full.to_string())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_item_put_while_somebody_waits_needs_no_room_and_is_theirs() {
        let queue = Queue::bounded(1);
        let (first, second) = (queue.get(), queue.get());
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        assert_eq!(queue.try_get(), None);
        queue.try_put(3).unwrap();
        assert_eq!(queue.try_put(4).unwrap_err().item, 4);
        assert_eq!(second.now_or_never().unwrap().unwrap(), 2);
        assert_eq!(first.now_or_never().unwrap().unwrap(), 1);
        assert_eq!(queue.try_get(), Some(3));
        assert!(queue.try_put(5).is_ok());
    }

    #[test]
    fn puts_wait_for_room_in_turn() {
        let queue = Queue::bounded(1);
        queue.try_put(1).unwrap();
        let (mut second, mut third) = (Box::pin(queue.put(2)), Box::pin(queue.put(3)));
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        assert_eq!(queue.try_get(), Some(1));
        // The room that came free belongs to the second.
        assert!(queue.try_put(9).is_err());
        assert!((&mut third).now_or_never().is_none());
        assert!(second.now_or_never().is_some());
        assert_eq!(queue.try_get(), Some(2));
        assert!(third.now_or_never().is_some());
        assert_eq!(queue.try_get(), Some(3));
    }

    #[test]
    fn an_item_that_nobody_picked_up_is_the_next_one() {
        let queue = Queue::unbounded();
        let (first, second) = (queue.get(), queue.get());
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        drop(first);
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.try_get(), Some(1));
        assert_eq!(second.now_or_never().unwrap().unwrap(), 2);
    }

    #[test]
    fn a_refused_put_is_not_counted() {
        let queue = Queue::bounded(1);
        queue.try_put(1).unwrap();
        let joined = queue.join();
        assert!(queue.try_put(2).is_err());
        assert!(!joined.is_done());
        assert_eq!(queue.task_done(), Ok(()));
        assert!(joined.is_done());
        assert_eq!(queue.task_done(), Err(TooManyDone));
    }
}
