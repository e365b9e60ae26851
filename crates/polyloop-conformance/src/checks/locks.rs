//! SYNC: locks, semaphores, events and conditions.
//!
//! They need no loop, so most checks poll by hand, where each step can be seen; the
//! order of waiters is also seen through tasks of the loop.

use polyloop_core::sync::{Condition, Event, Lock, LockGuard, Queue, Semaphore};
use polyloop_core::{Failure, MainLoop, Promise, yield_now};

use crate::fault::{Fault, Verdict, ensure, ensure_eq};
use crate::probe::{Flag, Journal, poll_once, quiet, run, until};

fn free<T: Send>(lock: &Lock<T>) -> Verdict<LockGuard<T>> {
    lock.try_lock()
        .ok_or_else(|| Fault::new("a lock that nobody holds was refused"))
}

/// Twenty tasks, each of which asked after the one before it.
pub fn sync_01<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (lock, journal) = (Lock::new(()), Journal::new());
        let held = free(&lock)?;
        let mut tasks = Vec::new();
        for number in 0..20 {
            let (asked, journal) = (lock.lock(), journal.clone());
            tasks.push(lp.spawn(async move {
                let _guard = asked.await?;
                journal.note(number.to_string());
                yield_now().await;
                Ok::<(), Failure>(())
            }));
        }
        quiet(&lp).await;
        ensure_eq!(journal.names().len(), 0, "grants of a lock that is held");
        drop(held);
        for task in tasks {
            task.await??;
        }
        let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        ensure_eq!(journal.names(), expected, "the order of grants");
        Ok(())
    })
}

/// Between the release and the waiter's next poll it reads as locked, and a newcomer
/// gets nothing.
pub fn sync_02<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let lock = Lock::new(1);
        let held = free(&lock)?;
        let mut waiting = lock.lock();
        ensure!(poll_once(&mut waiting).is_pending(), "two hold the lock");
        drop(held);
        ensure!(lock.is_locked(), "the lock reads as free");
        ensure!(lock.try_lock().is_none(), "a newcomer got the lock");
        ensure!(
            poll_once(&mut lock.lock()).is_pending(),
            "a newcomer overtook"
        );
        drop(waiting.await?);
        ensure!(!lock.is_locked(), "the lock was never released");
        Ok(())
    })
}

/// The one in the middle leaves: by cancel, and by being dropped.
pub fn sync_04<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let lock = Lock::new(1);
        let held = free(&lock)?;
        let (first, cancelled, dropped, last) =
            (lock.lock(), lock.lock(), lock.lock(), lock.lock());
        ensure!(cancelled.cancel("no longer"), "the cancel was refused");
        drop(dropped);
        drop(held);
        let guard = first.await?;
        ensure!(!last.is_done(), "two hold the lock");
        drop(guard);
        ensure!(last.is_done(), "those who left held the others up");
        drop(last.await?);
        let Err(failure) = cancelled.await else {
            return Err(Fault::new("a cancelled waiter got the lock"));
        };
        ensure!(failure.is_cancelled(), "cancelled, but: {failure}");
        Ok(())
    })
}

/// Granted, but dropped before it was picked up; and a task that is cancelled then.
pub fn sync_05<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let lock = Lock::new(1);
        let held = free(&lock)?;
        let (first, second) = (lock.lock(), lock.lock());
        drop(held);
        ensure!(first.is_done() && !second.is_done(), "not in turn");
        drop(first);
        ensure!(second.is_done(), "the lock stays with one who left");
        let held = second.await?;

        let (taker, next) = (lock.clone(), lock.clone());
        let entered = Flag::new();
        let entry = entered.clone();
        let task = lp.spawn(async move {
            entry.set();
            let guard = taker.lock().await;
            std::future::pending::<()>().await;
            drop(guard);
        });
        until(&lp, "the taker waits", || entered.is_set()).await?;
        quiet(&lp).await;
        let next = next.lock();
        drop(held);
        ensure!(task.cancel("gone"), "the taker can't be cancelled");
        until(&lp, "the next one's turn", || next.is_done()).await?;
        drop(next.await?);
        ensure!(!lock.is_locked(), "the lock leaked");
        Ok(())
    })
}

