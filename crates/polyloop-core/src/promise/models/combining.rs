//! Several promises at once, each settled by a thread of its own.

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};

use crate::promise::combine::{
    AllFailed, WaitFor, as_completed, gather, race, select, shield, try_gather, wait,
};
use crate::promise::deferred::{Deferred, Resolver};
use crate::promise::{Failure, Promise as _};
use crate::sync::primitive::exploring::{draw, exhaust, look};

fn settle(resolver: Resolver<u32>, value: u32) -> JoinHandle<bool> {
    thread::spawn(move || resolver.resolve(value).is_ok())
}

fn fail(resolver: Resolver<u32>) -> JoinHandle<bool> {
    thread::spawn(move || resolver.reject(Failure::message("no")).is_ok())
}

fn two() -> ([Resolver<u32>; 2], [Deferred<u32>; 2]) {
    let (first, one) = Deferred::new();
    let (second, other) = Deferred::new();
    ([first, second], [one, other])
}

#[test]
fn gather_has_every_outcome() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 1), fail(second)];
        let outcomes = block_on(gather(promises)).unwrap();
        assert_eq!(outcomes[0].as_ref().ok(), Some(&1));
        assert!(outcomes[1].is_err());
        for thread in settling {
            assert!(thread.join().unwrap());
        }
    });
}

#[test]
fn gather_ends_as_cancelled_whoever_settles_meanwhile() {
    draw(|| {
        let ([first, second], promises) = two();
        let mut gathering = gather(promises);
        let settling = settle(first, 1);
        look(&mut gathering);
        // The second can be cancelled, whatever the first does.
        assert!(gathering.cancel("no more"));
        assert!(block_on(gathering).unwrap_err().is_cancelled());
        assert!(second.is_abandoned());
        settling.join().unwrap();
    });
}

#[test]
fn try_gather_has_the_values_or_a_failure() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 1), settle(second, 2)];
        assert_eq!(block_on(try_gather(promises)).unwrap(), [1, 2]);
        for thread in settling {
            assert!(thread.join().unwrap());
        }
        let ([first, second], promises) = two();
        let settling = fail(first);
        assert!(block_on(try_gather(promises)).is_err());
        settling.join().unwrap();
        // It runs on, with nobody to hear of it.
        let _ = second.resolve(1);
    });
}

#[test]
fn race_has_one_winner() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 0), settle(second, 1)];
        let (index, value) = block_on(race(promises)).unwrap();
        assert_eq!(index, value as usize);
        let taken = settling.map(|thread| thread.join().unwrap());
        assert!(taken[index], "the winner's value came back");
    });
}

#[test]
fn race_is_lost_when_all_fail() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [fail(first), fail(second)];
        let failure = block_on(race(promises)).unwrap_err();
        assert!(failure.downcast_ref::<AllFailed>().is_some());
        for thread in settling {
            thread.join().unwrap();
        }
    });
}

#[test]
fn select_gives_back_who_was_later() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 0), settle(second, 1)];
        let selected = block_on(select(promises)).unwrap();
        assert_eq!(selected.outcome.unwrap() as usize, selected.index);
        for (index, late) in selected.rest {
            assert_eq!(block_on(late).unwrap() as usize, index);
        }
        for thread in settling {
            assert!(thread.join().unwrap());
        }
    });
}

#[test]
fn wait_divides_them_and_loses_none() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 0), settle(second, 1)];
        let waited = block_on(wait(promises, WaitFor::FirstDone)).unwrap();
        let mut seen = Vec::new();
        for (index, outcome) in waited.done {
            assert_eq!(outcome.unwrap() as usize, index);
            seen.push(index);
        }
        assert!(!seen.is_empty());
        for (index, late) in waited.pending {
            assert_eq!(block_on(late).unwrap() as usize, index);
            seen.push(index);
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        for thread in settling {
            assert!(thread.join().unwrap());
        }
    });
}

#[test]
fn as_completed_gives_each_once() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 0), fail(second)];
        let mut outcomes = as_completed(promises);
        let mut seen = Vec::new();
        while let Some((index, outcome)) = block_on(outcomes.next()) {
            assert_eq!(outcome.is_ok(), index == 0);
            seen.push(index);
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        for thread in settling {
            assert!(thread.join().unwrap());
        }
    });
}

#[test]
fn a_shield_keeps_the_work_from_a_cancel() {
    exhaust(|| {
        let (resolver, promise) = Deferred::new();
        let mut shielded = shield(promise);
        let settling = settle(resolver, 1);
        let early = look(&mut shielded);
        let cancelled = shielded.cancel("no more");
        match early {
            Some(outcome) => assert_eq!(outcome.unwrap(), 1),
            None if cancelled => {
                assert!(look(&mut shielded).unwrap().unwrap_err().is_cancelled());
                assert_eq!(block_on(shielded.into_inner()).unwrap(), 1);
            }
            None => assert_eq!(block_on(shielded).unwrap(), 1),
        }
        assert!(settling.join().unwrap());
    });
}

#[test]
fn combinations_in_one_another_end() {
    draw(|| {
        let ([first, second], promises) = two();
        let settling = [settle(first, 1), fail(second)];
        let shared = race(promises).then(|(_, value)| Ok(value)).shared();
        let other = thread::spawn({
            let shared = shared.clone();
            move || assert_eq!(block_on(shared).unwrap(), 1)
        });
        assert_eq!(
            block_on(try_gather([shared.clone(), shared])).unwrap(),
            [1, 1]
        );
        other.join().unwrap();
        for thread in settling {
            thread.join().unwrap();
        }
    });
}
