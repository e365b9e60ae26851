//! Models of locks, permits, queues, conditions and events: those who come, wait, leave
//! and cancel.

use std::pin::pin;

use shuttle::future::block_on;
use shuttle::thread;

use super::{Condition, Event, Lock, Queue, Semaphore};
use crate::promise::Promise as _;
use crate::sync::primitive::Arc;
use crate::sync::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::primitive::exploring::{draw, look};

/// Somebody who must be alone.
#[derive(Clone, Default)]
struct Alone(Arc<AtomicUsize>);

impl Alone {
    fn check(&self) {
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0, "two hold it");
        thread::yield_now();
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_lock_is_held_by_one_and_goes_on_past_those_who_leave() {
    draw(|| {
        let lock = Lock::new(0);
        let alone = Alone::default();
        let (holder, held) = (lock.clone(), alone.clone());
        let holding = thread::spawn(move || {
            let mut guard = block_on(holder.lock()).unwrap();
            held.check();
            *guard += 1;
        });
        let (leaver, left) = (lock.clone(), alone.clone());
        let leaving = thread::spawn(move || {
            let mut claim = leaver.lock();
            if let Some(guard) = look(&mut claim) {
                left.check();
                drop(guard);
            }
        });
        let canceller = lock.clone();
        let cancelling = thread::spawn(move || {
            let claim = canceller.lock();
            claim.cancel("no more");
            if let Ok(guard) = block_on(claim) {
                alone.check();
                drop(guard);
            }
        });
        assert_eq!(*block_on(lock.lock()).unwrap() / 2, 0);
        for thread in [holding, leaving, cancelling] {
            thread.join().unwrap();
        }
        assert_eq!(*lock.try_lock().expect("somebody holds it still"), 1);
    });
}

#[test]
fn a_semaphore_keeps_its_permits() {
    draw(|| {
        let semaphore = Semaphore::new(1);
        let alone = Alone::default();
        let (holder, held) = (semaphore.clone(), alone.clone());
        let holding = thread::spawn(move || {
            let permit = block_on(holder.acquire()).unwrap();
            held.check();
            drop(permit);
        });
        let (leaver, left) = (semaphore.clone(), alone.clone());
        let leaving = thread::spawn(move || {
            let mut claim = leaver.acquire();
            if let Some(permit) = look(&mut claim) {
                left.check();
                drop(permit);
            }
        });
        let canceller = semaphore.clone();
        let cancelling = thread::spawn(move || {
            let claim = canceller.acquire();
            claim.cancel("no more");
            if let Ok(permit) = block_on(claim) {
                alone.check();
                drop(permit);
            }
        });
        for thread in [holding, leaving, cancelling] {
            thread.join().unwrap();
        }
        assert_eq!((semaphore.available(), semaphore.waiting()), (1, 0));
    });
}

#[test]
fn permits_that_are_added_reach_those_who_wait() {
    draw(|| {
        let semaphore = Semaphore::new(0);
        let waiting = [semaphore.clone(), semaphore.clone()].map(|semaphore| {
            thread::spawn(move || block_on(semaphore.acquire()).unwrap().forget())
        });
        semaphore.add_permits(1);
        let adding = semaphore.clone();
        let adding = thread::spawn(move || adding.add_permits(1));
        for thread in waiting {
            thread.join().unwrap();
        }
        adding.join().unwrap();
        assert_eq!((semaphore.available(), semaphore.waiting()), (0, 0));
    });
}

#[test]
fn a_queue_keeps_the_order() {
    draw(|| {
        let queue = Queue::bounded(1);
        let maker = queue.clone();
        let making = thread::spawn(move || {
            block_on(async {
                for item in 0..4 {
                    maker.put(item).await;
                }
            });
        });
        for item in 0..4 {
            assert_eq!(block_on(queue.get()).unwrap(), item);
        }
        making.join().unwrap();
        assert!(queue.is_empty() && queue.waiting() == 0);
    });
}

#[test]
fn a_queue_loses_nothing() {
    draw(|| {
        let queue = Queue::bounded(1);
        let maker = queue.clone();
        let making = thread::spawn(move || {
            block_on(async {
                for item in 0..3 {
                    maker.put(item).await;
                }
            });
        });
        let leaver = queue.clone();
        let leaving = thread::spawn(move || look(&mut leaver.get()).and_then(Result::ok));
        let taker = queue.clone();
        let taking = thread::spawn(move || [(); 2].map(|()| block_on(taker.get()).unwrap()));
        let taken = taking.join().unwrap();
        let mut all: Vec<u32> = taken.into_iter().chain(leaving.join().unwrap()).collect();
        if all.len() < 3 {
            all.push(block_on(queue.get()).unwrap());
        }
        making.join().unwrap();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        assert!(queue.is_empty() && queue.waiting() == 0);
    });
}

#[test]
fn a_putter_that_leaves_holds_nobody_up() {
    draw(|| {
        let queue = Queue::bounded(1);
        queue.try_put(0).unwrap();
        let leaver = queue.clone();
        let leaving = thread::spawn(move || {
            let mut put = Box::pin(leaver.put(1));
            let done = look(&mut put).is_some();
            drop(put);
            done
        });
        let maker = queue.clone();
        let making = thread::spawn(move || block_on(async { maker.put(2).await }));
        assert_eq!(block_on(queue.get()).unwrap(), 0);
        let put = leaving.join().unwrap();
        let mut rest = vec![block_on(queue.get()).unwrap()];
        // The one who left put it in, or it is nowhere.
        if put {
            rest.push(block_on(queue.get()).unwrap());
        }
        making.join().unwrap();
        rest.sort_unstable();
        assert_eq!(rest, if put { vec![1, 2] } else { vec![2] });
        assert!(queue.is_empty());
    });
}

#[test]
fn a_queue_is_joined_when_all_is_done() {
    draw(|| {
        let queue = Queue::unbounded();
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        let working = [queue.clone(), queue.clone()].map(|queue| {
            thread::spawn(move || {
                block_on(queue.get()).unwrap();
                queue.task_done().unwrap();
            })
        });
        block_on(queue.join()).unwrap();
        assert!(queue.is_empty());
        for thread in working {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_condition_wakes_one_who_stays() {
    draw(|| {
        let (lock, condition) = (Lock::new(0), Condition::new());
        let (leaver, left) = (lock.clone(), condition.clone());
        let leaving = thread::spawn(move || {
            let guard = block_on(leaver.lock()).unwrap();
            let mut waiting = Box::pin(left.wait(guard));
            look(&mut waiting);
        });
        let (waiter, waited) = (lock.clone(), condition.clone());
        let waiting = thread::spawn(move || {
            block_on(async {
                let guard = waiter.lock().await.unwrap();
                let guard = waited.wait_while(guard, |value| *value == 0).await;
                assert_eq!(*guard, 1);
            });
        });
        block_on(async {
            *lock.lock().await.unwrap() = 1;
            condition.notify_one();
        });
        leaving.join().unwrap();
        // The one who left may have had it after all.
        block_on(async {
            let _guard = lock.lock().await.unwrap();
            condition.notify_one();
        });
        waiting.join().unwrap();
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_notice_for_all_reaches_all() {
    draw(|| {
        let (lock, condition) = (Lock::new(false), Condition::new());
        let waiting = [(); 2].map(|()| {
            let (lock, condition) = (lock.clone(), condition.clone());
            thread::spawn(move || {
                block_on(async {
                    let guard = lock.lock().await.unwrap();
                    let guard = condition.wait_while(guard, |ready| !*ready).await;
                    assert!(*guard);
                });
            })
        });
        block_on(async {
            *lock.lock().await.unwrap() = true;
            condition.notify_all();
        });
        for thread in waiting {
            thread.join().unwrap();
        }
        assert!(!lock.is_locked());
    });
}

#[test]
fn an_event_reaches_all() {
    draw(|| {
        let event = Event::new();
        let waiting = [event.clone(), event.clone()]
            .map(|event| thread::spawn(move || block_on(event.wait()).unwrap()));
        let leaver = event.clone();
        let leaving = thread::spawn(move || {
            let wait = leaver.wait();
            pin!(wait).cancel("no more");
        });
        event.set();
        for thread in waiting {
            thread.join().unwrap();
        }
        leaving.join().unwrap();
        assert!(event.is_set());
    });
}