/// With work that waits, work that fails, and work that is cancelled.
pub fn sync_06<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let (lock, gate) = (Lock::new(0), Event::new());
        let (handle, opened) = (lock.clone(), gate.clone());
        let task = lp.spawn(async move {
            handle
                .run(async |value: &mut i32| {
                    *value += 1;
                    opened.wait().await?;
                    *value += 1;
                    Err::<(), _>(Failure::from("on purpose"))
                })
                .await
        });
        until(&lp, "the work has the lock", || lock.is_locked()).await?;
        quiet(&lp).await;
        ensure!(lock.is_locked(), "the lock went before the work was done");
        gate.set();
        ensure!(task.await?.is_err(), "the failure of the work was lost");
        ensure_eq!(*free(&lock)?, 2, "what the work did");

        let (handle, permits) = (lock.clone(), Semaphore::new(1));
        let limited = permits.clone();
        let task = lp.spawn(async move {
            limited
                .run(async || {
                    handle
                        .run(async |_: &mut i32| std::future::pending::<()>().await)
                        .await;
                })
                .await;
        });
        until(&lp, "the work began", || lock.is_locked()).await?;
        ensure!(task.cancel("enough"), "the work can't be cancelled");
        let Err(failure) = task.await else {
            return Err(Fault::new("work without an end ended"));
        };
        ensure!(failure.is_cancelled(), "cancelled, but: {failure}");
        until(&lp, "a release by cancel", || !lock.is_locked()).await?;
        ensure_eq!(permits.available(), 1, "free permits");
        Ok(())
    })
}

/// A gate that opens later.
pub fn sync_07<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let gate = Semaphore::new(0);
        ensure!(gate.try_acquire().is_none(), "there is a permit of none");
        let asked = gate.acquire();
        let task = lp.spawn(async move { asked.await.map(drop) });
        quiet(&lp).await;
        ensure!(!task.is_done(), "there was a permit of none");
        gate.add_permits(1);
        task.await??;
        until(&lp, "the permit is back", || gate.available() == 1).await
    })
}

/// Only what was forgotten can be released, once; guards come back by themselves.
pub fn sync_08<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let semaphore = Semaphore::new(2);
        ensure!(semaphore.release().is_err(), "a release of nothing");
        let guard = semaphore.acquire().await?;
        ensure!(semaphore.release().is_err(), "a guard's release");
        semaphore.acquire().await?.forget();
        ensure_eq!(semaphore.available(), 0, "with one held and one forgotten");
        semaphore.release()?;
        ensure!(semaphore.release().is_err(), "one more release");
        drop(guard);
        ensure_eq!(semaphore.available(), 2, "free permits at the end");
        Ok(())
    })
}

/// A permit for one who waits is not there for a newcomer, however it asks.
pub fn sync_09<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let semaphore = Semaphore::new(0);
        let waiting: Vec<_> = (0..3).map(|_| semaphore.acquire()).collect();
        for turn in 0..3 {
            semaphore.add_permits(1);
            ensure!(semaphore.try_acquire().is_none(), "a newcomer overtook");
            ensure!(
                poll_once(&mut semaphore.acquire()).is_pending(),
                "a newcomer overtook by waiting"
            );
            let done: Vec<bool> = waiting.iter().map(Promise::is_done).collect();
            let expected: Vec<bool> = (0..3).map(|place| place <= turn).collect();
            ensure_eq!(done, expected, "granted after {} permits", turn + 1);
        }
        drop(waiting);
        ensure_eq!(semaphore.available(), 3, "free permits at the end");
        Ok(())
    })
}

/// All of ten tasks, though it is cleared in the next breath.
pub fn sync_10<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |lp| {
        let event = Event::new();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let told = event.wait();
                lp.spawn(told)
            })
            .collect();
        quiet(&lp).await;
        ensure!(tasks.iter().all(|task| !task.is_done()), "woken by nothing");
        ensure!(!event.is_set(), "a new event is set");
        event.set();
        ensure!(event.is_set(), "an event that was set is not");
        event.clear();
        for task in tasks {
            task.await??;
        }
        ensure!(!event.wait().is_done(), "a cleared event is set");
        event.set();
        ensure!(event.wait().is_done(), "waiting on a set event takes time");
        Ok(())
    })
}

