//! SYNC: queues.

use polyloop_core::sync::{Queue, TooManyWaiters};
use polyloop_core::{MainLoop, Promise};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, poll_once, quiet, run};

/// `try_put` gives the item back; `put` waits, and puts in turn.
pub fn sync_12<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let queue = Queue::bounded(1);
        ensure_eq!(queue.len(), 0, "items in a new queue");
        ensure!(queue.is_empty(), "a new queue is not empty");
        queue.try_put(1)?;
        ensure_eq!(queue.len(), 1, "items behind the first put");
        ensure!(!queue.is_empty(), "a queue with an item is empty");
        let Err(full) = queue.try_put(2) else {
            return Err(Fault::new("two items in room for one"));
        };
        ensure_eq!(full.item, 2, "the item that came back");
        let (put, handle) = (Flag::new(), queue.clone());
        let done = put.clone();
        let task = lp.spawn(async move {
            for item in [2, 3] {
                handle.put(item).await;
                done.set();
            }
        });
        quiet(&lp).await;
        ensure!(!put.is_set(), "`put` did not wait for room");
        for expected in 1..=3 {
            ensure_eq!(queue.get().await?, expected, "the next item");
        }
        task.await?;

        // An item that was granted and not picked up leaves no room yet.
        queue.try_put(1)?;
        let first = queue.get();
        let mut put = Box::pin(queue.put(2));
        ensure!(
            poll_once(&mut put).is_pending(),
            "`put` took room of another"
        );
        let second = queue.get();
        ensure!(queue.try_put(3).is_err(), "a put overtook one that waits");
        ensure_eq!(first.await?, 1, "what was put first");
        put.await;
        ensure_eq!(second.await?, 2, "what was put next");
        Ok(())
    })
}

/// With a limit of two, the third fails through its promise; room comes back when
/// one leaves.
pub fn sync_13<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let queue = Queue::unbounded().with_max_waiters(2);
        let (first, second, third) = (queue.get(), queue.get(), queue.get());
        let Err(failure) = third.await else {
            return Err(Fault::new("a third waiter was let in and served"));
        };
        ensure_eq!(
            failure.downcast_ref::<TooManyWaiters>().map(|e| e.waiting),
            Some(2),
            "the limit as told"
        );
        drop(first);
        let fourth = queue.get();
        queue.try_put('a')?;
        queue.try_put('b')?;
        ensure_eq!(second.await?, 'a', "the second's item");
        ensure_eq!(fourth.await?, 'b', "the fourth's item");
        Ok(())
    })
}

/// Nobody else gets it, in the moment before it is picked up; and a full queue takes
/// it.
pub fn sync_14<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let queue = Queue::bounded(1);
        let (first, second) = (queue.get(), queue.get());
        queue.try_put(1)?;
        queue.try_put(2)?;
        queue.try_put(3)?;
        ensure_eq!(queue.try_get(), Some(3), "what is there for a newcomer");
        ensure_eq!(queue.try_get(), None, "what else is there for a newcomer");
        ensure_eq!(second.await?, 2, "the second's item");
        ensure_eq!(first.await?, 1, "the first's item");
        Ok(())
    })
}

/// Gone before the put, and gone after it: next to another getter, and alone.
pub fn sync_15<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let queue = Queue::unbounded();
        let (cancelled, next) = (queue.get(), queue.get());
        ensure!(cancelled.cancel("no longer"), "the cancel was refused");
        queue.try_put(1)?;
        ensure_eq!(next.await?, 1, "the item after a cancel");

        let (leaves, next) = (queue.get(), queue.get());
        queue.try_put(2)?;
        drop(leaves);
        ensure_eq!(next.await?, 2, "the item that was not picked up");

        let getter = queue.clone();
        let task = lp.spawn(async move { getter.get().await });
        quiet(&lp).await;
        ensure!(task.cancel("no longer"), "the task can't be cancelled");
        // Whichever of them the item reached first, it is not lost.
        queue.try_put(3)?;
        match task.await {
            Ok(item) => ensure_eq!(item?, 3, "the item of a task that was faster"),
            Err(_) => ensure_eq!(queue.get().await?, 3, "the item after a cancelled task"),
        }
        Ok(())
    })
}

/// Not before the last, and once too often.
pub fn sync_16<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let queue = Queue::unbounded();
        ensure!(queue.join().is_done(), "nothing was put, and join waits");
        for item in 0..3 {
            queue.try_put(item)?;
        }
        let joined = queue.join();
        let worker = queue.clone();
        let task = lp.spawn(async move {
            for _ in 0..2 {
                worker.get().await?;
                worker.task_done()?;
            }
            worker.get().await
        });
        task.await??;
        quiet(&lp).await;
        ensure!(!joined.is_done(), "joined before the last was dealt with");
        queue.task_done()?;
        joined.await?;
        ensure!(queue.task_done().is_err(), "one too many was taken");
        Ok(())
    })
}