/// Notified while the lock is taken; and one that is cancelled passes its notice on.
pub fn sync_11<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let (lock, condition) = (Lock::new(0), Condition::new());
        let mut waiting = Box::pin(condition.wait(free(&lock)?));
        ensure!(poll_once(&mut waiting).is_pending(), "woken by nothing");
        ensure!(!lock.is_locked(), "a waiter keeps the lock");
        let mut held = free(&lock)?;
        *held = 7;
        condition.notify_one();
        ensure!(
            poll_once(&mut waiting).is_pending(),
            "left without the lock"
        );
        drop(held);
        let guard = waiting.await;
        ensure!(lock.is_locked(), "left without the lock");
        ensure_eq!(*guard, 7, "the value");
        drop(guard);

        let mut leaving = Box::pin(condition.wait(free(&lock)?));
        ensure!(poll_once(&mut leaving).is_pending(), "woken by nothing");
        let mut staying = Box::pin(condition.wait(free(&lock)?));
        ensure!(poll_once(&mut staying).is_pending(), "woken by nothing");
        condition.notify_one();
        // Whoever leaves early gave its guard to the wait, and has none: there is no
        // place in its code where it could touch the value without the lock.
        drop(leaving);
        ensure!(!lock.is_locked(), "one who left holds the lock");
        drop(staying.await);
        ensure!(!lock.is_locked(), "the lock leaked");

        let mut all = Vec::new();
        for _ in 0..3 {
            let mut waiting = Box::pin(condition.wait(free(&lock)?));
            ensure!(poll_once(&mut waiting).is_pending(), "woken by nothing");
            all.push(waiting);
        }
        condition.notify_all();
        for waiting in all {
            drop(waiting.await);
        }
        Ok(())
    })
}

/// As many as there can be; and many at once, to those who wait and to nobody.
pub fn sync_17<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let endless = Semaphore::new(usize::MAX);
        ensure_eq!(endless.available(), usize::MAX, "free permits");
        let permit = endless.try_acquire();
        ensure_eq!(
            endless.available(),
            usize::MAX - 1,
            "free permits, one taken"
        );
        endless.add_permits(5);
        drop(permit);
        ensure_eq!(
            endless.available(),
            usize::MAX,
            "free permits, more than fit"
        );

        let gate = Semaphore::new(0);
        let waiting: Vec<_> = (0..3).map(|_| gate.acquire()).collect();
        gate.add_permits(usize::MAX / 2);
        ensure!(waiting.iter().all(Promise::is_done), "one still waits");
        ensure_eq!(
            gate.available(),
            usize::MAX / 2 - 3,
            "free permits, three taken"
        );
        drop(waiting);
        ensure_eq!(gate.available(), usize::MAX / 2, "free permits at the end");
        let queue = Queue::bounded(usize::MAX);
        ensure!(
            queue.try_put(1).is_ok(),
            "a queue of any length has no room"
        );
        Ok(())
    })
}

/// Those who stop waiting, dropped or cancelled, served or not, count no more; and those who
/// are left are served in turn.
pub fn sync_18<L: MainLoop>(make: &dyn Fn() -> L) -> Verdict {
    run(make, async |_| {
        let semaphore = Semaphore::new(0);
        let mut waiting: Vec<_> = (0..1_000).map(|_| semaphore.acquire()).collect();
        let mut place = 0;
        waiting.retain(|acquire| {
            place += 1;
            if place % 3 == 0 {
                acquire.cancel("no longer");
            }
            place % 3 == 1
        });
        ensure_eq!(semaphore.waiting(), waiting.len(), "who waits for a permit");
        semaphore.add_permits(2);
        let done: Vec<bool> = waiting.iter().take(3).map(Promise::is_done).collect();
        ensure_eq!(done, [true, true, false], "the first two are served");
        ensure_eq!(semaphore.waiting(), waiting.len() - 2, "who still waits");

        let queue = Queue::<u8>::unbounded().with_max_waiters(500);
        let mut gets: Vec<_> = (0..500).map(|_| queue.get()).collect();
        ensure!(queue.get().await.is_err(), "one more waits than may");
        drop(gets.remove(250));
        ensure_eq!(queue.waiting(), 499, "who waits for an item");
        let late = queue.get();
        ensure!(!late.is_done(), "a place that came free is not there");
        Ok(())
    })
}
